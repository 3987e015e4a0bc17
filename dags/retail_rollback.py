"""# Take a publication back, or forward again

**What.** Lists the versions of `retail_ops.published` with what each changed, then shows readers
one of them by a single call: all tables and days at once. Nothing is built, copied or lost. Going
forward again is the same call with the later version.

**When.** By hand. Leave `version` empty for the state before the current one (twice in a row takes
you back where you were), or give the number of a version. To see the numbers first, tick
`list_only`: the list is in the log and the result of `list_versions`.

**When it fails**, nothing was changed, and the message says why: no such version (it names those
there are), files or partitions of it were collected after the retention time (choose a later one),
or somebody published in between (look at the list again). The next daily run builds on what is
shown now; clear a day's run from `open_release` to build it anew.
"""

from airflow.sdk import DAG, Param, chain

from include.lake import catalog, contracts, deployment, history, layout, marts, releases
from retail_lake import operators
from retail_lake.defaults import task_defaults
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, STACK = contracts.load_lake(), deployment.load()
TABLES = catalog.tables(LAKE, marts.load_marts(), STACK)
STATES = {
    "pointer": (LAKE.ops_database, "published"),
    "layout": layout,
    "rules": history,
    "parse_pointer": releases.parse_pointer,
}
WHICH = "Version to show; empty: the state before the current one"
LIST = "Only list the versions and change nothing"
alert = FailureAlert(STACK.alert_topic_arn, "list_versions", LAKE.time_zone)

with DAG(
    dag_id="retail_rollback",
    doc_md=__doc__,
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=False,  # when it is needed, it is needed at once
    tags=["retail", "by hand"],
    params={
        "version": Param("", type="string", pattern="^ *[0-9]* *$", description=WHICH),
        "list_only": Param(False, type="boolean", description=LIST),
    },
    default_args=task_defaults(on_failure=alert),
    on_failure_callback=alert,
):
    listed = operators.ListVersionsOperator(task_id="list_versions", **STATES)
    move = operators.RollbackOperator(
        task_id="move_pointer",
        chosen=listed.output,
        databases={table.name: table.database for table in TABLES},
        other_database=LAKE.gold_database,
        **STATES,
    )
    chain(listed, move)
