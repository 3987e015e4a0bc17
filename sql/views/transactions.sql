/*
description: Every published sale, one row per line, with year, month and day of the business day.
*/
SELECT
    published.version,  -- history
    sales.transaction_id,
    sales.sold_at AS "timestamp",
    sales.product_id,
    sales.product_name,
    sales.category,
    sales.quantity,
    sales.unit_price,
    sales.total_amount,
    sales.calculated_total,
    sales.amount_matches,
    -- A token: equal for the same customer, and no way back to who it is.
    sales.customer_token AS customer_id,
    sales.region,
    sales.payment_method,
    sales.channel,
    sales.store_id,
    sales.is_return,
    sales.sale_date,
    CAST(year(sales.sale_date) AS integer) AS year,
    CAST(month(sales.sale_date) AS integer) AS month,
    CAST(day(sales.sale_date) AS integer) AS day
FROM retail_silver.sales AS sales
INNER JOIN retail_ops.published AS published
    ON published.table_name = 'sales'
    AND CAST(published.sale_date AS date) = sales.sale_date
    AND published.release = sales.release
