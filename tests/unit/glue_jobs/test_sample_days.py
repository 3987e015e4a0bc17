"""Two days of all datasets through the job, as their sources deliver them: exactly as planted."""

import gzip
from collections import Counter
from datetime import date
from pathlib import Path
from typing import Any

import duckdb
import pytest
from pyspark.sql import SparkSession

from include.lake import layout
from include.lake.contracts import Lake
from include.sample_data import DeliveredFile, generate, truth
from tests.unit.glue_jobs.lake_folder import LakeFolder

DAYS = [date(2024, 10, 26), date(2024, 10, 27)]  # a Saturday, and 25 hours
FIRST, LAST = map(str, DAYS)
SCALE = 0.1
EXTRACT = "0123456789abcdef"
COUNTS = ("rows_in", "silver", "quarantined", "duplicates")
TYPES = {
    "quantity": "INTEGER",
    "on_hand": "INTEGER",
    "on_order": "INTEGER",
    "unit_price": "DECIMAL(18,2)",
    "total_amount": "DECIMAL(18,2)",
    "is_return": "BOOLEAN",
    "stock_date": "DATE",
    "sold_at": "TIMESTAMPTZ",
    "counted_at": "TIMESTAMPTZ",
    "registered_at": "TIMESTAMPTZ",
    "updated_at": "TIMESTAMPTZ",
}


def extracted(scratch: Path, files: list[DeliveredFile]) -> bytes:
    """What an extract makes of the rows of a table: Parquet with the table's types."""
    scratch.mkdir()
    header = files[0].header
    assert header is not None
    columns = {name: TYPES.get(name, "VARCHAR") for name in header.split(",")}
    for number, file in enumerate(files):
        (scratch / f"{number}.csv").write_bytes(file.content)
    with duckdb.connect() as connection:
        connection.execute(
            f"COPY (SELECT DISTINCT * FROM read_csv('{scratch}/*.csv', header = true, "
            f"columns = {columns})) TO '{scratch}/made' (FORMAT parquet)"
        )
    return (scratch / "made").read_bytes()


@pytest.fixture(scope="module")
def built(
    spark: SparkSession, lake: Lake, tmp_path_factory: pytest.TempPathFactory
) -> tuple[LakeFolder, dict[str, Any]]:
    """Both days' bronze, built in one run, and its manifest.

    The customers of a day are those of the day before and the new ones.
    """
    scratch = tmp_path_factory.mktemp("extracts")
    folder = LakeFolder(tmp_path_factory.mktemp("lake"))
    customers: list[DeliveredFile] = []
    for day in DAYS:
        made = generate(day, scale=SCALE)
        for file in made.files:
            zipped = file.name.endswith(".gz")
            content = gzip.decompress(file.content) if zipped else file.content
            folder.put(file.dataset, str(day), file.name, content)
        for file in made.sources:
            if file.name.endswith(".jsonl"):
                folder.put(file.dataset, str(day), f"{EXTRACT}.jsonl", file.content)
                continue
            customers += [file] if file.dataset == "customers" else []
            table = customers if file.dataset == "customers" else [file]
            content = extracted(scratch / f"{file.dataset}-{day}", table)
            folder.put(file.dataset, str(day), f"{EXTRACT}.parquet", content)
    return folder, folder.build(spark, lake, FIRST, LAST)


def ledger(lake: Lake, files: list[dict[str, Any]], name: str) -> Counter[tuple[str, ...]]:
    """Each file's counts; an extract has a name of its own, so it goes by dataset and day."""
    drops = [each.dataset for each in lake.contracts if each.source.kind == "s3_drop"]
    return Counter(
        (
            entry["dataset"],
            entry["ingest_date"],
            Path(entry[name]).name if entry["dataset"] in drops else "",
            *(str(entry[count]) for count in COUNTS),
        )
        for entry in files
    )


def sums(folder: LakeFolder, keys: str, **kwargs: str) -> list[tuple[Any, ...]]:
    return folder.query(
        f"SELECT {keys}, count(*)::VARCHAR, sum(quantity)::VARCHAR, sum(total_amount)::VARCHAR, "
        f"count(DISTINCT customer_token)::VARCHAR FROM (SELECT * REPLACE ("
        "coalesce(region, 'Unknown') AS region, coalesce(category, 'Unknown') AS category, "
        "sale_date::VARCHAR AS sale_date) FROM sales) GROUP BY ALL ORDER BY ALL",
        **kwargs,
    )


def said(nested: dict[str, Any], depth: int) -> list[tuple[Any, ...]]:
    """The truth's sums as rows; one level of keys per column."""
    if depth == 0:
        names = ("transactions", "units", "revenue", "customers")
        return [tuple(str(nested[name]) for name in names)]
    return [(key, *row) for key, inner in nested.items() for row in said(inner, depth - 1)]


def test_every_row_is_where_it_was_planted(
    lake: Lake, built: tuple[LakeFolder, dict[str, Any]]
) -> None:
    delivered, manifest = built
    planted = truth(DAYS, scale=SCALE, windows=[(DAYS[0], DAYS[1])])
    files = planted["runs"][0]["files"]
    assert ledger(lake, manifest["ledger"], "source_file") == ledger(lake, files, "file")
    assert manifest["quarantine"] == planted["quarantine"]
    days = f"sale_date BETWEEN '{FIRST}' AND '{LAST}'"
    assert delivered.query(f"SELECT count(*) FROM sales WHERE NOT {days}") != [(0,)]  # late ones
    for name, keys in {
        "daily_sales": ("sale_date", "channel"),
        "sales_by_region": ("sale_date", "channel", "region"),
        "sales_by_category": ("sale_date", "category"),
    }.items():
        assert sums(delivered, ", ".join(keys)) == said(planted[name], len(keys))

    # The snapshots hold what the ledger calls silver.
    silver: Counter[tuple[str, str]] = Counter()
    for entry in files:
        silver[entry["dataset"], entry["ingest_date"]] += entry["silver"]
    for contract in lake.snapshots:
        found = delivered.query(
            f"SELECT ingest_date::VARCHAR, count(*) FROM {contract.silver_table} "
            "GROUP BY 1 ORDER BY 1"
        )
        assert found == [(day, silver[contract.dataset, day]) for day in (FIRST, LAST)]
    assert delivered.query(
        "SELECT category, count(*) FROM products WHERE category IN ('Clearance', 'Novelties') "
        f"AND ingest_date = '{FIRST}' GROUP BY 1 ORDER BY 1"
    ) == [("Clearance", 2), ("Novelties", 2)]


def test_a_snapshot_has_the_same_bytes_whether_its_day_is_built_alone(
    spark: SparkSession, lake: Lake, built: tuple[LakeFolder, dict[str, Any]]
) -> None:
    folder, _ = built
    states = {place for place in folder.content() if place.split("/")[0] in layout.SNAPSHOTS}
    assert len(states) == 6
    whole = {place: files for place, files in folder.content().items() if place in states}
    folder.files = {
        dataset: [entry for entry in entries if entry["ingest_date"] == LAST]
        for dataset, entries in folder.files.items()
        if dataset in [contract.dataset for contract in lake.snapshots]
    }
    folder.build(spark, lake, LAST, LAST, token="00000000000000bb")
    alone = folder.content(token="00000000000000bb")
    assert {place: alone[place] for place in states if LAST in place} == {
        place: whole[place] for place in states if LAST in place
    }
