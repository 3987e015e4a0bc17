/*
description: Sales per business day, product and region, over all channels.
grain: [sale_date, product_id, region]
columns:
  sale_date: {type: date, description: Business day in the lake's time zone}
  product_id: {type: string, description: Product sold, references: products}
  region:
    type: string
    description: Sales region; the country for wholesale; Unknown where no source names one
  product_name:
    type: string
    required: false
    description: Name of the product on that day; where names differ the last by alphabet
  category: {type: string, required: false, description: Category of the product on that day}
  transactions:
    type: bigint
    description: Lines sold or taken back
    minimum: 1
    reconciles_with: count(*)
  units:
    type: bigint
    description: Pieces sold, less pieces taken back
    reconciles_with: sum(quantity)
  returns:
    type: decimal(18,2)
    description: Amount paid back, in pounds; negative, part of revenue
    maximum: 0
    reconciles_with: sum(CASE WHEN is_return THEN total_amount END)
  revenue:
    type: decimal(18,2)
    description: Amount sold less amount paid back, in pounds
    reconciles_with: sum(total_amount)
*/
WITH sales AS (
    SELECT
        sale_date,
        product_id,
        coalesce(region, 'Unknown') AS region,
        product_name,
        category,
        quantity,
        total_amount,
        is_return
    FROM retail_silver.sales
    WHERE release = '{{ release }}'
),

per_product_and_region AS (
    SELECT
        sale_date,
        product_id,
        region,
        max(product_name) AS product_name,
        max(category) AS category,
        count(*) AS transactions,
        sum(quantity) AS units,
        sum(CASE WHEN is_return THEN total_amount ELSE 0 END) AS returns,
        sum(total_amount) AS revenue
    FROM sales
    GROUP BY sale_date, product_id, region
)

SELECT
    product_id,
    region,
    product_name,
    category,
    transactions,
    units,
    returns,
    revenue,
    sale_date
FROM per_product_and_region
