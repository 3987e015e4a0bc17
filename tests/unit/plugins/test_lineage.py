"""What OpenLineage is told of extracts, the Glue job and the marts, as its client writes it."""

import json
import uuid
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from airflow.providers.openlineage.extractors.base import OperatorLineage
from airflow.providers.openlineage.plugins.adapter import OpenLineageAdapter
from openlineage.client import OpenLineageClient
from openlineage.client.transport.file import FileConfig, FileTransport

from include.infrastructure.tables import apply_tables
from include.lake import catalog, deployment, layout
from include.lake.contracts import Lake, load_lake
from include.lake.marts import Mart, load_marts
from retail_lake import lineage
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.operators.build_table import BuildTableOperator
from retail_lake.operators.extract import DatabaseToS3ParquetOperator
from retail_lake.operators.glue_job import ReleaseGlueJobOperator
from retail_lake.operators.rest_extract import RestApiToS3JsonLinesOperator
from tests.unit.plugins.conftest import complete

RELEASE = "r20260701_aaaaaaaaaaaa"
ROOT = Path(__file__).parents[3]
MARTS = {mart.name: mart for mart in load_marts()}
ATHENA = "awsathena://athena.us-east-1.amazonaws.com"
TABLE = "AwsDataCatalog.retail_silver"


@pytest.fixture
def tell(tmp_path: Path) -> Callable[[Any], dict[str, Any]]:
    """Sends the event of a task that has ended, by the client; gives what is in the file then."""
    file = tmp_path / "events.jsonl"
    transport = FileTransport(FileConfig(str(file), append=True))
    adapter = OpenLineageAdapter(OpenLineageClient(transport=transport))

    def told(operator: Any) -> dict[str, Any]:
        found = operator.get_openlineage_facets_on_complete(None)
        assert isinstance(found, OperatorLineage)
        nothing = dict.fromkeys(
            ("nominal_start_time", "nominal_end_time", "owners", "tags", "job_description")
        )
        adapter.complete_task(
            run_id=str(uuid.uuid4()),
            job_name=f"retail_sales_daily.{operator.task_id}",
            end_time="2026-07-02T05:00:00+00:00",
            task=found,
            **nothing,
        )
        event: dict[str, Any] = json.loads(file.read_text().splitlines()[-1])
        assert event["eventType"] == "COMPLETE"
        return event

    return told


@pytest.fixture
def lake(database: str, bucket: str, client: Callable[[str], Any]) -> Lake:
    """The catalog's tables in one fresh database."""
    here = replace(
        load_lake(), silver_database=database, gold_database=database, ops_database=database
    )
    sample = deployment.load(ROOT / "tests" / "integration" / "deployment.json")
    tables = catalog.tables(here, MARTS.values(), replace(sample, lake_bucket=bucket))
    apply_tables(client("glue"), client("s3"), tables, lambda _: None)
    return here


def of(event: dict[str, Any], name: str) -> dict[str, Any]:
    """An output of an event."""
    (found,) = (each for each in event["outputs"] if each["name"] == name)
    return found


def origins(dataset: dict[str, Any], column: str) -> set[tuple[str, str]]:
    """Name and column of what a column comes from."""
    fields = dataset["facets"]["columnLineage"]["fields"]
    return {(each["name"], each["field"]) for each in fields[column]["inputFields"]}


def test_a_mart_comes_from_sales(
    tell: Any, lake: Lake, workgroup: str, bucket: str, client: Any, context: Any
) -> None:
    database = lake.silver_database
    daily = MARTS["daily_sales"]
    here = replace(daily, select=daily.select.replace("retail_silver.", f"{database}."))
    body = json.dumps({"affected_days": ["2026-07-01"]}).encode()
    client("s3").put_object(Bucket=bucket, Key="silver.json", Body=body)
    staged = f"{database}.daily_sales__{RELEASE}_1"
    location = f"s3://{bucket}/gold/daily_sales/release={RELEASE}/try=1/"
    build = BuildTableOperator(
        task_id="build_daily_sales",
        query=here.ctas(staged, location, RELEASE),
        manifest=f"s3://{bucket}/silver.json",
        target=[staged, location, RELEASE],
        table=f"{database}.daily_sales",
        split=here.batched,
        database=database,
        workgroup=workgroup,
    )
    result = complete(build, context)
    event = tell(build)

    sales = f"AwsDataCatalog.{database}.sales"
    assert [(each["namespace"], each["name"]) for each in event["inputs"]] == [(ATHENA, sales)]
    mart = of(event, f"AwsDataCatalog.{database}.daily_sales")
    assert origins(mart, "revenue") == {(sales, "total_amount")}
    assert origins(mart, "returns") == {(sales, "total_amount"), (sales, "is_return")}
    assert origins(mart, "customers") == {(sales, "customer_token")}
    schema = {each["name"]: each for each in mart["facets"]["schema"]["fields"]}
    assert schema["revenue"]["type"] == "decimal(18,2)"
    assert schema["revenue"]["description"].startswith("Amount sold less")
    assert schema["sale_date"]["type"] == "date"
    assert event["job"]["facets"]["sql"]["query"] == build.query
    assert (
        event["run"]["facets"]["externalQuery"]["externalQueryId"] == result["query_execution_id"]
    )


@pytest.mark.parametrize("mart", MARTS.values(), ids=MARTS)
def test_every_column_of_every_mart_has_its_origin(mart: Mart) -> None:
    """But counts of rows. A column of `SELECT *` would have none: the parser knows no table."""
    found = lineage.of_sql(mart.ctas("retail_gold.staged", "s3://bucket/gold/", RELEASE))
    assert set(found) == {column.name for column in mart.columns}
    assert lineage.places([found]) == ["retail_silver.sales"]
    without = {name for name, sources in found.items() if not sources}
    assert without <= {"transactions"}


