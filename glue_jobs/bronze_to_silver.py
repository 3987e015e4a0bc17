"""Glue job: the bronze files of a release's window become silver, quarantine and ledger.

Arguments: --manifest (address of inputs.json), --run_token (16 hex digits, new for each attempt),
--customer_token_key_secret (id in Secrets Manager). Glue's own arguments are passed over.

The manifest ``silver-<token>.json`` is the last thing written, and only if every file's rows add
up: without it the run has failed, whatever its state says. Nothing is written outside the run's
own folders, so a failed attempt is simply run again with another token.
"""

import sys
from collections.abc import Sequence
from typing import Any

from pyspark.sql import SparkSession

from include.lake import layout
from include.lake.contracts import Lake, load_lake
from retail_io import documents, manifest
from retail_io.arguments import parse_arguments
from retail_io.inputs import Inputs, parse
from retail_io.session import open_session, source_errors
from retail_io.silver import write_datasets, write_sales
from retail_io.targets import Run
from retail_transforms.accounting import ledger
from retail_transforms.outcome import DUPLICATE, QUARANTINE, SALES


def main(argv: Sequence[str]) -> None:
    """Builds the release's silver and writes the run's manifest."""
    arguments = parse_arguments(argv)
    listed = parse(documents.read_text(arguments.manifest))
    key = documents.secret_key(arguments.customer_token_key_secret)
    with source_errors():
        document = build(open_session(), load_lake(), listed, arguments.run_token, key)
    address = layout.silver_manifest_key(listed.release, arguments.run_token)
    documents.write_json(f"{listed.lake_root}/{address}", document)


def build(
    spark: SparkSession, lake: Lake, listed: Inputs, run_token: str, key: bytes
) -> dict[str, Any]:
    """Reads, transforms and writes everything of one run; gives its manifest."""
    listed.require_known(lake)
    run = Run(listed.lake_root, listed.release, run_token)

    delivered = write_datasets(spark, lake, listed, key, run)
    days = delivered.business_days() | listed.replaced_days | set(listed.days)
    found = delivered + write_sales(spark, lake, listed, delivered, days, run)
    books = ledger(
        [(file.dataset, file.key, file.ingest_date) for file in listed.files],
        rows_in=delivered.by_file(),
        silver=found.by_file(SALES, *(each.silver_table for each in lake.snapshots)),
        quarantined=found.by_file(QUARANTINE),
        duplicates=found.by_file(DUPLICATE),
    )
    run.write_ledger(books)
    return manifest.document(run, lake, listed, found, books, delivered.reasons(), days)


if __name__ == "__main__":
    main(sys.argv[1:])
