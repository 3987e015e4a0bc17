/*
description: Sales per month, category and region; the average is rounded half up to the cent.
  It adds up daily contributions, so a restated day changes its month and no other.
*/
WITH per_month AS (
    SELECT
        published.version,  -- history
        mart.category,
        mart.region,
        CAST(year(mart.sale_date) AS integer) AS year,
        CAST(month(mart.sale_date) AS integer) AS month,
        sum(mart.transactions) AS transactions,
        sum(mart.revenue) AS total_revenue
    FROM retail_gold.sales_by_category_region AS mart
    INNER JOIN retail_ops.published AS published
        ON published.table_name = 'sales_by_category_region'
        AND CAST(published.sale_date AS date) = mart.sale_date
        AND published.release = mart.release
    GROUP BY
        published.version,  -- history
        mart.category, mart.region, year(mart.sale_date), month(mart.sale_date)
)

SELECT
    version,  -- history
    category,
    region,
    transactions,
    total_revenue,
    CAST(total_revenue / transactions AS decimal(18,2)) AS avg_transaction,
    year,
    month
FROM per_month
