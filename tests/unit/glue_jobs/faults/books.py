"""What must hold of every run of the job, read from the Parquet files that it wrote."""

from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from tests.unit.glue_jobs.lake_folder import LakeFolder

AGAIN = "00000000000000bb"
#: rows in, silver, quarantined, duplicates
Book = tuple[int, int, int, int]


def build_twice(
    spark: SparkSession, lake: Lake, folder: LakeFolder, first: str, last: str
) -> dict[str, Any]:
    """Runs the job, and once more with the files listed the other way round: the same bytes."""
    manifest = folder.build(spark, lake, first, last)
    for entries in folder.files.values():
        entries.reverse()
    folder.build(spark, lake, first, last, token=AGAIN)
    content = folder.content()
    assert content
    assert content == folder.content(token=AGAIN)
    assert_books_close(folder)
    return manifest


def assert_books_close(folder: LakeFolder) -> None:
    """Every file's rows in the ledger are those that lie in silver and quarantine."""
    written = [table for table in ("sales", "quarantine") if has_rows(folder, table)]
    counts = [
        f"SELECT source_file, '{table}' AS place, count(*) AS n FROM {table} GROUP BY 1, 2"
        for table in written
    ]
    counts.append("SELECT NULL, NULL, 0")
    found = folder.query(
        f"""
        WITH counted AS ({" UNION ALL ".join(counts)}), summed AS (
            SELECT source_file,
                coalesce(sum(n) FILTER (place = 'sales'), 0) AS silver,
                coalesce(sum(n) FILTER (place = 'quarantine'), 0) AS quarantined
            FROM counted WHERE source_file IS NOT NULL GROUP BY 1
        )
        SELECT source_file FROM run_ledger AS ledger FULL JOIN summed USING (source_file)
        WHERE ledger.rows_in IS DISTINCT FROM
                ledger.silver + ledger.quarantined + ledger.duplicates
            OR ledger.silver <> coalesce(summed.silver, 0)
            OR ledger.quarantined <> coalesce(summed.quarantined, 0)
        """
    )
    assert found == []


def has_rows(folder: LakeFolder, table: str) -> bool:
    """Whether the run wrote a file of that table."""
    return any(folder.folder(table).rglob("*.parquet"))


def books(manifest: dict[str, Any]) -> dict[str, Book]:
    """The run's ledger by name of the file."""
    return {
        Path(row["source_file"]).name: (
            row["rows_in"],
            row["silver"],
            row["quarantined"],
            row["duplicates"],
        )
        for row in manifest["ledger"]
    }


def reasons(folder: LakeFolder, name: str) -> dict[int, str]:
    """By row number, why rows of a file were refused."""
    found = folder.query(
        f"SELECT source_row, reason FROM quarantine WHERE source_file LIKE '%/{name}' ORDER BY 1"
    )
    assert len(dict(found)) == len(found)
    return {int(row): str(reason) for row, reason in found}
