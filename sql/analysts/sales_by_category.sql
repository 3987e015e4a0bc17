-- Total sales by category.
SELECT
  category,
  COUNT(*) as transaction_count,
  SUM(total_amount) as total_sales,
  AVG(total_amount) as avg_transaction_value
FROM transactions
GROUP BY category
ORDER BY total_sales DESC
