"""How an extract's bytes become a file of bronze: whole, named by their digest, manifest last."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from retail_extract.business_day import BusinessDay
from retail_extract.multipart import MultipartObject, copy_within


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
class FinishedExtract:
    """Writes extracts of one dataset so that readers of manifests see a whole one or none.

    Attributes:
        client: a boto3 S3 client.
        bucket: the lake's bucket.
        layout: where an extract lies in it: in flight, finished, and its manifest.
        dataset: the dataset.
        suffix: of the files, e.g. `jsonl`.
    """

    client: Any
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
        client = self.client
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
        document = {
            "from": day.start.isoformat(),
            "to": day.end.isoformat(),
            **told,
            **facts,
            "file": file.rpartition("/")[2],
            "extracted_at": datetime.now(UTC).isoformat(),
        }
        client.put_object(
            Bucket=self.bucket,
            Key=self.layout.extract_manifest_key(self.dataset, day.day, sha16),
            Body=json.dumps(document, sort_keys=True).encode(),
            ContentType="application/json",
        )
        return {"day": day.day.isoformat(), "file": file, **facts}
