/*
description: The ten products that brought in most on a business day, over all channels.
grain: [sale_date, position]
columns:
  sale_date: {type: date, description: Business day in the lake's time zone}
  position:
    type: bigint
    description: From 1; among products of equal revenue the first by product_id
    minimum: 1
    maximum: 10
  product_id: {type: string, description: Product sold, references: products}
  product_name:
    type: string
    required: false
    description: Name of the product on that day; where names differ the last by alphabet
  category: {type: string, required: false, description: Category of the product on that day}
  transactions: {type: bigint, description: Lines sold or taken back, minimum: 1}
  units: {type: bigint, description: "Pieces sold, less pieces taken back"}
  revenue:
    type: decimal(18,2)
    description: Amount sold less amount paid back, in pounds
  share_of_day:
    type: decimal(9,6)
    required: false
    description: Revenue as a part of the day's; null on a day whose revenue is zero
checks:
  - {name: positions_without_gap, severity: fail, sql: min(position) = 1 AND max(position) = count(*)}
*/
WITH sales AS (
    SELECT
        sale_date,
        product_id,
        product_name,
        category,
        quantity,
        total_amount
    FROM retail_silver.sales
    WHERE release = '{{ release }}'
),

per_product AS (
    SELECT
        sale_date,
        product_id,
        max(product_name) AS product_name,
        max(category) AS category,
        count(*) AS transactions,
        sum(quantity) AS units,
        sum(total_amount) AS revenue
    FROM sales
    GROUP BY sale_date, product_id
),

ranked AS (
    SELECT
        sale_date,
        product_id,
        product_name,
        category,
        transactions,
        units,
        revenue,
        row_number() OVER (PARTITION BY sale_date ORDER BY revenue DESC, product_id) AS position,
        sum(revenue) OVER (PARTITION BY sale_date) AS revenue_of_day
    FROM per_product
)

SELECT
    position,
    product_id,
    product_name,
    category,
    transactions,
    units,
    revenue,
    -- Decimals divide at the scale of their operands, so the dividend is given more digits first.
    CAST(revenue AS decimal(28,10)) / nullif(revenue_of_day, 0) AS share_of_day,
    sale_date
FROM ranked
WHERE position <= 10
