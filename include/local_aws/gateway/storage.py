"""S3 as the gateway needs it: look, list, read ranges, upload, copy, delete."""

import os
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from include.local_aws.gateway.errors import illegal_argument, io_error, not_found
from include.local_aws.gateway.paths import ObjectPath

# A Parquet reader opens "from here to the end" and closes after a few kilobytes, a JSON
# reader goes on: the first request asks for a piece, the second for all of the rest.
FIRST_RANGE = 4 * 1024 * 1024
CHUNK = 1024 * 1024
TRANSFER = TransferConfig(
    multipart_threshold=64 * 1024 * 1024, multipart_chunksize=32 * 1024 * 1024
)


@dataclass(frozen=True)
class Entry:
    """A file or a folder as a listing shows it; `modified` in milliseconds since the epoch."""

    name: str
    directory: bool
    size: int = 0
    modified: int = 0


@dataclass(frozen=True)
class Download:
    """`length` bytes that are about to come in `chunks`."""

    length: int
    chunks: Iterator[bytes]


def s3_client(endpoint: str, region: str, credentials: Credentials | None = None) -> Any:
    """A thread-safe S3 client for `endpoint` with path-style addresses.

    Without credentials, the key pair is the environment's, else the one that MiniStack takes for
    its owner's.
    """
    chosen = credentials or Credentials(
        os.environ.get("AWS_ACCESS_KEY_ID", "test"), os.environ.get("AWS_SECRET_ACCESS_KEY", "test")
    )
    config = Config(
        s3={"addressing_style": "path"},
        max_pool_connections=64,
        retries={"mode": "standard", "max_attempts": 4},
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
    )
    return boto3.client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=chosen.access_key,
        aws_secret_access_key=chosen.secret_key,
        aws_session_token=chosen.token,
        config=config,
    )


class ObjectStore:
    """The objects behind one S3 client. Errors of S3 come out as they are (`ClientError`)."""

    def __init__(self, client: Any) -> None:
        self._s3 = client

    def head(self, path: ObjectPath) -> Entry | None:
        """The object at exactly this key, None if there is none."""
        if not path.key:
            return None
        try:
            found = self._s3.head_object(Bucket=path.bucket, Key=path.key)
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return None
            raise
        return Entry(path.name, False, found["ContentLength"], _milliseconds(found["LastModified"]))

    def is_prefix(self, path: ObjectPath) -> bool:
        """Whether `path` is a bucket that exists or at least one key lies below it."""
        try:
            found = self._s3.list_objects_v2(Bucket=path.bucket, Prefix=path.prefix, MaxKeys=1)
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchBucket":
                return False
            raise
        return not path.key or bool(found.get("Contents"))

    def buckets(self) -> list[str]:
        """Names of all buckets."""
        return [bucket["Name"] for bucket in self._s3.list_buckets()["Buckets"]]

    def listing(self, path: ObjectPath) -> list[Entry]:
        """What lies directly below `path`, files and folders.

        A key with an empty component (`a//b`) has no Hadoop path and is left out, as is the
        zero-byte marker `a/` that some tools write for a folder.
        """
        entries: list[Entry] = []
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=path.bucket, Prefix=path.prefix, Delimiter="/"
        )
        for page in pages:
            for item in page.get("Contents", ()):
                name = item["Key"][len(path.prefix) :]
                if name:
                    modified = _milliseconds(item["LastModified"])
                    entries.append(Entry(name, False, item["Size"], modified))
            for item in page.get("CommonPrefixes", ()):
                name = item["Prefix"][len(path.prefix) : -1]
                if name:
                    entries.append(Entry(name, True))
        return entries

    def walk(self, path: ObjectPath) -> Iterator[tuple[ObjectPath, int]]:
        """Every object below `path` with its size in bytes."""
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=path.bucket, Prefix=path.prefix
        )
        for page in pages:
            for item in page.get("Contents", ()):
                yield ObjectPath(path.bucket, item["Key"]), item["Size"]

    def read(self, path: ObjectPath, offset: int, length: int | None) -> Download:
        """The bytes from `offset`, at most `length` of them.

        Raises:
            RemoteError: There is no such object, or it ends before `offset`. Raised by the
                chunks: the object was replaced while it was being read.
        """
        end = offset + (FIRST_RANGE if length is None else min(length, FIRST_RANGE))
        if end == offset:
            return Download(0, iter(()))
        try:
            first = self._get(path, f"bytes={offset}-{end - 1}")
        except ClientError as error:
            if error.response["Error"]["Code"] != "InvalidRange":
                raise
            return self._nothing(path, offset)
        size = int(first["ContentRange"].rpartition("/")[2])
        stop = size if length is None else min(size, offset + length)
        return Download(stop - offset, self._chunks(path, first, offset, stop))

    def _nothing(self, path: ObjectPath, offset: int) -> Download:
        found = self.head(path)
        if found is None:
            raise not_found(path)
        if offset > found.size:
            raise illegal_argument(f"{path} has {found.size} bytes, offset {offset} is beyond")
        return Download(0, iter(()))

    def _get(self, path: ObjectPath, byte_range: str, **conditions: str) -> Any:
        return self._s3.get_object(Bucket=path.bucket, Key=path.key, Range=byte_range, **conditions)

    def _chunks(self, path: ObjectPath, answer: Any, position: int, stop: int) -> Iterator[bytes]:
        etag = answer["ETag"]
        while True:
            with closing(answer["Body"]) as body:
                for chunk in body.iter_chunks(CHUNK):
                    position += len(chunk)
                    yield chunk
            if position >= stop:
                return
            before = position
            answer = self._get(path, f"bytes={position}-{stop - 1}", IfMatch=etag)
            if answer["ContentLength"] != stop - before:
                raise io_error(f"{path}: S3 answered with another range than was asked for")

    def upload(self, file: Path, path: ObjectPath) -> None:
        """Make the content of `file` the object at `path`, at once or not at all."""
        with file.open("rb") as content:
            self._s3.upload_fileobj(content, path.bucket, path.key, Config=TRANSFER)

    def copy(self, source: ObjectPath, target: ObjectPath) -> None:
        """Copy one object inside S3."""
        self._s3.copy({"Bucket": source.bucket, "Key": source.key}, target.bucket, target.key)

    def delete(self, paths: list[ObjectPath]) -> None:
        """Delete these objects, which are all in one bucket.

        Raises:
            RemoteError: S3 kept at least one of them.
        """
        for start in range(0, len(paths), 1000):
            batch = paths[start : start + 1000]
            answer = self._s3.delete_objects(
                Bucket=batch[0].bucket,
                Delete={"Objects": [{"Key": path.key} for path in batch], "Quiet": True},
            )
            if answer.get("Errors"):
                kept = answer["Errors"][0]
                raise io_error(
                    f"s3://{batch[0].bucket}/{kept['Key']} was not deleted: "
                    f"{kept['Code']}: {kept['Message']}"
                )


def _milliseconds(moment: Any) -> int:
    return int(moment.timestamp() * 1000)
