-- Sales by region, with the number of customers that are known.
SELECT
  region,
  COUNT(DISTINCT customer_id) as unique_customers,
  COUNT(*) as transactions,
  SUM(total_amount) as total_revenue
FROM transactions
GROUP BY region
ORDER BY total_revenue DESC
