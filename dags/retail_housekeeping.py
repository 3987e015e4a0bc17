"""# Collect what nobody needs

**What.** Compares the catalog's columns with the contracts, then finds what no version of the
pointer that is kept names: partitions and files of superseded and abandoned releases, old states
of the pointer, staged tables and extracts that failed attempts left. Bronze is never touched, nor
are the books that are kept for good: what runs cost, what checks saw, what was restated.

**When.** Every Sunday at 12:00 in the lake's time zone it reports what it would delete. To delete,
trigger it with `dry_run` off. Kept are all states that readers saw in the last `keep_days`, and the
last `keep_versions` at least; what is younger than `keep_days` stays in any case, so it is safe
while runs and queries work. A run deletes `max_objects` at most; what is `left` is the next one's.

**When it fails**, clear it: every step may be repeated. A kept version whose pointer file is gone
stops it before anything is deleted: restore the file from the bucket's object versions.
"""

from airflow.sdk import DAG, CronDataIntervalTimetable, Param, chain
from pendulum import datetime

from include.lake import catalog, contracts, deployment, history, layout, marts, releases, retention
from retail_lake import operators
from retail_lake.defaults import task_defaults
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, STACK = contracts.load_lake(), deployment.load()
TABLES = catalog.tables(LAKE, marts.load_marts(), STACK)
LIMITS = {
    # longer than any run may take: what is younger may not be published yet
    "keep_days": (30, 2, "Days that a state can be gone back to after it was superseded"),
    "keep_versions": (10, 1, "States that are kept however old they are"),
    "max_objects": (100_000, 1, "Most objects that one run deletes"),
}
alert = FailureAlert(STACK.alert_topic_arn, "collect", LAKE.time_zone)

with DAG(
    dag_id="retail_housekeeping",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 12 * * 0", timezone=LAKE.time_zone),
    start_date=datetime(2025, 1, 1, tz=LAKE.time_zone),
    catchup=False,
    max_active_runs=1,
    tags=["retail", "weekly"],
    params={
        "dry_run": Param(True, type="boolean", description="Only report, delete nothing"),
        **{
            name: Param(default, type="integer", minimum=least, description=text)
            for name, (default, least, text) in LIMITS.items()
        },
    },
    default_args=task_defaults(on_failure=alert),
    on_failure_callback=alert,
):
    drift = operators.CatalogDriftOperator(
        task_id="report_drift", tables=TABLES, rule=retention.column_drift
    )
    collect = operators.HousekeepingOperator(
        task_id="collect",
        pointer=(LAKE.ops_database, "published"),
        bucket=STACK.lake_bucket,
        tables=TABLES,
        staged_database=LAKE.gold_database,
        layout=layout,
        history=history,
        rules=retention,
        parse_pointer=releases.parse_pointer,
    )
    chain(drift, collect)
