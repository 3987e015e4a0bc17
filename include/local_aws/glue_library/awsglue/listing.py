"""Objects in S3: which files a source reads."""

import fnmatch
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3

from awsglue.errors import NotSupportedHere

KEY_VALUE = re.compile(r"[^/=]+=[^/]*")


@dataclass(frozen=True)
class S3Object:
    """One object.

    Attributes:
        path: Its address, s3://bucket/key.
        modified: When it was written, seconds since 1970.
        size: In bytes.
    """

    path: str
    modified: float
    size: int


@cache
def client() -> Any:
    """The S3 client of the run."""
    return boto3.client("s3")


def bucket_and_key(address: str) -> tuple[str, str]:
    """Split s3://bucket/key.

    Raises:
        NotSupportedHere: Another file system.
    """
    parts = urlsplit(address, allow_fragments=False)
    if parts.scheme not in ("s3", "s3a", "s3n") or not parts.netloc:
        raise NotSupportedHere(f"{address!r}: only s3:// addresses can be read and written")
    return parts.netloc, parts.path.lstrip("/")


def objects(address: str) -> Iterator[S3Object]:
    """All objects at or below an address, by key; empty ones are folder markers and left out."""
    bucket, key = bucket_and_key(address)
    pages = client().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=key)
    for page in pages:
        for item in page.get("Contents", []):
            inside = item["Key"] == key or not key or item["Key"].startswith(f"{key.rstrip('/')}/")
            if inside and item["Size"]:
                path = f"s3://{bucket}/{item['Key']}"
                yield S3Object(path, item["LastModified"].timestamp(), item["Size"])


def files(address: str, options: Mapping[str, Any], recurse: bool) -> list[S3Object]:
    """The data files of a source.

    Folders named `key=value` are always descended into, others only with `recurse`. Names that
    begin with `_` or `.` are hidden.

    Args:
        address: Of the source.
        options: Connection options: `exclusions`, a JSON list of globs over whole addresses.
        recurse: Whether to descend into every folder.
    """
    excluded = json.loads(options.get("exclusions") or "[]")
    root = address.rstrip("/") + "/"
    found = []
    for item in objects(address):
        *folders, name = item.path.removeprefix(root).split("/") if item.path != address else [""]
        if name.startswith(("_", ".")) or any(part.startswith(("_", ".")) for part in folders):
            continue
        if not recurse and not all(KEY_VALUE.fullmatch(part) for part in folders):
            continue
        if not any(fnmatch.fnmatch(item.path, glob.replace("**", "*")) for glob in excluded):
            found.append(item)
    return found


def partition_values(path: str, root: str) -> dict[str, str]:
    """The `key=value` folders between a source and one of its files, unescaped, in their order."""
    folders = path.removeprefix(root.rstrip("/") + "/").split("/")[:-1]
    pairs = (folder.partition("=") for folder in folders if KEY_VALUE.fullmatch(folder))
    return {key: unquote(value) for key, _, value in pairs}


def delete(paths: Iterable[str]) -> None:
    """Delete objects."""
    batches: dict[str, list[dict[str, str]]] = {}
    for path in paths:
        bucket, key = bucket_and_key(path)
        batches.setdefault(bucket, []).append({"Key": key})
    for bucket, keys in batches.items():
        for start in range(0, len(keys), 1000):
            batch = {"Objects": keys[start : start + 1000], "Quiet": True}
            errors = client().delete_objects(Bucket=bucket, Delete=batch).get("Errors")
            if errors:
                raise OSError(f"s3://{bucket}/{errors[0]['Key']}: {errors[0]['Message']}")
