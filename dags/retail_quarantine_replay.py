"""# Give quarantined rows another chance

**What.** Judges quarantined rows by the contracts as they are deployed now: the job builds the
files concerned into a release that is never published, and `verdict` tells per dataset, arrival day
and reason how many rows are quarantined and how many of them would pass. Without `dry_run`, the
arrival days that have such rows are then rebuilt by `retail_sales_daily`, a run per range of days.

**When.** By hand, after a contract or the code was corrected and deployed. Silver is a pure
function of bronze, so a replay is a rebuild of those days: rows that pass move to silver and gold
(`restatements` says what that changed), rows that still fail stay where they are, and doing it
twice changes nothing. Datasets extracted from databases and APIs are extracted again.

**When it fails**, nothing of it was published. `find_rows`: the message says which parameter or
file is at fault. `judge`: as `bronze_to_silver`. `rebuild_days`: look at the run of
`retail_sales_daily` that it names, then clear it; `retail_sales_daily` must not be paused.
"""

from airflow.sdk import DAG, Param, chain

from include.lake import contracts, deployment, layout, marts
from include.lake.budget import Budget
from include.lake.replay import REASON, Replay
from retail_lake import operators
from retail_lake.defaults import dag_defaults, window_params, xcom
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, STACK = contracts.load_lake(), deployment.load()
DATASETS = [contract.dataset for contract in LAKE.contracts]
STORE = {"bucket": STACK.lake_bucket, "layout": layout}
ATHENA = {
    "rules": Replay(LAKE),
    "workgroup": STACK.pipeline_workgroup,
    "database": LAKE.ops_database,
}
RELEASE, INPUTS = xcom("find_rows", "release"), xcom("find_rows", "inputs")
WHY = "Only rows with this reason, such as invalid:price, or all of one kind, such as invalid"
BUDGET = Budget(LAKE, STACK.region, marts.load_marts())
alert = FailureAlert(STACK.alert_topic_arn, "find_rows", LAKE.time_zone)

with DAG(
    dag_id="retail_quarantine_replay",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["retail", "by hand"],
    params={
        "dataset": Param("", enum=["", *DATASETS], description="Empty: all"),
        # the UI's form refuses an empty text unless it may be null
        "reason": Param(None, type=["null", "string"], pattern=f"^({REASON})?$", description=WHY),
        **window_params("First arrival day; empty: any", "Last arrival day; empty: any"),
        "dry_run": Param(True, type="boolean", description="Only tell what would pass"),
    },
    **dag_defaults(alert, costs=RunCosts(None, STACK.lake_bucket, layout, BUDGET)),
):
    found = operators.FindQuarantinedOperator(task_id="find_rows", **STORE, **ATHENA)
    secret = STACK.customer_token_key_secret_id
    judge = operators.ReleaseGlueJobOperator(
        task_id="judge",
        job_name=STACK.job_name,
        release=RELEASE,
        script_args={"--manifest": INPUTS, "--customer_token_key_secret": secret},
        **STORE,
    )
    verdict = operators.ReplayVerdictOperator(task_id="verdict", release=RELEASE, **ATHENA)
    rebuilt = operators.RebuildDaysOperator.partial(
        task_id="rebuild_days", trigger_dag_id="retail_sales_daily"
    ).expand_kwargs(verdict.output)
    chain(found, judge, verdict, rebuilt)
