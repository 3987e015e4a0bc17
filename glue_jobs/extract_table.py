"""Glue job: days of a database table that is too large for a worker become files of bronze.

Arguments: --dataset (its contract says the table), --days (ISO dates, with commas between them),
--secret_id (of the database, in Secrets Manager), --lake_bucket, --run_token (16 hex digits, new
for each attempt). Glue's own arguments are passed over.

Each day is a Spark task: one snapshot, streamed, to the bytes and keys of a worker's extract. The
run's summary is the last thing written: without it the run has failed, whatever its state says.
"""

import sys
from collections.abc import Sequence
from contextlib import closing
from zoneinfo import ZoneInfo

import boto3
from pyspark.sql import SparkSession

from include.lake import layout
from include.lake.contracts import load_lake
from retail_extract.credentials import read_secret
from retail_extract.errors import ExtractError, RefusedError
from retail_extract.snapshot import dataset_name, open_snapshot
from retail_extract.table import Extract
from retail_io import documents
from retail_io.arguments import parse_extract_arguments
from retail_io.session import source_errors
from retail_io.table_days import TableDays


def main(argv: Sequence[str]) -> None:
    """Extracts every day and writes the run's summary."""
    asked = parse_extract_arguments(argv)
    lake = load_lake()
    contract = lake.contract(asked.dataset)
    if contract.source.engine != "glue":
        sys.exit(f"extract_table: {asked.dataset} is not for the Glue engine here: deploy the job")
    table = TableDays(
        dataset=asked.dataset,
        extract=Extract.from_contract(contract),
        zone=ZoneInfo(lake.time_zone),
        secret_id=asked.secret_id,
        bucket=asked.lake_bucket,
        run_token=asked.run_token,
        region=boto3.session.Session().region_name,
    )
    secret = read_secret(table.client("secretsmanager"), table.secret_id)
    # Asked once, not by every task: databases lock out users whose password is wrong many times.
    with closing(open_snapshot(secret, table.secret_id, table.session)) as snapshot:
        snapshot.require_types(table.extract)
    # The DAG owns retries.
    builder = SparkSession.builder.appName("extract_table").config("spark.task.maxFailures", "1")
    with source_errors(RefusedError, ExtractError):
        days = builder.getOrCreate().sparkContext.parallelize(asked.days, len(asked.days))
        manifests = days.map(table.extract_day).collect()
    summary = {
        "dataset": table.dataset,
        "run_token": table.run_token,
        "source": dataset_name(secret, table.extract),
        "manifests": manifests,
    }
    address = layout.uri(table.bucket, layout.extract_summary_key(table.run_token))
    documents.write_json(address, summary)


if __name__ == "__main__":
    main(sys.argv[1:])
