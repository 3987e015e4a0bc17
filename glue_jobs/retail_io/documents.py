"""The job's small documents: inputs, manifest and the secret key. S3 or, for tests, a folder."""

import json
import shutil
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import boto3
from botocore.exceptions import ClientError

#: Making a client takes longer than what a task has to do with it.
_s3 = cache(partial(boto3.client, "s3"))


class DocumentError(ValueError):
    """A document's address cannot be read or written."""


def read_text(uri: str) -> str:
    """The text of a document.

    Args:
        uri: ``s3://bucket/key``, or ``file:///path``.
    """
    scheme, bucket, path = _parts(uri)
    if scheme == "file":
        return Path(path).read_text(encoding="utf-8")
    body: bytes = boto3.client("s3").get_object(Bucket=bucket, Key=path)["Body"].read()
    return body.decode()


def pieces(root: str, key: str, size: int) -> Iterator[bytes]:
    """The bytes of a file of any length, at most ``size`` at a time.

    Args:
        root: ``s3://bucket``, or ``file:///folder``.
        key: name of the file there, as it is: it may hold whatever a name may.
        size: in bytes.
    """
    scheme, place = root.split("://", 1)
    if scheme == "file":
        with (Path(place) / key).open("rb") as file:
            yield from iter(lambda: file.read(size), b"")
        return
    body = boto3.client("s3").get_object(Bucket=place, Key=key)["Body"]
    yield from body.iter_chunks(size)


def sizes(root: str, keys: Sequence[str]) -> list[int]:
    """Bytes of each file (see ``pieces``); -1 for one that is not there."""
    scheme, place = root.split("://", 1)
    s3 = boto3.client("s3") if scheme == "s3" else None

    def size(key: str) -> int:
        if s3 is None:
            path = Path(place) / key
            return path.stat().st_size if path.is_file() else -1
        try:
            found: int = s3.head_object(Bucket=place, Key=key)["ContentLength"]
        except ClientError as error:
            if error.response["ResponseMetadata"]["HTTPStatusCode"] == 404:
                return -1
            raise
        return found

    with ThreadPoolExecutor(16) as pool:
        return list(pool.map(size, keys))


def store(file: Path, uri: str) -> None:
    """Puts a finished file of any length to an address: readers see all of it or nothing."""
    scheme, bucket, path = _parts(uri)
    if scheme == "s3":
        _s3().upload_file(str(file), bucket, path)
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    shutil.copyfile(file, partial)
    partial.replace(target)


def write_json(uri: str, document: dict[str, Any]) -> None:
    """Writes a document at once: readers see all of it or nothing."""
    text = json.dumps(document, indent=1, sort_keys=True)
    scheme, bucket, path = _parts(uri)
    if scheme == "s3":
        boto3.client("s3").put_object(
            Bucket=bucket, Key=path, Body=text.encode(), ContentType="application/json"
        )
        return
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f".{target.name}.partial")
    partial.write_text(text, encoding="utf-8")
    partial.replace(target)


def secret_key(secret_id: str) -> bytes:
    """The customer token key, from Secrets Manager."""
    value: str = boto3.client("secretsmanager").get_secret_value(SecretId=secret_id)["SecretString"]
    return value.encode()


def _parts(uri: str) -> tuple[str, str, str]:
    parts = urlsplit(uri)
    if parts.scheme == "file" and not parts.netloc and parts.path.startswith("/"):
        return "file", "", unquote(parts.path)
    if parts.scheme == "s3" and parts.netloc and len(parts.path) > 1:
        return "s3", parts.netloc, parts.path[1:]
    raise DocumentError(f"{uri!r} is no address of a document; write s3://bucket/key")
