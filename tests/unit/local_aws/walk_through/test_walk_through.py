"""A widely read walk-through of Glue and Athena, block by block, with the AWS CLI.

walk_through.txt is the text as it was written, its Glue script included. Where AWS refuses what it
says, so does the local AWS, and the corrected form is run beside it. What is wrong with the text:

- both crawlers write tables named after the same folder: the second one gets a name of its own,
  and `transactions` is the raw data;
- partition keys that a crawler finds are strings: `WHERE year = 2024` compares a text and a number;
- create-work-group is given a member of update-work-group;
- the summary table lists its partition columns before the aggregates;
- an enforced workgroup decides where the summary table's files are;
- the job appends: the second run doubles the rows; its bookmark needs an argument nobody gives;
- the dimensions of the alarm are none that Glue's metrics have;
- the clean-up forgets the trigger.
"""

import json
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront, whole_front
from tests.unit.local_aws.walk_through.walking import Shell, under

DATABASE, JOB, GROUP = "sales_analytics", "sales-etl-job", "analytics-workgroup"
Row = dict[str, Any]


@dataclass
class Walk:
    """The shell in which the text is run, and what is beside it."""

    shell: Shell
    front: WholeFront
    rows: list[Row]
    processed: str = ""
    """Name of the table of the job's output."""

    def queries(self, text: str, name: str) -> list[tuple[str, str, list[tuple[str, ...]]]]:
        """Run blocks of queries; state, reason and rows of each, in order."""
        before = {*self._identities()}
        self.shell.run(name, text)
        new = [item for item in self._identities() if item not in before]
        return [self._result(item) for item in reversed(new)]

    def _identities(self) -> list[str]:
        pages = self.front.athena.get_paginator("list_query_executions")
        return [
            item for page in pages.paginate(WorkGroup=GROUP) for item in page["QueryExecutionIds"]
        ]

    def _result(self, identity: str) -> tuple[str, str, list[tuple[str, ...]]]:
        status = self.front.athena.get_query_execution(QueryExecutionId=identity)
        found = status["QueryExecution"]["Status"]
        if found["State"] != "SUCCEEDED":
            return found["State"], found.get("StateChangeReason", ""), []
        pages = self.front.athena.get_paginator("get_query_results").paginate(
            QueryExecutionId=identity
        )
        rows = [
            tuple(cell.get("VarCharValue", "") for cell in row["Data"])
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        return found["State"], "", rows[1:]

    def ask(self, sql: str) -> list[tuple[str, ...]]:
        """The rows of a query that must succeed, through the API."""
        started = self.front.athena.start_query_execution(
            QueryString=sql, WorkGroup=GROUP, QueryExecutionContext={"Database": DATABASE}
        )
        deadline = time.monotonic() + 120
        while True:
            state, reason, rows = self._result(started["QueryExecutionId"])
            if state == "SUCCEEDED":
                return rows
            assert state in ("QUEUED", "RUNNING"), (sql, reason)
            assert time.monotonic() < deadline, sql
            time.sleep(0.1)

    def runs(self) -> list[dict[str, Any]]:
        """The runs of the job, newest first."""
        return list(self.front.glue.get_job_runs(JobName=JOB)["JobRuns"])

    def corrected(self, sql: str) -> str:
        """The text's queries with the name and the types that the tables have on AWS."""
        named = sql.replace("FROM transactions", f"FROM {self.processed}")
        return named.replace("year = 2024", "year = '2024'").replace("month = 1", "month = '1'")


@pytest.fixture(scope="module")
def walk(ministack: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Walk]:
    """Steps 1 to 9, with the workgroup of step 9 corrected."""
    folder = tmp_path_factory.mktemp("walk")
    with whole_front(ministack, tmp_path_factory.mktemp("front")) as front:
        url = front.context.front_url
        shell = Shell(
            folder,
            {
                "AWS_ENDPOINT_URL": ministack,
                "AWS_ENDPOINT_URL_GLUE": url,
                "AWS_ENDPOINT_URL_ATHENA": url,
                "AWS_ACCESS_KEY_ID": "test",
                "AWS_SECRET_ACCESS_KEY": "test",
                "AWS_DEFAULT_REGION": "us-east-1",
                "AWS_PAGER": "",
                "AWS_MAX_ATTEMPTS": "1",
                "AWS_EC2_METADATA_DISABLED": "true",
                "HOME": str(folder),
            },
        )
        for step in (1, 2, 3, 4, 5):
            shell.run(f"step-{step}", under(f"Step {step}:", "bash"))
        (folder / "glue_etl_job.py").write_text(under("Step 6:", "python"), encoding="utf-8")
        for step in (6, 7, 8, 9):
            shell.run(f"step-{step}", under(f"Step {step}:", "bash"))
        fixed = under("Step 9:", "bash").replace(
            "ResultConfigurationUpdates", "ResultConfiguration"
        )
        shell.run("step-9-corrected", fixed)
        lines = (folder / "transactions.json").read_text().splitlines()
        made = Walk(shell, front, [json.loads(line) for line in lines])
        tables = front.glue.get_tables(DatabaseName=DATABASE)["TableList"]
        (made.processed,) = (t["Name"] for t in tables if t["Name"] != "transactions")
        yield made
        shell.close()


def test_raw_data_is_crawled(walk: Walk) -> None:
    assert "READY" in walk.shell.said["step-5"]
    table = walk.front.glue.get_table(DatabaseName=DATABASE, Name="transactions")["Table"]
    assert table["StorageDescriptor"]["Location"].endswith("/raw/transactions/")
    assert [(key["Name"], key["Type"]) for key in table["PartitionKeys"]] == [
        ("year", "string"),
        ("month", "string"),
        ("day", "string"),
    ]
    columns = {column["Name"] for column in table["StorageDescriptor"]["Columns"]}
    assert columns == {*walk.rows[0]}


def test_the_scripts_output_is_right(walk: Walk) -> None:
    """Every row of the script's Parquet files, against Python's own sums."""
    assert "Job status: SUCCEEDED" in walk.shell.said["step-7"], walk.shell.said["step-7"]
    first = walk.runs()[-1]
    log = walk.front.log(first["Id"])
    assert "Source record count: 1000" in log
    assert "Clean record count: 1000" in log
    assert first["DPUSeconds"] == first["ExecutionTime"] * 2
    rows = walk.ask(
        "SELECT transaction_id, calculated_total, year, month, day, "
        f"cast(transaction_timestamp as varchar) FROM {walk.processed}"
    )
    assert sorted(rows) == sorted(
        (
            row["transaction_id"],
            str(row["quantity"] * row["unit_price"]),
            str(int(row["timestamp"][:4])),
            str(int(row["timestamp"][5:7])),
            str(int(row["timestamp"][8:10])),
            f"{row['timestamp'].replace('T', ' ')}.000",
        )
        for row in walk.rows
    )


def test_the_second_crawler_gives_its_table_another_name(walk: Walk) -> None:
    assert walk.processed.startswith("transactions_")
    table = walk.front.glue.get_table(DatabaseName=DATABASE, Name=walk.processed)["Table"]
    assert table["StorageDescriptor"]["Location"].endswith("/processed/transactions/")
    assert {key["Type"] for key in table["PartitionKeys"]} == {"string"}


def test_the_workgroup_is_refused_as_written(walk: Walk) -> None:
    said = walk.shell.said["step-9"]
    assert "ResultConfigurationUpdates" in said
    assert "nknown parameter" in said
    made = walk.front.athena.get_work_group(WorkGroup=GROUP)["WorkGroup"]["Configuration"]
    assert made["EnforceWorkGroupConfiguration"] is True


def statements(block: str) -> list[str]:
    """The queries of a block: what run_athena_query is called with."""
    return re.findall(r'^run_athena_query "\n(.*?)^" "', block, re.DOTALL | re.MULTILINE)


def grouped(rows: list[Row], key: Callable[[Row], Any]) -> dict[Any, list[Row]]:
    found: dict[Any, list[Row]] = defaultdict(list)
    for row in rows:
        found[key(row)].append(row)
    return found


def total(rows: list[Row]) -> int:
    return sum(row["total_amount"] for row in rows)


def by_total(groups: dict[Any, list[Row]]) -> list[tuple[Any, list[Row]]]:
    return sorted(groups.items(), key=lambda item: -total(item[1]))


def expected(rows: list[Row]) -> list[list[tuple[str, ...]]]:
    """The four queries of step 10, computed from the generated file."""
    categories = [
        (name, str(len(group)), str(total(group)), str(total(group) / len(group)))
        for name, group in by_total(grouped(rows, lambda row: row["category"]))
    ]
    days = [
        (day[:4], str(int(day[5:7])), str(int(day[8:])), str(len(group)), str(total(group)))
        for day, group in grouped(rows, lambda row: row["timestamp"][:10]).items()
        if day.startswith("2024")
    ]
    products = [
        (name, str(len(group)), str(total(group)))
        for name, group in by_total(grouped(rows, lambda row: row["product_name"]))
    ][:5]
    regions = [
        (
            name,
            str(len({row["customer_id"] for row in group})),
            str(len(group)),
            str(total(group)),
        )
        for name, group in by_total(grouped(rows, lambda row: row["region"]))
    ]
    # the keys are strings, and so is their order
    return [categories, sorted(days)[:10], products, regions]


def test_the_analysts_queries_as_written(walk: Walk) -> None:
    found = walk.queries(under("Step 10:", "bash"), "step-10")
    states = [state for state, _, _ in found]
    assert states == ["SUCCEEDED", "FAILED", "SUCCEEDED", "SUCCEEDED"], found
    assert "TYPE_MISMATCH" in found[1][1]
    wanted = expected(walk.rows)
    assert [rows for _, _, rows in found if rows] == [wanted[0], *wanted[2:]]


def test_the_analysts_queries_corrected(walk: Walk) -> None:
    texts = statements(walk.corrected(under("Step 10:", "bash")))
    assert [walk.ask(text) for text in texts] == expected(walk.rows)


def test_the_view_and_the_partitioned_query(walk: Walk) -> None:
    text = under("Step 11:", "bash")
    as_written = walk.queries(text, "step-11")
    assert [state for state, _, _ in as_written] == ["SUCCEEDED", "FAILED"], as_written
    assert "TYPE_MISMATCH" in as_written[1][1]
    view, january = (walk.ask(sql) for sql in statements(walk.corrected(text)))
    assert view == []
    inside = [row for row in walk.rows if row["timestamp"].startswith("2024-01")]
    assert january == [
        (name, str(total(group)))
        for name, group in by_total(grouped(inside, lambda row: row["product_name"]))
    ]


def test_monitoring(walk: Walk) -> None:
    said = walk.shell.run("step-12", under("Step 12:", "bash"))
    assert "CloudWatch alarm created for Glue monitoring" in said
    assert "rror" not in said
    alarms = walk.front.context.client("cloudwatch").describe_alarms(AlarmNames=["GlueJobFailures"])
    assert [alarm["MetricName"] for alarm in alarms["MetricAlarms"]] == [
        "glue.driver.aggregate.numFailedTasks"
    ]


def test_the_summary_table(walk: Walk) -> None:
    sql = under("4. Create Aggregate Tables", "sql")
    run = 'run_athena_query "{}" "Summary"\n'
    ((state, reason, _),) = walk.queries(run.format(sql), "summary")
    assert state == "FAILED"
    assert reason.startswith("HIVE_COLUMN_ORDER_MISMATCH")
    aggregates = "  COUNT(*) as transactions,\n  SUM(total_amount) as total_revenue,\n"
    aggregates += "  AVG(total_amount) as avg_transaction\n"
    fixed = sql.replace(
        f"  year,\n  month,\n{aggregates}", f"{aggregates.rstrip()},\n  year,\n  month\n"
    ).replace("sales_analytics.transactions", f"sales_analytics.{walk.processed}")
    assert fixed != sql
    walk.ask(fixed)
    listed = walk.ask(
        "SELECT category, region, year, month, transactions, total_revenue FROM monthly_summary"
    )
    assert sorted(listed) == sorted(
        (*key, str(len(group)), str(total(group)))
        for key, group in grouped(
            walk.rows,
            lambda row: (
                row["category"],
                row["region"],
                row["timestamp"][:4],
                str(int(row["timestamp"][5:7])),
            ),
        ).items()
    )
    # the workgroup enforces its settings: the files are among the results
    table = walk.front.glue.get_table(DatabaseName=DATABASE, Name="monthly_summary")["Table"]
    results = walk.shell.value("ATHENA_RESULTS_BUCKET")
    assert table["StorageDescriptor"]["Location"].startswith(f"s3://{results}/")


def test_bookmarks_and_quality_rules_in_the_script(walk: Walk) -> None:
    """The two additions to the script, at the places that the text gives them."""
    script = under("Step 6:", "python")
    init = "job.init(args['JOB_NAME'], args)\n"
    source = script[script.index("datasource = glueContext") : script.index('print(f"Source')]
    bookmarks = under("1. Incremental Processing", "python")
    assert init in script
    assert init in bookmarks
    quality = under("2. Data Quality Checks", "python")
    show = "for row in quality_check['ruleOutcomes'].toDF().collect(): print('rule', *row[:2])"
    changed = script.replace(init, "").replace(source, f"{bookmarks}\n{quality}\n{show}\n")
    place = walk.shell.folder / "glue_etl_job.py"
    place.write_text(changed, encoding="utf-8")
    walk.shell.run("enhanced", "aws s3 cp glue_etl_job.py s3://${DATA_LAKE_BUCKET}/scripts/\n")
    enabled = {"--job-bookmark-option": "job-bookmark-enable"}
    run = walk.front.run(JOB, enabled)
    assert run["JobRunState"] == "SUCCEEDED", run["log"]
    outcomes = [line for line in run["log"].splitlines() if line.startswith("rule ")]
    assert outcomes == [
        "rule RowCount > 0 Passed",
        'rule ColumnValues "total_amount" > 0 Passed',
        'rule ColumnDataType "timestamp" = "STRING" Passed',
        'rule Completeness "transaction_id" = 1.0 Passed',
    ]
    entry = walk.front.glue.get_job_bookmark(JobName=JOB)["JobBookmarkEntry"]
    assert entry["RunId"] == run["Id"]
    # the job appends: what it has processed before is there twice now
    assert walk.ask(f"SELECT COUNT(*) FROM {walk.processed}") == [("2000",)]


def test_the_trigger(walk: Walk) -> None:
    said = walk.shell.run("trigger", under("3. Schedule ETL Pipeline", "bash"))
    assert '"daily-etl-trigger"' in said
    trigger = walk.front.glue.get_trigger(Name="daily-etl-trigger")["Trigger"]
    assert trigger["Actions"] == [{"JobName": JOB}]
    assert trigger["Schedule"] == "cron(0 2 * * ? *)"


def test_the_clean_up(walk: Walk) -> None:
    said = walk.shell.run("clean-up", under("Cleanup", "bash"))
    assert "rror" not in said, said
    assert walk.front.glue.get_databases()["DatabaseList"] is not None
    with pytest.raises(walk.front.glue.exceptions.EntityNotFoundException):
        walk.front.glue.get_job(JobName=JOB)
    with pytest.raises(walk.front.glue.exceptions.EntityNotFoundException):
        walk.front.glue.get_database(Name=DATABASE)
    # forgotten
    assert walk.front.glue.get_trigger(Name="daily-etl-trigger")["Trigger"]["Name"]
    walk.front.glue.delete_trigger(Name="daily-etl-trigger")
