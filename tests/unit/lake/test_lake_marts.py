"""Mart files are read strictly, and their statements are what Athena needs."""

import re
from datetime import date, timedelta
from pathlib import Path

import pytest

from include.lake.contracts import load_lake
from include.lake.marts import Mart, batches, load_marts
from include.lake.strict_yaml import ContractError
from include.lake.values import Template, UnsafeValueError

ROOT = Path(__file__).parents[3]
RELEASE = "r20260702_bbbbbbbbbbbb"
TABLE = f"retail_gold.small__{RELEASE}_1"
LOCATION = f"s3://bucket/gold/small/release={RELEASE}/try=1/"

GOOD = """/*
description: A small mart.
grain: [sale_date, channel]
columns:
  sale_date: {type: date, description: Business day}
  channel: {type: string, description: Channel}
  revenue: {type: "decimal(18,2)", description: Net, reconciles_with: sum(total_amount)}
checks:
  - {name: positive, severity: warn, sql: min(revenue) > 0}
*/
SELECT sale_date, channel, sum(total_amount) AS revenue
FROM retail_silver.sales
WHERE release = '{{ release }}'
GROUP BY sale_date, channel
"""


def load(folder: Path, text: str = GOOD) -> Mart:
    (folder / "small.sql").write_text(text)
    (mart,) = load_marts(folder)
    return mart


def test_shipped_marts_are_short_and_complete() -> None:
    marts = {mart.name: mart for mart in load_marts()}
    additive = {"daily_sales", "sales_by_category", "sales_by_product_region"}
    assert additive < set(marts)
    assert marts["daily_sales"].grain == ("sale_date", "channel")
    assert marts["sales_by_product_region"].grain == ("sale_date", "product_id", "region")
    for name in marts:
        assert len((ROOT / "sql" / "gold" / f"{name}.sql").read_text().splitlines()) <= 80
    for name in additive:
        sums = {column.reconciles_with for column in marts[name].columns}
        assert {"count(*)", "sum(quantity)", "sum(total_amount)"} <= sums


def test_sql_names_only_databases_of_the_lake() -> None:
    lake = load_lake()
    files = [file for layer in ("gold", "views") for file in (ROOT / "sql" / layer).glob("*.sql")]
    assert len(files) >= 5
    for file in files:
        named = set(re.findall(r"\b(retail_\w+|sales_analytics)\.", file.read_text()))
        readable = {lake.silver_database, lake.ops_database}
        if file.parent.name == "views":
            readable.add(lake.gold_database)
        assert named <= readable
        # A view shows what is published; a mart is built from silver.
        needed = lake.ops_database if file.parent.name == "views" else lake.silver_database
        assert needed in named


def test_ctas_casts_every_column_and_puts_the_partition_last(tmp_path: Path) -> None:
    assert load(tmp_path).ctas(TABLE, LOCATION, RELEASE) == (
        f"CREATE TABLE {TABLE}\n"
        "WITH (\n"
        "  format = 'PARQUET',\n"
        "  write_compression = 'ZSTD',\n"
        f"  external_location = '{LOCATION}',\n"
        "  partitioned_by = ARRAY['sale_date']\n"
        ") AS\n"
        "SELECT\n"
        "  CAST(channel AS varchar) AS channel,\n"
        "  CAST(revenue AS decimal(18,2)) AS revenue,\n"
        "  CAST(sale_date AS date) AS sale_date\n"
        "FROM (\n"
        "SELECT sale_date, channel, sum(total_amount) AS revenue\n"
        "FROM retail_silver.sales\n"
        f"WHERE release = '{RELEASE}'\n"
        "GROUP BY sale_date, channel\n"
        ") AS mart\n"
        "ORDER BY sale_date, channel"
    )


def test_ctas_takes_templates_of_the_dag(tmp_path: Path) -> None:
    release = Template("{{ ti.xcom_pull(task_ids='open_release')['release'] }}")
    statement = load(tmp_path).ctas(
        Template(f"retail_gold.small__{release}_{{{{ ti.try_number }}}}"),
        Template(f"s3://bucket/gold/small/release={release}/try={{{{ ti.try_number }}}}/"),
        release,
    )
    assert f"WHERE release = '{release}'" in statement


