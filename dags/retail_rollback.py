"""# Take a publication back, or forward again

**What.** Lists the versions of `retail_ops.published` with what each changed, lets you pick one,
and shows it to readers by a single call: all tables and days at once. Nothing is built, copied or
lost. Going forward again is the same call with the later version.

**When.** By hand: trigger it, then pick a version in the UI (Required Actions of `choose_version`).
To do it without being asked, give the number of a version, or `previous` for the state before the
current one (twice in a row takes you back where you were). Picking nothing in an hour changes
nothing.

**When it fails**, nothing was changed, and the message says why: no such version (it names those
there are), files or partitions of it were collected after the retention time (choose a later one),
or somebody published in between (trigger a new run). The next daily run builds on what is shown
now; clear a day's run from `open_release` to build it anew.
"""

from airflow.sdk import DAG, Param, chain

from include.lake import catalog, contracts, deployment, history, layout, marts, releases
from retail_lake import operators
from retail_lake.defaults import dag_defaults
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, STACK = contracts.load_lake(), deployment.load()
TABLES = catalog.tables(LAKE, marts.load_marts(), STACK)
STATES = {
    "pointer": (LAKE.ops_database, "published"),
    "layout": layout,
    "rules": history,
    "parse_pointer": releases.parse_pointer,
}
NUMBER = "^ *([0-9]*|previous) *$"
WHICH = "Empty: you are asked, with the list of versions. Else a version's number, or previous"
alert = FailureAlert(STACK.alert_topic_arn, None, LAKE.time_zone)

with DAG(
    dag_id="retail_rollback",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,  # when it is needed, it is needed at once
    tags=["retail", "by hand"],
    # the UI's form refuses an empty text unless it may be null
    params={"version": Param(None, type=["null", "string"], pattern=NUMBER, description=WHICH)},
    **dag_defaults(alert),
):
    listed = operators.ListVersionsOperator(task_id="list_versions", **STATES)
    choose = operators.ChooseVersionOperator(
        task_id="choose_version", listed=listed.output, rules=history
    )
    move = operators.RollbackOperator(
        task_id="move_pointer",
        chosen=choose.output,
        databases={table.name: table.database for table in TABLES},
        other_database=LAKE.gold_database,
        **STATES,
    )
    chain(listed, choose, move)
