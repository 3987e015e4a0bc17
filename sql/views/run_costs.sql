/*
description: What AWS bills for each crawl, job run and statement of a run, published or not.
*/
SELECT
    run_costs.release,
    run_costs.run_id,
    run_costs.task,
    -- crawl, glue_job or athena.
    run_costs.kind,
    -- The mart that it was for, or the layer.
    run_costs.table_name,
    run_costs.state,
    -- What was used, and what is billed of it after minima.
    run_costs.quantity,
    run_costs.billed,
    run_costs.unit,
    run_costs.amount,
    run_costs.currency,
    run_costs.seconds
FROM retail_ops.run_costs AS run_costs
