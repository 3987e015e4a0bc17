"""# Forget a person

**What.** Records that a customer is to be forgotten, then rebuilds the arrival days that hold rows
of theirs, by `retail_sales_daily`. Every build from then on leaves nothing personal of them: sales
stay, as nobody's; the customer's row and the text of refused rows are gone. Bronze keeps what was
delivered: erase there by its own rules. Releases that were superseded keep theirs until
`retail_housekeeping` collects them.

**When.** By hand. `customer_token` is what analysts see as `customer_id`. With `dry_run` it only
tells which days hold rows of the person. Doing it twice changes nothing.

**When it fails**, clear it. `rebuild_days`: look at the run of `retail_sales_daily` that it names.
A refused row whose customer cannot be read is not found here: look for it in the quarantine.
"""

from airflow.sdk import DAG, Param

from include.lake import contracts, deployment, layout, marts
from include.lake.budget import Budget
from include.lake.erasure import Erasure
from include.lake.values import PERSON
from retail_lake import operators
from retail_lake.defaults import dag_defaults
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, STACK = contracts.load_lake(), deployment.load()
WHO = "The 64 hex digits that stand for the customer"
BUDGET = Budget(LAKE, STACK.region, marts.load_marts())
alert = FailureAlert(STACK.alert_topic_arn, None, LAKE.time_zone)

with DAG(
    dag_id="retail_erasure",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,
    tags=["retail", "by hand"],
    params={
        "customer_token": Param("0" * 64, type="string", pattern=f"^{PERSON}$", description=WHO),
        "dry_run": Param(True, type="boolean", description="Only tell which days hold rows"),
    },
    **dag_defaults(alert, costs=RunCosts(None, STACK.lake_bucket, layout, BUDGET)),
):
    requested = operators.RequestErasureOperator(
        task_id="request",
        rules=Erasure(LAKE),
        bucket=STACK.lake_bucket,
        layout=layout,
        workgroup=STACK.pipeline_workgroup,
        database=LAKE.ops_database,
    )
    operators.RebuildDaysOperator.partial(
        task_id="rebuild_days", trigger_dag_id="retail_sales_daily"
    ).expand_kwargs(requested.output)
