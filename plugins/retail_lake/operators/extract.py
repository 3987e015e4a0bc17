"""One PostgreSQL table to Parquet in S3, day by day, exact and atomic."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import mask_secret

from retail_lake.attempts import attempt_token
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.multipart import MultipartObject, copy_within
from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.hooks.snapshot import Extract, Snapshot


class ExtractLayout(Protocol):
    """Where extracts lie in the lake's bucket; `sha16` begins the digest of the bytes."""

    def extract_staging_key(self, token: str, /) -> str:
        """Return the key of an extract in flight."""

    def extract_key(self, dataset: str, ingest_date: date, sha16: str, /) -> str:
        """Return the key of a finished extract."""

    def extract_manifest_key(self, dataset: str, ingest_date: date, sha16: str, /) -> str:
        """Return the key of its manifest."""


class PostgresToS3ParquetOperator(AwsBaseOperator[DocumentsHook]):
    """Extracts the rows of each given day into one Parquet object per day.

    Per day, one REPEATABLE READ, READ ONLY snapshot is streamed (COPY → Arrow → Parquet → multipart
    upload) with bounded memory, rows ordered by key. The object is finished under a staging key,
    copied on the server to a key that holds the digest of its bytes, and the manifest is written
    last: a reader of manifests sees a whole extract or none, and the same rows extracted twice are
    the same object. A day without rows is a valid extract, with the schema.

    Args:
        secret_id: Secrets Manager id of the database's JSON secret; read at run time only.
        contract: the dataset, with what `Extract.from_contract` takes.
        days: ISO dates of the business days (templated).
        time_zone: the zone whose calendar days these are.
        bucket: the lake's bucket.
        layout: where the extract lies in it: in flight, finished, and its manifest.
    """

    aws_hook_class = DocumentsHook
    template_fields: Sequence[str] = ("days", "secret_id")

    def __init__(
        self,
        *,
        secret_id: str,
        contract: Any,
        days: Any,
        time_zone: str,
        bucket: str,
        layout: ExtractLayout,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        super().__init__(**kwargs)
        self.secret_id = secret_id
        self.dataset = contract.dataset
        self.extract = Extract.from_contract(contract)
        self.days = days
        self.time_zone = time_zone
        self.bucket = bucket
        self.layout = layout

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Extract every day.

        Returns:
            The manifests: dicts of day, file (key), rows, bytes, sha256.
        """
        secret = self._secret()
        ti = context["ti"]
        manifests = []
        for day in map(date.fromisoformat, self.days):
            token = attempt_token(ti, ti.try_number, day.isoformat())[:16]
            snapshot = Snapshot(secret, f"{ti.dag_id}.{ti.task_id}")
            try:
                snapshot.require_types(self.extract)
                manifests.append(
                    self._extract_day(snapshot, day, self.layout.extract_staging_key(token))
                )
            finally:
                snapshot.close()
        return manifests

    def _extract_day(self, snapshot: Snapshot, day: date, staging: str) -> dict[str, Any]:
        from retail_lake.hooks.parquet import write_parquet

        start, end = day_bounds(day, ZoneInfo(self.time_zone))
        self.log.info(
            "%s: rows with %s in [%s, %s)", self.extract.name, self.extract.time_column, start, end
        )
        client = self.hook.client
        target = MultipartObject(client, self.bucket, staging)
        try:
            with snapshot.csv(self.extract, start, end) as stream:
                rows = write_parquet(stream.file, target, self.extract.columns, self._progress)
            if rows != stream.rows:
                raise AirflowException(
                    f"{self.extract.name} on {day}: the database sent {stream.rows} rows, "
                    f"{rows} were written"
                )
            target.finish()
        except BaseException:
            target.abort()
            raise
        digest = target.sha256
        file = self.layout.extract_key(self.dataset, day, digest[:16])
        copy_within(client, self.bucket, staging, file, target.bytes)
        client.delete_object(Bucket=self.bucket, Key=staging)
        manifest = self.layout.extract_manifest_key(self.dataset, day, digest[:16])
        facts = {"file": file, "rows": rows, "bytes": target.bytes, "sha256": digest}
        self.hook.write_document(
            f"s3://{self.bucket}/{manifest}",
            {
                **facts,
                "file": file.rpartition("/")[2],
                "extracted_at": datetime.now(UTC).isoformat(),
                "snapshot": snapshot.identity,
                "from": start.isoformat(),
                "to": end.isoformat(),
            },
        )
        self.log.info("%s on %s: %s", self.extract.name, day, facts)
        return {"day": day.isoformat(), **facts}

    def _progress(self, rows: int) -> None:
        self.log.info("%s: %s rows written", self.extract.name, rows)

    def _secret(self) -> dict[str, Any]:
        hook = AwsBaseHook(
            aws_conn_id=self.aws_conn_id, client_type="secretsmanager", config=ADAPTIVE_RETRIES
        )
        client: Any = hook.get_conn()
        text = client.get_secret_value(SecretId=self.secret_id)["SecretString"]
        mask_secret(text)
        secret = json.loads(text)
        mask_secret(secret.get("password"))
        return dict(secret)


def day_bounds(day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
    """Return the first instant of a calendar day in the zone and of the day after, in UTC.

    A day of a clock change has 23 or 25 hours; every instant is in exactly one day.
    """
    start = datetime.combine(day, time.min, zone).astimezone(UTC)
    end = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
    return start, end
