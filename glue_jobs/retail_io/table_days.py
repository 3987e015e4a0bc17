"""Days of a database table, each extracted by a Spark task of its own."""

import hashlib
import sys
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

import boto3
from botocore.config import Config
from pyspark import TaskContext

from include.lake import layout
from retail_extract.business_day import BusinessDay
from retail_extract.credentials import read_secret
from retail_extract.finished import FinishedExtract
from retail_extract.multipart import MultipartObject
from retail_extract.table import Extract
from retail_extract.table_to_parquet import write_rows


@dataclass(frozen=True)
class TableDays:
    """What a task must know; it reads the secret by itself, so that Spark never carries it.

    Attributes:
        dataset: whose files they become.
        extract: what to read of the table.
        zone: whose calendar days these are.
        secret_id: of the database, in Secrets Manager.
        bucket: the lake's.
        run_token: of the job run.
        region: of the AWS clients.
    """

    dataset: str
    extract: Extract
    zone: ZoneInfo
    secret_id: str
    bucket: str
    run_token: str
    region: str

    @property
    def session(self) -> str:
        """How the run is called in the database's list of sessions."""
        return f"extract_table.{self.dataset}.{self.run_token}"

    def client(self, service: str) -> Any:
        """A boto3 client that waits where it is asked to."""
        retries = Config(retries={"mode": "adaptive", "max_attempts": 8})
        return boto3.client(service, region_name=self.region, config=retries)

    def extract_day(self, day: date) -> dict[str, Any]:
        """Writes one day's file and its manifest; progress goes to the log.

        Returns:
            day, file (key), rows, bytes, sha256.
        """
        secret = read_secret(self.client("secretsmanager"), self.secret_id)
        interval = BusinessDay.of(day, self.zone)
        _log(f"{self.dataset}: [{interval.start}, {interval.end})")

        def fill(target: MultipartObject) -> dict[str, Any]:
            def progress(rows: int) -> None:
                _log(f"{self.dataset} on {day}: {rows} rows written")

            arguments = (target, interval, self.extract, secret, self.secret_id, self.session)
            return dict(write_rows(*arguments, progress))

        finished = FinishedExtract(
            self.client("s3"), self.bucket, layout, self.dataset, suffix="parquet"
        )
        facts = finished.write(interval, self._staging_token(day), fill)
        _log(f"{self.dataset}: {facts}")
        return facts

    def _staging_token(self, day: date) -> str:
        """Of one task: one that Spark starts anew must not meet what the lost one has staged."""
        context = TaskContext.get()
        attempt = context.taskAttemptId() if context else 0
        return hashlib.sha256(f"{self.run_token}|{day}|{attempt}".encode()).hexdigest()[:16]


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
