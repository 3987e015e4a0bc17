/*
description: Sales per business day and region, over all channels.
grain: [sale_date, region]
columns:
  sale_date: {type: date, description: Business day in the lake's time zone}
  region:
    type: string
    description: Sales region; the country for wholesale; Unknown where no source names one
  transactions:
    type: bigint
    description: Lines sold or taken back
    minimum: 1
    reconciles_with: count(*)
  revenue:
    type: decimal(18,2)
    description: Amount sold less amount paid back, in pounds
    reconciles_with: sum(total_amount)
  unique_customers:
    type: bigint
    description: Distinct known customers of the day; not additive
    minimum: 0
checks:
  - {name: no_more_customers_than_lines, severity: fail, sql: max(unique_customers - transactions) <= 0}
*/
WITH sales AS (
    SELECT
        sale_date,
        coalesce(region, 'Unknown') AS region,
        customer_token,
        total_amount
    FROM retail_silver.sales
    WHERE release = '{{ release }}'
)

SELECT
    region,
    count(*) AS transactions,
    sum(total_amount) AS revenue,
    count(DISTINCT customer_token) AS unique_customers,
    sale_date
FROM sales
GROUP BY sale_date, region