def test_a_query_of_a_view_tells_the_views_columns(
    database: str,
    workgroup: str,
    context: Any,
    tell: Callable[[Any], dict[str, Any]],
    caplog: pytest.LogCaptureFixture,
) -> None:
    """A view has no location."""

    def query(sql: str) -> ReleaseAthenaOperator:
        operator = ReleaseAthenaOperator(
            task_id="report", query=sql, database=database, workgroup=workgroup
        )
        complete(operator, context)
        return operator

    query("CREATE VIEW one AS SELECT 1 AS n, 'a' AS text")
    event = tell(query("WITH two AS (SELECT n FROM one) SELECT n FROM two"))
    (view,) = event["inputs"]
    assert (view["namespace"], view["name"]) == (ATHENA, f"AwsDataCatalog.{database}.one")
    fields = view["facets"]["schema"]["fields"]
    assert [field["name"] for field in fields] == ["n", "text"]
    assert "Cannot retrieve" not in caplog.text


def test_silver_comes_from_bronze_as_the_contracts_say(
    tell: Any, lake: Lake, bucket: str, client: Any, context: Any
) -> None:
    database = lake.silver_database
    written = ["sales", "clean_ecommerce_orders", "clean_wholesale_invoices"]
    client("s3").put_object(Bucket=bucket, Key="jobs/script.py", Body=SCRIPT.encode())
    name = f"job-{uuid.uuid4().hex[:8]}"
    client("glue").create_job(
        Name=name,
        Role="arn:aws:iam::000000000000:role/job",
        Command={"Name": "pythonshell", "ScriptLocation": f"s3://{bucket}/jobs/script.py"},
    )
    job = ReleaseGlueJobOperator(
        task_id="bronze_to_silver",
        job_name=name,
        release=RELEASE,
        script_args={
            "--bucket": bucket,
            "--database": database,
            "--tables": ",".join(written),
            "--release": RELEASE,
        },
        bucket=bucket,
        layout=layout,
        waiter_delay=1,
    )
    complete(job, context)
    event = tell(job)

    inputs = {(each["namespace"], each["name"]) for each in event["inputs"]}
    assert (f"s3://{bucket}", "bronze/ecommerce_orders") in inputs
    assert (ATHENA, f"AwsDataCatalog.{database}.products") in inputs
    assert len(event["outputs"]) == len(written)
    clean, wholesale, web = (
        f"AwsDataCatalog.{database}.{table}"
        for table in ("sales", "clean_wholesale_invoices", "clean_ecommerce_orders")
    )
    sales = of(event, clean)
    assert {(web, "total_amount"), (wholesale, "quantity"), (wholesale, "unit_price")} <= origins(
        sales, "total_amount"
    )
    assert (f"AwsDataCatalog.{database}.products", "category") in origins(sales, "category")
    assert "channel" not in sales["facets"]["columnLineage"]["fields"]
    orders = of(event, web)
    assert origins(orders, "ordered_at") == {("bronze/ecommerce_orders", "timestamp")}
    assert origins(orders, "customer_token") == {("bronze/ecommerce_orders", "customer_id")}
    returned = origins(of(event, wholesale), "is_return")
    assert returned == {("bronze/wholesale_invoices", "InvoiceNo")}
    schema = {each["name"]: each for each in orders["facets"]["schema"]["fields"]}
    assert schema["quantity"]["description"] == "Pieces ordered."


SCRIPT = """
import json, sys
import boto3

given = dict(zip(sys.argv[1::2], sys.argv[2::2]))
database, release, token = (given[f"--{name}"] for name in ("database", "release", "run_token"))
tables = [
    {"database": database, "table": name, "partitions": []} for name in given["--tables"].split(",")
]
key = f"ops/releases/{release}/silver-{token}.json"
document = {"release": release, "run_token": token, "tables": tables}
boto3.client("s3").put_object(Bucket=given["--bucket"], Key=key, Body=json.dumps(document))
"""


@pytest.mark.parametrize(
    ("dataset", "secret", "source"),
    [
        (
            "store_transactions",
            {"host": "tills.example", "port": 5432, "dbname": "tills"},
            ("postgres://tills.example:5432", "tills.public.store_transactions"),
        ),
        (
            "customers",
            {"host": "crm.example", "port": 3306, "dbname": "crm", "engine": "mysql"},
            ("mysql://crm.example:3306", "crm.customers"),
        ),
        (
            "marketplace_sales",
            {"url": "https://api.example.com/"},
            ("https://api.example.com", "/v1/sales"),
        ),
    ],
)
def test_an_extract_carries_its_columns_over(
    tell: Any, bucket: str, dataset: str, secret: dict[str, Any], source: tuple[str, str]
) -> None:
    contract = load_lake().contract(dataset)
    kinds = {"database": DatabaseToS3ParquetOperator, "rest_api": RestApiToS3JsonLinesOperator}
    extract = kinds[contract.source.kind](
        task_id=f"extract_{dataset}",
        secret_id="secret",
        contract=contract,
        days=["2026-07-01"],
        time_zone="Europe/London",
        bucket=bucket,
        layout=layout,
    )
    extract.extracted_from = extract.source(secret)
    event = tell(extract)

    (read,) = event["inputs"]
    assert (read["namespace"], read["name"]) == source
    bronze = of(event, f"bronze/{dataset}")
    assert bronze["namespace"] == f"s3://{bucket}"
    for column in contract.delivered_columns:
        assert origins(bronze, column.source) == {(source[1], column.source)}
    types = {each["name"]: each["type"] for each in bronze["facets"]["schema"]["fields"]}
    assert types == {column.source: column.sql_type for column in contract.delivered_columns}
