-- Top products by revenue; units_sold counts transactions, sum(quantity) counts pieces.
SELECT
  product_name,
  COUNT(*) as units_sold,
  SUM(total_amount) as revenue
FROM transactions
GROUP BY product_name
ORDER BY revenue DESC
LIMIT 5
