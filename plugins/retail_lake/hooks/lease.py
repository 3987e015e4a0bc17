"""A lease in S3: whose turn it is, decided by conditional writes.

It saves work, it does not guard anything: what two holders must not do is refused elsewhere. So a
lease that nobody gave back may be taken over once it has run out.
"""

import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import ClientError

from retail_lake.hooks.documents import DocumentsHook, split_uri
from retail_lake.hooks.errors import error_code

# S3 answers so when somebody else's conditional write came first, or is under way.
LOST = ("PreconditionFailed", "ConditionalRequestConflict", "412", "409")
GONE = ("NoSuchKey", "404")


@dataclass(frozen=True)
class Held:
    """A lease as it stands: by whom and until when; `etag` names this state of it."""

    holder: str
    until: datetime
    etag: str

    def stands_against(self, holder: str, now: datetime) -> bool:
        """Say whether that holder must wait."""
        return self.holder != holder and now < self.until


def read_held(body: bytes, etag: str) -> Held:
    """Return what a lease's object says."""
    document = json.loads(body)
    return Held(document["holder"], datetime.fromisoformat(document["until"]), etag)


@dataclass(frozen=True)
class Lease:
    """One lease, an object at `uri`."""

    hook: DocumentsHook
    uri: str

    def held(self) -> Held | None:
        """Return who has it, or None."""
        bucket, key = split_uri(self.uri)
        try:
            answer = self.hook.client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in GONE:
                return None
            raise
        return read_held(answer["Body"].read(), answer["ETag"])

    def take(self, holder: str, lasts: timedelta) -> Held | None:
        """Take it, or take it again.

        Returns:
            None if `holder` has it now, else who has.
        """
        now = datetime.now(UTC)
        held = self.held()
        if held is not None and held.stands_against(holder, now):
            return held
        condition = {"IfNoneMatch": "*"} if held is None else {"IfMatch": held.etag}
        until = now + lasts
        if self._put({"holder": holder, "until": until.isoformat()}, condition):
            return None
        return self.held() or Held("somebody", until, "")  # they were faster, and are done already

    def give_back(self, holder: str) -> bool:
        """Give it back; False if another holder has it, or nobody."""
        held = self.held()
        if held is None or held.holder != holder:
            return False
        bucket, key = split_uri(self.uri)
        self.hook.client.delete_object(Bucket=bucket, Key=key, IfMatch=held.etag)
        return True

    def _put(self, document: dict[str, str], condition: dict[str, Any]) -> bool:
        bucket, key = split_uri(self.uri)
        body = json.dumps(document, sort_keys=True).encode()
        try:
            self.hook.client.put_object(Bucket=bucket, Key=key, Body=body, **condition)
        except ClientError as error:
            if error_code(error) in (*LOST, *GONE):
                return False
            raise
        return True
