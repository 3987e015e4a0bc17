"""A source nobody has heard of: one contract file more, and its rows are in analysts' tables.

The contract is added to a copy of the checkout, and nothing else is changed; the copy is deployed
to the running lake by the commands that deploy any other change. Last of all tests: what it has
published stays published when its contract is gone.
"""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import boto3
import pytest

from include.lake.contracts import load_lake
from tests.e2e.conftest import GLUE_PYTHON, ROOT, Lake

DAY = date(2024, 5, 7)
DATASET = "museum_shop"
SHIPPED = ("dags", "glue_jobs", "include", "plugins", "sql", "requirements.txt")

CONTRACT = """\
apiVersion: v3.1.0
kind: DataContract
id: retail-lake:museum_shop
name: museum_shop
version: 1.0.0
status: active
domain: sales
description:
  purpose: Sales of the museum's shop, one row per receipt line.
  usage: The museum channel of silver.sales.
  limitations: No returns.
team:
  name: museum
servers:
  - server: drop
    type: s3
    location: s3://{lake_bucket}/bronze/museum_shop/
    format: csv
    customProperties:
      - property: readerOptions
        value: {header: "true", sep: "|", quote: '"', escape: '"', encoding: UTF-8}
schema:
  - name: museum_shop
    logicalType: object
    businessName: Museum shop
    properties:
      - name: receipt
        physicalName: Receipt
        logicalType: string
        physicalType: string
        required: true
        primaryKey: true
        primaryKeyPosition: 1
        description: Receipt line.
      - name: sold_at
        physicalName: When
        logicalType: timestamp
        physicalType: timestamp
        required: true
        logicalTypeOptions: {format: dd.MM.yyyy HH:mm}
        description: Moment of the sale.
      - name: item
        physicalName: Item
        logicalType: string
        physicalType: string
        required: true
        description: What was sold.
      - name: pieces
        physicalName: Pieces
        logicalType: integer
        physicalType: bigint
        required: true
        logicalTypeOptions: {minimum: 1}
        description: Pieces.
      - name: price
        physicalName: Price
        logicalType: number
        physicalType: decimal(18,2)
        required: true
        customProperties:
          - property: decimalSeparator
            value: ","
        description: Price of one piece, in pounds.
slaProperties:
  - {property: latency, value: 1, unit: d}
  - {property: frequency, value: 1, unit: d}
customProperties:
  - property: channel
    value: museum
  - property: businessTime
    value: sold_at
  - property: sales
    value:
      transaction_id: receipt
      sold_at: sold_at
      product_id: item
      product_name: item
      category: "'Souvenirs'"
      quantity: pieces
      unit_price: price
      total_amount: CAST(pieces * price AS DECIMAL(18,2))
      customer_id: CAST(NULL AS STRING)
      region: "'Museum'"
      store_id: CAST(NULL AS STRING)
      payment_method: "'Cash'"
      is_return: "false"
"""
ROWS = """\
Receipt|When|Item|Pieces|Price
R1|07.05.2024 10:15|Postcard|4|1,20
R2|07.05.2024 11:00|Catalogue, "Dürer"|1|39,95
R3|07.05.2024 11:30|Postcard|none|1,20
R4|07.05.2024 12:00|Postcard|2|1.20
R2|07.05.2024 11:00|Catalogue, "Dürer"|1|39,95
"""


def deploy(lake: Lake, checkout: Path) -> None:
    """Deploys a checkout to the running lake, and its bundle to Airflow."""
    deployment = str(lake.laptop.deployment)
    commands = [
        ["include.infrastructure.deploy", "--environment", "local", "--deployment", deployment],
        ["include.infrastructure.bundle", "--out", "build", "--deployment", deployment],
    ]
    environment = {**os.environ, "TILLS_PASSWORD": lake.laptop.tills_password}
    for command in commands:
        done = subprocess.run(
            [str(GLUE_PYTHON), "-m", *command],
            cwd=checkout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    # as `aws s3 sync --delete` does: Airflow never finds the folder without its files
    built, home = checkout / "build" / "mwaa" / "dags", lake.laptop.airflow.home / "dags"
    shutil.copytree(built, home, dirs_exist_ok=True)
    for file in (home / "include" / "contracts").iterdir():
        if not (built / "include" / "contracts" / file.name).exists():
            file.unlink()


def wait_for_task(lake: Lake, task: str, present: bool) -> None:
    """Waits until Airflow has read the DAG anew."""
    deadline = time.monotonic() + 120
    while (
        task in {each["task_id"] for each in lake.runs.call("GET", "/tasks")["tasks"]}
    ) != present:
        assert time.monotonic() < deadline, f"{task} did not {'appear' if present else 'go'}"
        time.sleep(1)


def copied(copy: Path) -> Path:
    """Copies what is shipped of the checkout; returns the copy."""
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            hidden = shutil.ignore_patterns("__pycache__", "deployment.json")
            shutil.copytree(source, copy / name, ignore=hidden)
        else:
            shutil.copy(source, copy / name)
    return copy


@pytest.fixture
def checkout(lake: Lake, tmp_path: Path) -> Iterator[Path]:
    """A copy of the checkout with one contract more, deployed; afterwards ours is again."""
    copy = copied(tmp_path / "checkout")
    added = copy / "include" / "contracts" / f"{DATASET}.yaml"
    added.write_text(CONTRACT)
    try:
        deploy(lake, copy)
        wait_for_task(lake, f"ingest.wait_{DATASET}", present=True)
        yield copy
    finally:
        added.unlink()
        deploy(lake, copy)
        wait_for_task(lake, f"ingest.wait_{DATASET}", present=False)


def test_one_contract_file_brings_a_source_to_analysts(lake: Lake, checkout: Path) -> None:
    assert DATASET not in {contract.dataset for contract in load_lake().contracts}
    lake.deliver(DAY, {DATASET: {"shop.csv": ROWS.encode()}})

    report = lake.run(DAY)

    books = [entry for entry in report["ledger"] if entry["dataset"] == DATASET]
    assert [(b["rows_in"], b["silver"], b["quarantined"], b["duplicates"]) for b in books] == [
        (5, 2, 2, 1)
    ]
    # in UTC: an hour before the clock of the shop
    assert lake.query(
        'SELECT transaction_id, hour("timestamp"), minute("timestamp"), product_name, quantity,'
        " total_amount"
        " FROM transactions WHERE channel = 'museum' ORDER BY 1"
    ) == [
        ["R1", "9", "15", "Postcard", "4", "4.80"],
        ["R2", "10", "0", 'Catalogue, "Dürer"', "1", "39.95"],
    ]
    assert lake.query(
        f"SELECT transactions, units, revenue FROM daily_sales"
        f" WHERE sale_date = DATE '{DAY}' AND channel = 'museum'"
    ) == [["2", "5", "44.75"]]
    assert lake.books(
        f"SELECT reason, raw FROM retail_ops.quarantine WHERE dataset = '{DATASET}' ORDER BY 1, 2"
    ) == [
        ["invalid:pieces", "R3|07.05.2024 11:30|Postcard|none|1,20"],
        ["invalid:price", "R4|07.05.2024 12:00|Postcard|2|1.20"],
    ]
    glue = boto3.client("glue")
    crawled = glue.get_table(DatabaseName="retail_bronze", Name=DATASET)["Table"]
    names = [column["Name"] for column in crawled["StorageDescriptor"]["Columns"]]
    assert names == ["receipt", "when", "item", "pieces", "price"]
