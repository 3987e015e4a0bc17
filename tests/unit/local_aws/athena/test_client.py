"""Any AWS client: boto3 against the front's own server."""

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest

from include.local_aws.front.server import FrontServer
from tests.unit.local_aws.athena.conftest import Athena
from tests.unit.local_aws.conftest import aws_client


@pytest.fixture
def client(sales: Athena) -> Iterator[Any]:
    """A boto3 Athena client of a front."""
    server = FrontServer(0, sales.context.endpoint, sales.handlers)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield aws_client("athena", f"http://127.0.0.1:{server.server_address[1]}")
    server.shutdown()
    server.server_close()
    thread.join()


def test_boto3_runs_a_query_and_pages_its_results(client: Any, sales: Athena) -> None:
    identity = client.start_query_execution(
        QueryString="SELECT id, amount, sale_date FROM sales ORDER BY id",
        QueryExecutionContext={"Database": sales.database, "Catalog": "AwsDataCatalog"},
        ResultConfiguration={"OutputLocation": f"s3://{sales.bucket}/results/"},
    )["QueryExecutionId"]
    while True:
        execution = client.get_query_execution(QueryExecutionId=identity)["QueryExecution"]
        if execution["Status"]["State"] not in {"QUEUED", "RUNNING"}:
            break
        time.sleep(0.02)
    assert execution["Status"]["State"] == "SUCCEEDED", execution
    assert execution["Status"]["CompletionDateTime"].year >= 2024
    pages = client.get_paginator("get_query_results").paginate(
        QueryExecutionId=identity, PaginationConfig={"PageSize": 5}
    )
    rows = [
        tuple(cell.get("VarCharValue") for cell in row["Data"])
        for page in pages
        for row in page["ResultSet"]["Rows"]
    ]
    assert rows[:2] == [("id", "amount", "sale_date"), ("10", "1.10", "2024-05-01")]
    assert len(rows) == 13
    with pytest.raises(client.exceptions.InvalidRequestException):
        client.get_query_execution(QueryExecutionId="nobody")
    assert client.list_work_groups()["WorkGroups"]
