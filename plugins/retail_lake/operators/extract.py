"""One PostgreSQL table to Parquet in S3, day by day, exact and atomic."""

import json
from collections.abc import Callable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowException
from airflow.sdk.log import mask_secret

from retail_lake.attempts import attempt_token
from retail_lake.hooks.documents import DocumentsHook, split_uri
from retail_lake.hooks.multipart import MultipartObject, copy_within
from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.hooks.snapshot import Extract, Snapshot


class PostgresToS3ParquetOperator(AwsBaseOperator[DocumentsHook]):
    """Extracts the rows of each given day into one Parquet object per day.

    Per day, one REPEATABLE READ, READ ONLY snapshot is streamed (COPY → Arrow → Parquet → multipart
    upload) with bounded memory, rows ordered by key. The object is finished under a staging key,
    copied on the server to a key that holds the digest of its bytes, and the manifest is written
    last: a reader of manifests sees a whole extract or none, and the same rows extracted twice are
    the same object. A day without rows is a valid extract, with the schema.

    Args:
        secret_id: Secrets Manager id of the database's JSON secret; read at run time only.
        extract: table, columns, key and time column.
        days: ISO dates of the business days (templated).
        time_zone: the zone whose calendar days these are.
        staging: (token) → address of the object in flight.
        data: (day, first 16 hex of the digest) → address of the extract.
        manifest: (day, first 16 hex of the digest) → address of its manifest.
    """

    aws_hook_class = DocumentsHook
    template_fields: Sequence[str] = ("days", "secret_id")

    def __init__(
        self,
        *,
        secret_id: str,
        extract: Extract,
        days: Any,
        time_zone: str,
        staging: Callable[[str], str],
        data: Callable[[date, str], str],
        manifest: Callable[[date, str], str],
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        super().__init__(**kwargs)
        self.secret_id = secret_id
        self.extract = extract
        self.days = days
        self.time_zone = time_zone
        self.staging = staging
        self.data = data
        self.manifest = manifest

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Extract every day.

        Returns:
            The manifests: dicts of day, file (address), rows, bytes, sha256.
        """
        secret = self._secret()
        ti = context["ti"]
        manifests = []
        for day in map(date.fromisoformat, self.days):
            token = attempt_token(ti, ti.try_number, day.isoformat())[:16]
            snapshot = Snapshot(secret, f"{ti.dag_id}.{ti.task_id}")
            try:
                snapshot.require_types(self.extract)
                manifests.append(self._extract_day(snapshot, day, self.staging(token)))
            finally:
                snapshot.close()
        return manifests

    def _extract_day(self, snapshot: Snapshot, day: date, staging: str) -> dict[str, Any]:
        from retail_lake.hooks.parquet import write_parquet

        start, end = day_bounds(day, ZoneInfo(self.time_zone))
        self.log.info(
            "%s: rows with %s in [%s, %s)", self.extract.name, self.extract.time_column, start, end
        )
        client = self.hook.get_conn()
        bucket, key = split_uri(staging)
        target = MultipartObject(client, bucket, key)
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
        file = self.data(day, digest[:16])
        copy_within(client, bucket, key, split_uri(file)[1], target.bytes)
        client.delete_object(Bucket=bucket, Key=key)
        facts = {"file": file, "rows": rows, "bytes": target.bytes, "sha256": digest}
        self.hook.write_document(
            self.manifest(day, digest[:16]),
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
        text = hook.get_conn().get_secret_value(SecretId=self.secret_id)["SecretString"]
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
