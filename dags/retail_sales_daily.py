"""# Daily retail sales

**What.** Waits for the day's deliveries in S3, extracts databases and the marketplace, crawls
bronze, checks that what arrived is as agreed, builds silver with one Glue job, builds and checks
gold with Athena, and publishes everything at once: readers see the old or the new state, no mix.

**When.** Every day at 05:00 in the lake's time zone, for the business day before. For other days
give `from_date` and, for a range, `to_date` (one run), or make a backfill (a run per day). With
`review` everything is built, then a person sees what would change and approves or rejects it in
the UI (the task's Required Actions); rejected, nothing is published and `publish` is skipped.

**When it fails**, the alert has the cause and the log. Clearing is always safe. After a change of
data, contract or code, clear the run from `open_release`: it then builds a new release.

| failed | do |
|---|---|
| `wait_*` | The delivery's `_SUCCESS` is missing: ask the sender, then clear. |
| `extract_*`, `check_drift` | The message names what differs from the contract: settle it. |
| `take_turn` waits | Another run builds. If that one was stopped by hand, clear its `give_turn`. |
| `bronze_to_silver` | Clear it. A Glue run that is still active is taken over or stopped. |
| over budget | Run fewer days at a time, or raise `costs.budget_per_run` in `lake.yaml`. |
| `check_<mart>` | The message names the checks and what they saw. Nothing was published. |
| `review` waits | Read what would change, then approve or reject. Unanswered is rejected in 12 h. |
| `publish` | Superseded: another run published what this one builds on. Clear `open_release`. |
"""

from datetime import timedelta
from functools import partial

from airflow.sdk import DAG, Asset, CronDataIntervalTimetable, chain
from pendulum import datetime

from include.lake import checks, contracts, deployment, drift, inputs, layout, marts, releases
from include.lake.budget import Budget
from include.lake.restatements import Comparison
from include.lake.review import body
from include.lake.run_report import RunReport
from include.lake.values import Template
from include.lake.window import resolve
from retail_lake import operators
from retail_lake.defaults import dag_defaults, review_param, window_params, xcom
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.notifications.failure_alert import FailureAlert

LAKE, MARTS, STACK = contracts.load_lake(), marts.load_marts(), deployment.load()
POINTER = (LAKE.ops_database, "published")
STORE = {"bucket": STACK.lake_bucket, "layout": layout}
ATHENA = {"workgroup": STACK.pipeline_workgroup, "database": LAKE.gold_database}

RELEASE, BASE = xcom("open_release", "release"), xcom("check_drift", "base_location")
FIRST, LAST = xcom("open_release", "from_date"), xcom("open_release", "to_date")
OURS = {"release": RELEASE, **STORE}
BUILT = {"inputs": xcom("check_drift", "inputs"), "manifest": xcom("bronze_to_silver", "manifest")}
COSTS = RunCosts("open_release", STACK.lake_bucket, layout, Budget(LAKE, STACK.region, MARTS))
alert = FailureAlert(STACK.alert_topic_arn, "open_release", LAKE.time_zone)

with DAG(
    dag_id="retail_sales_daily",
    doc_md=__doc__,
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone=LAKE.time_zone),
    start_date=datetime(2009, 12, 1, tz=LAKE.time_zone),  # the first day a backfill may ask for
    max_active_runs=4,  # a day that waits for its files must not hold up the others
    dagrun_timeout=timedelta(hours=20),
    tags=["retail", "daily"],
    params={**window_params(), **review_param()},
    **dag_defaults(alert, costs=COSTS),
):
    opened = operators.OpenReleaseOperator(
        task_id="open_release",
        resolve=partial(resolve, zone=LAKE.time_zone),
        release_id=releases.release_id,
        datasets=[each.dataset for each in LAKE.contracts],
        **STORE,
    )
    ingest = operators.IngestTaskGroup(
        "ingest",
        LAKE.contracts,
        opened=opened,
        secret_id=STACK.secret_id,
        time_zone=LAKE.time_zone,
        extract_job=STACK.extract_job_name,
        **STORE,
    )
    crawl = operators.ReleaseCrawlerOperator(task_id="crawl_bronze", crawler=STACK.crawler_name)
    lease = layout.uri(STACK.lake_bucket, layout.TURN_KEY)
    turn = operators.TakeTurnOperator(task_id="take_turn", lease=lease)
    gate = operators.CheckDriftOperator(
        task_id="check_drift",
        days=opened.output["days"],
        pointer=POINTER,
        lake=LAKE,
        rules=inputs,
        drift=drift,
        alert_topic=STACK.alert_topic_arn,
        **OURS,
    )
    secret = STACK.customer_token_key_secret_id
    job = operators.ReleaseGlueJobOperator(
        task_id="bronze_to_silver",
        job_name=STACK.job_name,
        script_args={"--manifest": BUILT["inputs"], "--customer_token_key_secret": secret},
        retries=1,  # what fails twice does not fail by chance, and every run costs money
        **OURS,
    )
    gold = operators.MartsTaskGroup(
        "gold",
        MARTS,
        check_sql=partial(checks.check_sql, LAKE, days=(Template(FIRST), Template(LAST))),
        template=Template,
        manifest=BUILT["manifest"],
        results_table=(LAKE.ops_database, "quality_results"),
        **OURS,
        **ATHENA,
    )
    staging = {"base_location": BASE, "staged": gold.staged, **BUILT, **OURS}
    restate = operators.RestatementsOperator(
        task_id="restatements", rules=Comparison(LAKE, MARTS), **staging, **ATHENA
    )
    review = operators.ReviewOperator(
        task_id="review",
        body_of=body,
        inputs=BUILT["inputs"],
        release=RELEASE,
        days=(FIRST, LAST),
        lease=lease,
        alert_topic=STACK.alert_topic_arn,
    )
    publish = operators.PublishOperator(
        task_id="publish",
        trigger_rule="none_failed",  # the review is skipped unless it was asked for
        books={"restatements": restate.output["days"]},
        pointer=POINTER,
        rules=releases,
        rows=gold.rows,
        outlets=[Asset(name) for name in marts.published_tables(LAKE, MARTS)],
        **staging,
    )
    report = operators.ReportOperator(
        task_id="report",
        rules=RunReport(LAKE),
        days=(FIRST, LAST),
        restated=restate.output["days"],
        **BUILT,
        **OURS,
        **ATHENA,
    )
    done = operators.GiveTurnOperator(task_id="give_turn", lease=lease).as_teardown(setups=turn)
    chain(opened, ingest, crawl, turn, gate, job, gold, restate, review, publish, [report, done])
