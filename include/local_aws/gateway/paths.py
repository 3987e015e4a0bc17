"""Paths: from the URL of a WebHDFS request to a bucket and a key, exactly."""

from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Self
from urllib.parse import parse_qsl, quote, unquote_to_bytes

from include.local_aws.gateway.errors import illegal_argument

PREFIX = "/webhdfs/v1"


@dataclass(frozen=True)
class ObjectPath:
    """One place in the tree: a bucket, and a key in it.

    Attributes:
        bucket: "" for the root above all buckets.
        key: Without a leading or trailing slash; "" for the bucket itself.
    """

    bucket: str
    key: str = ""

    @classmethod
    def parse(cls, path: str) -> Self:
        """Read a decoded path such as `/bucket/sale_date=2024-11-01/part-0`.

        Raises:
            RemoteError: A `.` or `..` or NUL in it: keys are names, never ways through a disk.
        """
        parts = [part for part in path.split("/") if part]
        if any(part in (".", "..") or "\0" in part for part in parts):
            raise illegal_argument(f"{path!r} has a part that is '.', '..' or holds a NUL")
        return cls(parts[0] if parts else "", "/".join(parts[1:]))

    @property
    def name(self) -> str:
        """The last component."""
        return PurePosixPath(self.key).name if self.key else self.bucket

    @property
    def prefix(self) -> str:
        """What the keys of everything below start with."""
        return f"{self.key}/" if self.key else ""

    @property
    def staged(self) -> bool:
        """Whether this is uncommitted output, which stays on the gateway's disk."""
        return any(
            part == "_temporary" or part.startswith(".spark-staging")
            for part in self.key.split("/")
        )

    def child(self, relative: str) -> "ObjectPath":
        """The path `relative` (which may have several components) below this one."""
        return ObjectPath(self.bucket, self.prefix + relative)

    def is_below(self, other: "ObjectPath") -> bool:
        """Whether this path is inside `other`, or is `other`."""
        return self.bucket == other.bucket and f"{self.key}/".startswith(other.prefix)

    def __str__(self) -> str:
        return f"s3://{self.bucket}/{self.key}"


def split_target(target: str) -> tuple[str, dict[str, str]]:
    """Split a request target into the decoded path below the API's prefix and the query.

    Hadoop's client percent-encodes a path once, leaves `+` and `;` as they are and sends
    letters beyond ASCII as raw UTF-8, which `http.server` hands over as Latin-1. The rename's
    destination is form-encoded, once: decoding it a second time would turn `%3A` in a
    partition's name into a colon.

    Raises:
        RemoteError: The target is not below the API's prefix or not UTF-8.
    """
    raw_path, _, raw_query = target.partition("?")
    if raw_path != PREFIX and not raw_path.startswith(f"{PREFIX}/"):
        raise illegal_argument(f"{raw_path} is not below {PREFIX}")
    try:
        path = unquote_to_bytes(raw_path[len(PREFIX) :].encode("latin-1")).decode()
        pairs = parse_qsl(raw_query, keep_blank_values=True, errors="strict")
    except UnicodeDecodeError as error:
        raise illegal_argument(f"{target!r} is not UTF-8") from error
    return path or "/", {name.lower(): value for name, value in pairs}


def ascii_target(target: str) -> str:
    """The same request target with bytes beyond ASCII percent-encoded, fit for a header."""
    return quote(target.encode("latin-1"), safe="/%?&=+;:@!$'()*,-._~")
