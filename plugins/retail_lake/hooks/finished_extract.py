"""How an extract's bytes become a file of bronze: whole, named by their digest, manifest last."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.multipart import MultipartObject, copy_within


class ExtractLayout(Protocol):
    """Where extracts lie in the lake's bucket; `sha16` begins the digest of the bytes."""

    def bronze_prefix(self, dataset: str, ingest_date: str, /) -> str:
        """Return the folder of an arrival day, `<folder of the dataset>/ingest_date=…/`."""

    def extract_staging_key(self, token: str, /) -> str:
        """Return the key of an extract in flight."""

    def extract_key(self, dataset: str, ingest_date: date, sha16: str, suffix: str, /) -> str:
        """Return the key of a finished extract; `suffix` says its format, e.g. `jsonl`."""

    def extract_manifest_key(self, dataset: str, ingest_date: date, sha16: str, /) -> str:
        """Return the key of its manifest."""


@dataclass(frozen=True)
class BusinessDay:
    """One calendar day of a zone: the half-open interval [`start`, `end`) in UTC."""

    day: date
    start: datetime
    end: datetime

    @classmethod
    def of(cls, day: date, zone: ZoneInfo) -> "BusinessDay":
        """Return the day's interval: 23, 24 or 25 hours; every instant is in exactly one day."""
        first = datetime.combine(day, time.min, zone).astimezone(UTC)
        after = datetime.combine(day + timedelta(days=1), time.min, zone).astimezone(UTC)
        return cls(day, first, after)


@dataclass(frozen=True)
class FinishedExtract:
    """Writes extracts of one dataset so that readers of manifests see a whole one or none.

    Attributes:
        hook: of the lake's S3.
        bucket: the lake's bucket.
        layout: where an extract lies in it: in flight, finished, and its manifest.
        dataset: the dataset.
        suffix: of the files, e.g. `jsonl`.
    """

    hook: DocumentsHook
    bucket: str
    layout: ExtractLayout
    dataset: str
    suffix: str

    def write(
        self,
        day: BusinessDay,
        token: str,
        fill: Callable[[MultipartObject], Mapping[str, Any]],
    ) -> dict[str, Any]:
        """Let `fill` write one day's bytes, then finish them.

        The bytes go to a staging key. Complete, they are copied on the server to a key that holds
        their digest, and the manifest is written last. Whatever fails, the staged object is gone;
        the same bytes written twice are the same object.

        Args:
            day: the business day.
            token: 16 hex digits of the attempt; names the staging key.
            fill: writes to the object it is given; returns what the manifest says, `rows` at least.

        Returns:
            day, file (key), rows, bytes, sha256.
        """
        client = self.hook.client
        staging = self.layout.extract_staging_key(token)
        target = MultipartObject(client, self.bucket, staging)
        try:
            told = dict(fill(target))
            target.finish()
        except BaseException:
            target.abort()
            raise
        try:
            sha16 = target.sha256[:16]
            file = self.layout.extract_key(self.dataset, day.day, sha16, self.suffix)
            copy_within(client, self.bucket, staging, file, target.bytes)
        finally:
            client.delete_object(Bucket=self.bucket, Key=staging)
        facts = {"rows": told["rows"], "bytes": target.bytes, "sha256": target.sha256}
        manifest = self.layout.extract_manifest_key(self.dataset, day.day, sha16)
        self.hook.write_document(
            f"s3://{self.bucket}/{manifest}",
            {
                "from": day.start.isoformat(),
                "to": day.end.isoformat(),
                **told,
                **facts,
                "file": file.rpartition("/")[2],
                "extracted_at": datetime.now(UTC).isoformat(),
            },
        )
        return {"day": day.day.isoformat(), "file": file, **facts}
