/*
description: Sales per business day, product category and region, over all channels.
grain: [sale_date, category, region]
columns:
  sale_date: {type: date, description: Business day in the lake's time zone}
  category: {type: string, description: Product category; Unknown where no source names one}
  region:
    type: string
    description: Sales region; the country for wholesale; Unknown where no source names one
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
        coalesce(category, 'Unknown') AS category,
        coalesce(region, 'Unknown') AS region,
        quantity,
        total_amount,
        is_return
    FROM retail_silver.sales
    WHERE release = '{{ release }}'
)

SELECT
    category,
    region,
    count(*) AS transactions,
    sum(quantity) AS units,
    sum(CASE WHEN is_return THEN total_amount ELSE 0 END) AS returns,
    sum(total_amount) AS revenue,
    sale_date
FROM sales
GROUP BY sale_date, category, region
