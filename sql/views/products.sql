/*
description: The products of the last published feed.
*/
SELECT
    published.version,  -- history
    products.product_id,
    products.product_name,
    products.category,
    products.price,
    products.updated_at,
    products.ingest_date AS as_of
FROM retail_silver.products AS products
INNER JOIN retail_ops.published AS published
    ON published.table_name = 'products'
    AND CAST(published.ingest_date AS date) = products.ingest_date
    AND published.release = products.release
WHERE products.ingest_date = (
    SELECT max(CAST(latest.ingest_date AS date))
    FROM retail_ops.published AS latest
    WHERE latest.table_name = 'products'
        AND latest.version = published.version  -- history
)
