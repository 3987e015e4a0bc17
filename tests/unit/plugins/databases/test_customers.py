"""The shipped contract of the customers, with the sample customers, in the engines it may meet."""

import csv
from datetime import date, datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import duckdb

from include.lake import layout
from include.lake.contracts import load_lake
from include.sample_data.customers import COLUMNS, DDL, CustomersDay
from retail_lake.operators.extract import DatabaseToS3ParquetOperator
from tests.unit.plugins.databases.tills import Tills

DAY = date(2025, 10, 26)  # 25 hours in London
LAKE = load_lake()
MARIADB_DDL = """
CREATE TABLE customers (
  customer_id varchar(20) PRIMARY KEY, name varchar(200) NOT NULL, email varchar(200),
  region varchar(40), segment varchar(40) NOT NULL, registered_at timestamp(6) NOT NULL,
  updated_at datetime(6) NOT NULL)
"""


def rows() -> list[dict[str, Any]]:
    """The sample customers of the day; an empty cell is NULL."""
    lines = [row.text for row in CustomersDay(DAY, seed=1).rows()]
    return [
        {name: cell or None for name, cell in zip(COLUMNS, cells, strict=True)}
        for cells in csv.reader(lines)
    ]


def extract(tills: Tills, bucket: str, context: Any) -> dict[str, Any]:
    """Run the task of the DAG against an engine; its only manifest."""
    (contract,) = (each for each in LAKE.contracts if each.dataset == "customers")
    operator = DatabaseToS3ParquetOperator(
        task_id="extract_customers",
        secret_id=tills.secret_id,
        contract=contract,
        days=[DAY.isoformat()],
        time_zone=LAKE.time_zone,
        bucket=bucket,
        layout=layout,
    )
    (manifest,) = operator.execute(context)
    return dict(manifest)


def test_mysql_and_postgres_give_the_same_customers(
    postgres_tills: Tills,
    mariadb_tills: Tills,
    bucket: str,
    context: Any,
    client: Any,
    tmp_path: Path,
) -> None:
    """A table of TIMESTAMP and DATETIME in MySQL is the table of timestamptz in PostgreSQL."""
    names, marks = ", ".join(COLUMNS), ", ".join(["%s"] * len(COLUMNS))
    ddl = {"postgres": DDL.read_text(), "mariadb": MARIADB_DDL}
    for tills, change in ((postgres_tills, dict), (mariadb_tills, as_mysql)):
        tills.execute("DROP TABLE IF EXISTS customers")
        tills.execute(ddl[tills.engine])
        tills.cursor.executemany(
            f"INSERT INTO customers ({names}) VALUES ({marks})",
            [tuple(change(row).values()) for row in rows()],
        )
    of_postgres = extract(postgres_tills, bucket, context)
    of_mariadb = extract(mariadb_tills, bucket, context)
    assert of_mariadb == of_postgres
    assert of_mariadb["rows"] == len(rows()) > 300
    file = tmp_path / "customers.parquet"
    file.write_bytes(client("s3").get_object(Bucket=bucket, Key=of_mariadb["file"])["Body"].read())
    found = duckdb.execute(
        f"SELECT {names.replace('registered_at', 'epoch_us(registered_at)')} "
        f"FROM read_parquet('{file}') ORDER BY customer_id"
    ).fetchall()
    expected = sorted(rows(), key=lambda row: str(row["customer_id"]))
    assert [row[:5] for row in found] == [tuple(row.values())[:5] for row in expected]
    assert [row[5] for row in found] == [
        round(datetime.fromisoformat(row["registered_at"]).timestamp() * 1_000_000)
        for row in expected
    ]


def as_mysql(row: dict[str, Any]) -> dict[str, Any]:
    """The row for a session in UTC: TIMESTAMP as an instant, DATETIME as London's clocks show."""
    registered, updated = (
        datetime.fromisoformat(row[f"{name}_at"]) for name in ("registered", "updated")
    )
    return {
        **row,
        "registered_at": registered.astimezone(ZoneInfo("UTC")).replace(tzinfo=None),
        "updated_at": updated.astimezone(ZoneInfo(LAKE.time_zone)).replace(tzinfo=None),
    }