@pytest.mark.parametrize(
    ("table", "location", "release"),
    [
        ("retail_gold.x AS SELECT 1; --", LOCATION, RELEASE),
        ("small", LOCATION, RELEASE),
        (TABLE, "s3://bucket/x', format = 'CSV", RELEASE),
        (TABLE, "s3://bucket", RELEASE),
        (TABLE, LOCATION, "x' OR '1'='1"),
        (TABLE, LOCATION, "{{ release }}"),
    ],
)
def test_ctas_refuses_what_is_not_allow_listed(
    tmp_path: Path, table: str, location: str, release: str
) -> None:
    with pytest.raises(UnsafeValueError):
        load(tmp_path).ctas(table, location, release)


def test_more_days_than_athena_writes_at_once_come_in_batches(tmp_path: Path) -> None:
    days = [date(2026, 1, 1) + timedelta(days=offset) for offset in range(230)]
    ranges = batches([*reversed(days), days[0]])
    assert ranges == [(days[0], days[99]), (days[100], days[199]), (days[200], days[229])]
    mart = load(tmp_path)
    assert "WHERE sale_date BETWEEN DATE '2026-01-01' AND DATE '2026-04-10'\nORDER BY" in mart.ctas(
        TABLE, LOCATION, RELEASE, ranges[0]
    )
    insert = mart.insert(TABLE, RELEASE, ranges[1])
    assert insert.startswith(f"INSERT INTO {TABLE}\nSELECT\n  CAST(channel")
    assert batches([]) == []


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("/*\n", "", "small.sql:1: document: must begin with a"),
        ("description: A small mart.\n", "", "small.sql:2: document: missing description"),
        ("grain:", "grains:", "small.sql:3: grains: unknown key"),
        ("[sale_date, channel]", "[channel, sale_date]", "small.sql:3: grain: must begin with"),
        ("[sale_date, channel]", "[sale_date, sale_date]", "small.sql:3: grain: must begin with"),
        ("[sale_date, channel]", "[sale_date, shop]", "small.sql:3: grain[1]: 'shop' is not"),
        ("type: string", "type: varchar", "small.sql:6: columns.channel.type: 'varchar' is not"),
        ("type: date", "type: string", "sale_date must have type date"),
        ("channel: {", "Channel: {", "cannot be a column"),
        (
            "description: Net,",
            "description: Net, minimum: low,",
            "columns.revenue.minimum: is 'low'",
        ),
        ("description: Channel}", "description: C, minimum: 1}", "string has no minimum; only"),
        ("description: Net,", "description: Net, accepted: [x],", "has no list of values; only"),
        ("description: Channel}", "description: C, accepted: shops}", "'shops' is not known here"),
        (
            "description: Channel}",
            "description: C, references: sales}",
            "'sales' is not known here",
        ),
        ("reconciles_with", "reconcile", "small.sql:7: columns.revenue.reconcile: unknown key"),
        ("severity: warn", "severity: error", "small.sql:9: checks[0].severity: 'error' is not"),
        ("'{{ release }}'", "'r1'", "does not filter on {{ release }}"),
        ("SELECT sale_date", "DELETE sale_date", "small.sql:11: document: must be one SELECT"),
        ("GROUP BY", "; DROP TABLE x; SELECT", "must be a single statement"),
        ("GROUP BY", "/* why */ GROUP BY", "must be a single statement"),
        ("A small mart.", "'A small mart.", "not YAML"),
    ],
)
def test_slips_in_a_mart_are_refused_with_their_place(
    tmp_path: Path, old: str, new: str, words: str
) -> None:
    assert old in GOOD
    with pytest.raises(ContractError) as caught:
        load(tmp_path, GOOD.replace(old, new, 1))
    assert words in str(caught.value)
    assert str(caught.value).startswith("small.sql:")


def test_no_mart_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ContractError, match="there is no mart"):
        load_marts(tmp_path)
