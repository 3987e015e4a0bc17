/*
description: How long the stock of the last published count lasts, per shop and product, if it sells
  as it did in the 28 days before; null where nothing was sold.
*/
WITH stock AS (
    SELECT
        published.version,  -- history
        inventory.*
    FROM retail_silver.inventory AS inventory
    INNER JOIN retail_ops.published AS published
        ON published.table_name = 'inventory'
        AND CAST(published.ingest_date AS date) = inventory.ingest_date
        AND published.release = inventory.release
    WHERE inventory.ingest_date = (
        SELECT max(CAST(latest.ingest_date AS date))
        FROM retail_ops.published AS latest
        WHERE latest.table_name = 'inventory'
            AND latest.version = published.version  -- history
    )
),

sold AS (
    SELECT
        published.version,  -- history
        sales.store_id,
        sales.product_id,
        sales.sale_date,
        sales.quantity
    FROM retail_silver.sales AS sales
    INNER JOIN retail_ops.published AS published
        ON published.table_name = 'sales'
        AND CAST(published.sale_date AS date) = sales.sale_date
        AND published.release = sales.release
    WHERE sales.store_id IS NOT NULL
),

with_sales AS (
    SELECT
        stock.version,  -- history
        stock.store_id,
        stock.product_id,
        stock.stock_date,
        max(stock.on_hand) AS on_hand,
        max(stock.on_order) AS on_order,
        coalesce(sum(sold.quantity), 0) AS units_sold_28_days
    FROM stock
    LEFT JOIN sold
        ON sold.store_id = stock.store_id
        AND sold.product_id = stock.product_id
        AND sold.version = stock.version  -- history
        AND sold.sale_date BETWEEN stock.stock_date - INTERVAL '27' DAY AND stock.stock_date
    GROUP BY
        stock.version,  -- history
        stock.store_id, stock.product_id, stock.stock_date
)

SELECT
    version,  -- history
    store_id,
    product_id,
    stock_date,
    on_hand,
    on_order,
    units_sold_28_days,
    CASE
        WHEN units_sold_28_days > 0
            THEN CAST(CAST(on_hand * 28 AS decimal(28,1)) / units_sold_28_days AS decimal(18,1))
    END AS days_of_cover
FROM with_sales
