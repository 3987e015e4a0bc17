/*
description: Sales per business day and channel; one row per day and channel that sold anything.
grain: [sale_date, channel]
columns:
  sale_date: {type: date, description: Business day in the lake's time zone}
  channel: {type: string, description: Where it was sold, accepted: channels}
  transactions:
    type: bigint
    description: Lines sold or taken back
    minimum: 1
    reconciles_with: count(*)
  units:
    type: bigint
    description: Pieces sold, less pieces taken back
    reconciles_with: sum(quantity)
  gross_revenue:
    type: decimal(18,2)
    description: Amount of the lines sold, in pounds
    reconciles_with: sum(CASE WHEN NOT is_return THEN total_amount END)
  returns:
    type: decimal(18,2)
    description: Amount paid back, in pounds; negative, part of revenue
    maximum: 0
    reconciles_with: sum(CASE WHEN is_return THEN total_amount END)
  revenue:
    type: decimal(18,2)
    description: Amount sold less amount paid back, in pounds
    reconciles_with: sum(total_amount)
  customers:
    type: bigint
    description: Distinct known customers of the day; not additive
    minimum: 0
checks:
  - name: gross_and_returns_are_revenue
    severity: fail
    sql: max(abs(gross_revenue + returns - revenue)) = 0
  - {name: revenue_positive, severity: warn, sql: min(revenue) > 0}
*/
WITH sales AS (
    SELECT
        sale_date,
        channel,
        quantity,
        total_amount,
        is_return,
        customer_token
    FROM retail_silver.sales
    WHERE release = '{{ release }}'
),

-- A return has a negative amount, so the plain sum is net of returns.
per_channel AS (
    SELECT
        sale_date,
        channel,
        count(*) AS transactions,
        sum(quantity) AS units,
        sum(CASE WHEN is_return THEN 0 ELSE total_amount END) AS gross_revenue,
        sum(CASE WHEN is_return THEN total_amount ELSE 0 END) AS returns,
        sum(total_amount) AS revenue,
        count(DISTINCT customer_token) AS customers
    FROM sales
    GROUP BY sale_date, channel
)

SELECT
    channel,
    transactions,
    units,
    gross_revenue,
    returns,
    revenue,
    customers,
    sale_date
FROM per_channel
