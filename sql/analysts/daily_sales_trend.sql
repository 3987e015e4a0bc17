-- Daily sales trend of a year; a filter on year, month and day reads those days alone.
SELECT
  year,
  month,
  day,
  COUNT(*) as transactions,
  SUM(total_amount) as daily_revenue
FROM transactions
WHERE year = 2024
GROUP BY year, month, day
ORDER BY year, month, day
LIMIT 10
