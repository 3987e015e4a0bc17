"""Every reason, and which one wins: of values, of the business day, and of rules."""

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from pyspark.sql import DataFrame, SparkSession

from include.lake.contracts import Column, Contract, Lake, Rule
from retail_transforms.judged import JUDGED, judged
from retail_transforms.rules import with_rules

ORDER: dict[str, Any] = {
    "id": "A1",
    "n": "3",
    "price": "1.50",
    "at": "2026-03-10 12:00:00",
    "colour": "red",
    "note": None,
}
COLUMNS = (
    Column("id", "id", "string", required=True, primary_key=1, pattern="^[A-Z][0-9]$"),
    Column("n", "n", "integer", minimum=Decimal(1), maximum=Decimal("1E+1")),
    Column("price", "price", "decimal", precision=6, scale=2, exclusive_minimum=Decimal(0)),
    Column(
        "at",
        "at",
        "timestamp",
        required=True,
        formats=("yyyy-MM-dd HH:mm:ss",),
        time_zone="Europe/London",
    ),
    Column("colour", "colour", "string", accepted=("red", "blue"), aliases={"r": "red"}),
    Column("note", "note", "string"),
    Column("total", "total", "decimal", precision=18, scale=2, derived="n * price", required=True),
)
CASES: list[tuple[dict[str, Any] | None, str | None]] = [
    ({}, None),
    (None, "unreadable"),
    ({"id": None}, "required:id"),
    ({"id": "a1"}, "bad_pattern:id"),
    ({"id": "A1B2"}, "bad_pattern:id"),
    ({"n": "2.0"}, None),
    ({"n": "2.5"}, "invalid:n"),
    ({"n": "0"}, "out_of_range:n"),
    ({"n": "10"}, None),
    ({"n": "11"}, "out_of_range:n"),
    ({"price": "0"}, "out_of_range:price"),
    ({"price": "0.001"}, "invalid:price"),
    ({"price": None}, "required:total"),
    ({"at": None}, "required:at"),
    ({"at": "10.03.2026"}, "invalid:at"),
    ({"colour": "R"}, None),
    ({"colour": "green"}, "not_accepted:colour"),
    ({"colour": None}, None),
    ({"note": "forbidden"}, "rule:note_allowed"),
    # Business days of London; the rows arrive on 10 March with two days of patience.
    ({"at": "2026-03-10 23:59:59"}, None),
    ({"at": "2026-03-11 00:00:00"}, "in_future:at"),
    ({"at": "2026-03-08 00:00:00"}, None),
    ({"at": "2026-03-07 23:59:59"}, "too_late:at"),
    ({"at": "0001-01-01 00:00:00"}, "too_late:at"),
    ({"at": "9999-12-31 23:59:59"}, "in_future:at"),
    # The first reason wins: of the columns in their order, the day, derived columns, rules.
    ({"id": None, "n": "x", "colour": "green"}, "required:id"),
    ({"n": "99", "colour": "green"}, "out_of_range:n"),
    ({"colour": "green", "note": "forbidden"}, "not_accepted:colour"),
    ({"note": "forbidden", "at": "2026-03-11 00:00:00"}, "in_future:at"),
    ({"price": None, "note": "forbidden"}, "required:total"),
]


@pytest.fixture
def contract(lake: Lake) -> Contract:
    orders = lake.contract("ecommerce_orders")
    return replace(
        orders,
        columns=COLUMNS,
        rules=(Rule("note_allowed", "coalesce(note, '') <> 'forbidden'", ""),),
        lateness_days=2,
        source=replace(orders.source, business_time="at"),
    )


def found(
    spark: SparkSession, changes: list[dict[str, Any] | None], contract: Contract
) -> DataFrame:
    """What becomes of rows; without fields they could not be read."""
    size = len(changes)
    fields = [
        pa.array(
            [None if change is None else (ORDER | change)[name] for change in changes], "string"
        )
        for name in ORDER
    ]
    rows = pa.RecordBatch.from_arrays(
        [
            pa.array(["f"] * size),
            pa.array(range(size)),
            pa.array([f"raw {row}" for row in range(size)]),
            pa.array([change is not None for change in changes]),
            *fields,
        ],
        names=["source_file", "source_row", "raw", "read", *ORDER],
    )
    given = judged(rows, contract, "Europe/London", date(2026, 3, 10), part=3)
    types = {**JUDGED} | {column.name: column.sql_type for column in contract.delivered_columns}
    schema = ", ".join(f"{name} {kind}" for name, kind in types.items())
    frame = spark.range(1).coalesce(1).mapInArrow(lambda _: iter([given]), schema)
    return with_rules(frame, contract)


def test_every_row_passes_or_has_the_first_reason(spark: SparkSession, contract: Contract) -> None:
    rows = found(spark, [change for change, _ in CASES], contract)
    why = {row.source_row: row._reason for row in rows.select("source_row", "_reason").collect()}
    assert [(change, why[row]) for row, (change, _) in enumerate(CASES)] == CASES


def test_passing_rows_have_their_day(spark: SparkSession, contract: Contract) -> None:
    changes: list[dict[str, Any] | None] = [
        {},
        {"id": None, "note": "x"},
        {"colour": "r", "at": "2026-03-09 23:30:00"},
    ]
    rows = found(spark, changes, contract).orderBy("source_row")
    assert [
        (row._part, row._reason, row._raw, row.sale_date, row.colour, row.total)
        for row in rows.collect()
    ] == [
        (3, None, "raw 0", date(2026, 3, 10), "red", Decimal("4.50")),
        (3, "required:id", "raw 1", None, "red", Decimal("4.50")),
        (3, None, "raw 2", date(2026, 3, 9), "red", Decimal("4.50")),
    ]


def test_a_rule_that_cannot_be_told_is_broken(spark: SparkSession, contract: Contract) -> None:
    unknown = replace(contract, rules=(Rule("known", "note = 'x'", ""),))
    rows = found(spark, [{}, {"note": "x"}], unknown)
    assert [row._reason for row in rows.orderBy("source_row").collect()] == ["rule:known", None]


@pytest.mark.parametrize("pattern", ["^[A-Z][0-9]$", "^(?=A)[A-Z][0-9]$"])
def test_patterns_that_arrow_does_not_know_are_read_all_the_same(
    spark: SparkSession, contract: Contract, pattern: str
) -> None:
    columns = (replace(COLUMNS[0], pattern=pattern, required=False), *COLUMNS[1:])
    ids: list[dict[str, Any] | None] = [{"id": each} for each in ("A1", "A1\nx", "a1", None)]
    rows = found(spark, ids, replace(contract, columns=columns)).orderBy("source_row")
    assert [row._reason for row in rows.collect()] == [None, *["bad_pattern:id"] * 2, None]
