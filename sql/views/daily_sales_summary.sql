/*
description: Sales per business day and category, with year, month and day; the average is rounded
  half up to the cent.
*/
SELECT
    published.version,  -- history
    CAST(year(mart.sale_date) AS integer) AS year,
    CAST(month(mart.sale_date) AS integer) AS month,
    CAST(day(mart.sale_date) AS integer) AS day,
    mart.category,
    mart.transactions AS transaction_count,
    mart.revenue AS total_sales,
    CAST(mart.revenue / mart.transactions AS decimal(18,2)) AS avg_sale,
    mart.sale_date
FROM retail_gold.sales_by_category AS mart
INNER JOIN retail_ops.published AS published
    ON published.table_name = 'sales_by_category'
    AND CAST(published.sale_date AS date) = mart.sale_date
    AND published.release = mart.release
