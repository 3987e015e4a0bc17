/*
description: Known customers by how lately, how often and for how much they bought, as of the last
  published business day; counts and sums only, no customer can be told from it.
*/
WITH purchases AS (
    SELECT
        published.version,  -- history
        sales.customer_token,
        sales.sale_date,
        sales.total_amount
    FROM retail_silver.sales AS sales
    INNER JOIN retail_ops.published AS published
        ON published.table_name = 'sales'
        AND CAST(published.sale_date AS date) = sales.sale_date
        AND published.release = sales.release
    WHERE sales.customer_token IS NOT NULL
),

as_of AS (
    SELECT
        version,  -- history
        max(sale_date) AS last_day
    FROM purchases
    GROUP BY version  -- history
),

per_customer AS (
    SELECT
        purchases.version,  -- history
        purchases.customer_token,
        date_diff('day', max(purchases.sale_date), max(as_of.last_day)) AS days_since_last,
        date_diff('day', min(purchases.sale_date), max(as_of.last_day)) AS days_since_first,
        count(DISTINCT purchases.sale_date) AS days_with_purchases,
        sum(purchases.total_amount) AS revenue
    FROM purchases
    INNER JOIN as_of ON true
        AND as_of.version = purchases.version  -- history
    GROUP BY
        purchases.version,  -- history
        purchases.customer_token
),

banded AS (
    SELECT
        version,  -- history
        -- New: the first purchase lies within the last 30 days.
        CASE WHEN days_since_first < 30 THEN 'new' ELSE 'returning' END AS customer_kind,
        CASE
            WHEN days_since_last < 7 THEN '0-6'
            WHEN days_since_last < 30 THEN '7-29'
            WHEN days_since_last < 90 THEN '30-89'
            ELSE '90+'
        END AS recency_days,
        CASE
            WHEN days_with_purchases = 1 THEN '1'
            WHEN days_with_purchases <= 3 THEN '2-3'
            WHEN days_with_purchases <= 9 THEN '4-9'
            ELSE '10+'
        END AS frequency_days,
        CASE
            WHEN revenue < 100 THEN '<100'
            WHEN revenue < 1000 THEN '100-999'
            ELSE '1000+'
        END AS monetary_value,
        revenue
    FROM per_customer
)

SELECT
    version,  -- history
    customer_kind,
    recency_days,
    frequency_days,
    monetary_value,
    count(*) AS customers,
    sum(revenue) AS revenue
FROM banded
GROUP BY
    version,  -- history
    customer_kind, recency_days, frequency_days, monetary_value
