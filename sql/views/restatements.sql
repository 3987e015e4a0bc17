/*
description: Every published value that a later release changed, with the files that caused it.
*/
SELECT
    published.version,  -- history
    restatements.sale_date,
    restatements.mart,
    -- The row's grain, as a JSON object.
    restatements.row_key,
    restatements.measure,
    -- As text, exactly. Null where the row was not there before, or is not there any more.
    restatements.old_value,
    restatements.new_value,
    restatements.files,
    restatements.release
FROM retail_ops.restatements AS restatements
INNER JOIN retail_ops.published AS published
    ON published.table_name = 'restatements'
    AND CAST(published.sale_date AS date) = restatements.sale_date
    AND published.release = restatements.release
