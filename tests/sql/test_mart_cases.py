"""Every mart's SELECT on hand-made sales: ``<mart>/<case>/input.csv`` gives ``expected.csv``.

DuckDB runs the statement that Athena is given (all but CREATE TABLE … WITH), over a sales table
with the lake's types. Columns that a case does not give are null. Its checks must pass as well.
"""

import csv
from collections.abc import Iterator
from pathlib import Path

import duckdb
import pytest

from include.lake.checks import check_names, check_sql
from include.lake.contracts import load_lake
from include.lake.marts import Mart, load_marts
from tests.sql import lake_tables

FOLDER = Path(__file__).parent
RELEASE = "r20260702_bbbbbbbbbbbb"
LAKE = load_lake()
MARTS = {mart.name: mart for mart in load_marts()}
CASES = sorted(path.parent for path in FOLDER.glob("*/*/input.csv"))
STAGED = "retail_gold.staged"


@pytest.fixture
def database() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect(config={"threads": 1}) as connection:
        lake_tables.create(connection)
        yield connection


def read_rows(file: Path) -> tuple[list[str], list[list[str | None]]]:
    with file.open(newline="") as lines:
        header, *rows = list(csv.reader(lines))
    return header, [[value or None for value in row] for row in rows]


def stage(database: duckdb.DuckDBPyConnection, mart: Mart) -> None:
    """Builds the mart as its CTAS does; DuckDB has no WITH clause there."""
    statement = mart.ctas(STAGED, "s3://bucket/gold/", RELEASE)
    database.execute(f"CREATE TABLE {STAGED} AS {statement.split(') AS', 1)[1]}")


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.parent.name}-{case.name}")
def test_case(case: Path, database: duckdb.DuckDBPyConnection) -> None:
    mart = MARTS[case.parent.name]
    header, rows = read_rows(case / "input.csv")
    if rows:
        marks = ", ".join("?" for _ in header)
        database.executemany(
            f"INSERT INTO retail_silver.sales ({', '.join(header)}) VALUES ({marks})", rows
        )
    stage(database, mart)

    types = {name: kind for name, kind, *_ in database.execute(f"DESCRIBE {STAGED}").fetchall()}
    assert types == {column.name: column.athena_type.upper() for column in mart.columns}
    assert list(types)[-1] == "sale_date"

    wanted, expected = read_rows(case / "expected.csv")
    assert wanted == [column.name for column in mart.columns]
    shown = ", ".join(f"CAST({name} AS varchar)" for name in wanted)
    order = ", ".join(mart.grain)
    found = database.execute(f"SELECT {shown} FROM {STAGED} ORDER BY {order}").fetchall()
    assert [list(row) for row in found] == expected

    days = ("2026-07-01", "2026-07-02")
    results = database.execute(check_sql(LAKE, mart, STAGED, RELEASE, days)).fetchall()
    assert {name: severity for name, severity, _, _ in results} == check_names(LAKE, mart)
    assert [row for row in results if row[3] is not True and row[1] == "fail"] == []


def test_every_mart_has_a_case() -> None:
    assert {case.parent.name for case in CASES} == set(MARTS)
    for case in CASES:
        assert (case / "expected.csv").is_file()
