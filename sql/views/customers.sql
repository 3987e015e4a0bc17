/*
description: The customers of the last published extract, without anything that names a person.
*/
SELECT
    published.version,  -- history
    -- A token: equal for the same customer, and no way back to who it is.
    customers.customer_token AS customer_id,
    customers.region,
    customers.segment,
    customers.registered_at,
    customers.updated_at,
    customers.ingest_date AS as_of
FROM retail_silver.customers AS customers
INNER JOIN retail_ops.published AS published
    ON published.table_name = 'customers'
    AND CAST(published.ingest_date AS date) = customers.ingest_date
    AND published.release = customers.release
WHERE customers.ingest_date = (
    SELECT max(CAST(latest.ingest_date AS date))
    FROM retail_ops.published AS latest
    WHERE latest.table_name = 'customers'
        AND latest.version = published.version  -- history
)
