"""The whole deployment, to an emulated account: repeatable, and it never un-publishes."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from include.infrastructure import deploy, stack, tables, upload
from include.infrastructure.stack import DeploymentError
from include.lake import contracts, marts, views
from include.lake.catalog import CatalogTable
from include.lake.views import View

ROOT = Path(__file__).parents[3]
SOURCES = ("--tills-host=db", "--customers-host=crm", "--marketplace-url=https://api.example.com")
Clients = Callable[[str], Any]


def table(name: str, location: str, *, create_only: bool = False) -> CatalogTable:
    columns = [{"Name": "a", "Type": "string"}, {"Name": "b", "Type": "decimal(18,2)"}]
    table_input = {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "Parameters": {"classification": "parquet"},
        "PartitionKeys": [{"Name": "release", "Type": "string"}],
        "StorageDescriptor": {"Columns": columns, "Location": location},
    }
    return CatalogTable("trial", table_input, create_only)


@pytest.fixture
def glue(aws_and_front: Clients) -> Any:
    client = aws_and_front("glue")
    names = {database["Name"] for database in client.get_databases()["DatabaseList"]}
    if "trial" not in names:
        client.create_database(DatabaseInput={"Name": "trial"})
    return client


@pytest.fixture
def bucket(aws: Clients) -> str:
    names = {bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]}
    if "trial" not in names:
        aws("s3").create_bucket(Bucket="trial")
    return "trial"


def test_a_table_is_created_kept_and_updated(glue: Any, aws: Clients, bucket: str) -> None:
    lines: list[str] = []
    wanted = table("orders", f"s3://{bucket}/orders/")
    tables.apply_tables(glue, aws("s3"), [wanted], lines.append)
    version = glue.get_table(DatabaseName="trial", Name="orders")["Table"]["VersionId"]
    tables.apply_tables(glue, aws("s3"), [wanted], lines.append)
    unchanged = glue.get_table(DatabaseName="trial", Name="orders")["Table"]
    assert unchanged["VersionId"] == version
    moved = table("orders", f"s3://{bucket}/elsewhere/")
    tables.apply_tables(glue, aws("s3"), [moved], lines.append)
    changed = glue.get_table(DatabaseName="trial", Name="orders")["Table"]
    assert changed["StorageDescriptor"]["Location"] == f"s3://{bucket}/elsewhere/"
    assert lines == [
        "trial.orders: created",
        "0 tables up to date",
        "1 tables up to date",
        "trial.orders: updated",
        "0 tables up to date",
    ]


def test_the_pointer_starts_empty_and_is_never_moved(glue: Any, aws: Clients, bucket: str) -> None:
    s3 = aws("s3")
    wanted = table("pointer", f"s3://{bucket}/ops/empty/", create_only=True)
    tables.apply_tables(glue, s3, [wanted], print)
    empty = s3.get_object(Bucket=bucket, Key="ops/empty/pointer.jsonl")
    assert empty["Body"].read() == b""
    published = dict(table("pointer", f"s3://{bucket}/ops/r1/").table_input)
    glue.update_table(DatabaseName="trial", TableInput=published)
    before = glue.get_table(DatabaseName="trial", Name="pointer")["Table"]
    tables.apply_tables(glue, s3, [wanted], print)
    after = glue.get_table(DatabaseName="trial", Name="pointer")["Table"]
    assert after["StorageDescriptor"]["Location"] == f"s3://{bucket}/ops/r1/"
    assert after["VersionId"] == before["VersionId"]


@pytest.mark.parametrize(
    ("current", "wanted", "different"),
    [
        ({"a": 1, "added by Glue": 2}, {"a": 1}, False),
        ({"a": 1}, {"a": 2}, True),
        ({}, {"a": 1}, True),
        ({"c": [{"Name": "x", "Comment": ""}]}, {"c": [{"Name": "x"}]}, False),
        ({"c": [{"Name": "x"}, {"Name": "y"}]}, {"c": [{"Name": "x"}]}, True),
        ({"c": [{"Name": "y"}, {"Name": "x"}]}, {"c": [{"Name": "x"}, {"Name": "y"}]}, True),
        ({"p": None}, {"p": {"k": "v"}}, True),
    ],
)
def test_what_counts_as_a_difference(current: Any, wanted: Any, *, different: bool) -> None:
    assert tables.differs(current, wanted) is different


def test_upload_follows_its_files(aws: Clients, bucket: str) -> None:
    s3 = aws("s3")
    lines: list[str] = []
    upload.upload(s3, bucket, "up/", {"up/a": b"1", "up/b/c": b"2"}, lines.append)
    upload.upload(s3, bucket, "up/", {"up/a": b"1", "up/d": b"3"}, lines.append)
    listed = s3.list_objects_v2(Bucket=bucket, Prefix="up/")["Contents"]
    assert [entry["Key"] for entry in listed] == ["up/a", "up/d"]
    assert lines == [
        "s3://trial/up/: 2 files uploaded, 0 unchanged, 0 removed",
        "s3://trial/up/: 1 files uploaded, 1 unchanged, 1 removed",
    ]


def test_a_refused_view_is_named_with_athena_s_reason(
    aws_and_front: Clients, glue: Any, bucket: str
) -> None:
    athena = aws_and_front("athena")
    athena.create_work_group(
        Name="trial",
        Configuration={"ResultConfiguration": {"OutputLocation": f"s3://{bucket}/results/"}},
    )
    broken = View("broken", "CREATE OR REPLACE VIEW trial.broken AS SELECT nope FROM trial.missing")
    with pytest.raises(DeploymentError, match=r"sales_analytics\.broken: FAILED: .*missing"):
        tables.apply_views(athena, [broken], "trial", print)


def answer(athena: Any, query: str, workgroup: str) -> list[list[str]]:
    """Header and rows of a query."""
    started = athena.start_query_execution(QueryString=query, WorkGroup=workgroup)
    execution = {"QueryExecutionId": started["QueryExecutionId"]}
    for _ in stack.pauses(60):
        status = athena.get_query_execution(**execution)["QueryExecution"]["Status"]
        if status["State"] not in ("QUEUED", "RUNNING"):
            break
    assert status["State"] == "SUCCEEDED", status
    rows = athena.get_query_results(**execution)["ResultSet"]["Rows"]
    return [[cell["VarCharValue"] for cell in row["Data"]] for row in rows]


def test_deployed_twice_and_published_in_between(
    aws_and_front: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TILLS_PASSWORD", "open sesame")
    monkeypatch.setenv("MARKETPLACE_TOKEN", "t0ken")
    file = tmp_path / "deployment.json"
    arguments = ["--environment=local", *SOURCES, f"--deployment={file}"]
    assert deploy.main(arguments) == 0
    written = json.loads(file.read_text())
    assert (written["stack"], written["region"]) == ("retail-lake-local", "us-east-1")
    outputs = written["outputs"]

    s3, glue = aws_and_front("s3"), aws_and_front("glue")
    script = s3.get_object(Bucket=outputs["ScriptsBucket"], Key="jobs/bronze_to_silver.py")
    assert script["Body"].read() == (ROOT / "glue_jobs/bronze_to_silver.py").read_bytes()
    shipped = s3.get_object(
        Bucket=outputs["ScriptsBucket"], Key="mwaa/dags/include/deployment.json"
    )
    assert json.loads(shipped["Body"].read()) == written

    lake, lake_marts = contracts.load_lake(), marts.load_marts()
    wanted = {
        "sales_analytics": views.views(lake, lake_marts),
        "sales_analytics_history": views.history_views(lake, lake_marts),
    }
    for database, listed in wanted.items():
        there = glue.get_tables(DatabaseName=database)["TableList"]
        assert {view["Name"] for view in there} == {view.name for view in listed}
        assert {view["TableType"] for view in there} == {"VIRTUAL_VIEW"}
    gold = glue.get_tables(DatabaseName="retail_gold")["TableList"]
    assert {mart["Name"] for mart in gold} == {mart.name for mart in lake_marts}

    # nothing is published: every view answers, and is empty
    athena = aws_and_front("athena")
    for name in [f"{database}.{v.name}" for database, listed in wanted.items() for v in listed]:
        query = f"SELECT count(*) AS n FROM {name}"
        assert answer(athena, query, outputs["AnalystsWorkgroup"]) == [["n"], ["0"]]

    pointer = glue.get_table(DatabaseName="retail_ops", Name="published")["Table"]
    storage = pointer["StorageDescriptor"] | {"Location": f"s3://{outputs['LakeBucket']}/ops/p1/"}
    glue.update_table(
        DatabaseName="retail_ops",
        TableInput={"Name": "published", "StorageDescriptor": storage},
        VersionId=pointer["VersionId"],
    )
    assert deploy.main(["--environment=local", f"--deployment={file}"]) == 0
    again = glue.get_table(DatabaseName="retail_ops", Name="published")["Table"]
    assert again["StorageDescriptor"]["Location"] == f"s3://{outputs['LakeBucket']}/ops/p1/"


def test_an_unknown_parameter_stops_it(
    aws: Clients, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = ["--environment=typo", f"--deployment={tmp_path / 'd.json'}"]
    assert deploy.main([*arguments, "--parameter=TilsHost=x"]) == 1
    assert "no parameter TilsHost" in capsys.readouterr().err
    assert deploy.main([*arguments, "--parameter=TillsHost"]) == 1
    assert "write it as NAME=VALUE" in capsys.readouterr().err
    assert not (tmp_path / "d.json").exists()


def test_dry_run_of_the_command_changes_nothing(
    aws: Clients, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MARKETPLACE_TOKEN", "t0ken")
    file = tmp_path / "deployment.json"
    arguments = ["--environment=dry", *SOURCES, f"--deployment={file}", "--dry-run"]
    assert deploy.main(arguments) == 0
    assert not stack.read(aws("cloudformation"), "retail-lake-dry").exists
    assert not file.exists()
