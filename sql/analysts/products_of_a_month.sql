-- Products of one month by revenue.
SELECT
  product_name,
  SUM(total_amount) as revenue
FROM transactions
WHERE year = 2024 AND month = 1
GROUP BY product_name
ORDER BY revenue DESC
