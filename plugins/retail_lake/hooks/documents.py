"""Small JSON documents and listings in S3."""

import gzip
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, urlsplit

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.providers.amazon.aws.links.base_aws import BaseAwsLink
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from retail_lake.hooks.retries import ADAPTIVE_RETRIES


@dataclass(frozen=True)
class StoredObject:
    """One object of a listing: `key` in its bucket, `size` in bytes, `etag` without quotes."""

    key: str
    size: int
    etag: str


def split_uri(uri: str) -> tuple[str, str]:
    """Return (bucket, key) of an `s3://bucket/key` address."""
    parts = urlsplit(uri)
    if parts.scheme != "s3" or not parts.netloc:
        raise ValueError(f"{uri!r} is not an s3://bucket/key address")
    return parts.netloc, parts.path.lstrip("/")


class DocumentsHook(S3Hook):
    """Reads and writes small text and JSON objects; lists prefixes completely."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if not kwargs.get("config"):
            kwargs["config"] = ADAPTIVE_RETRIES
        super().__init__(*args, **kwargs)

    @property
    def client(self) -> Any:
        """The boto3 client."""
        return self.get_conn()

    def read_text(self, uri: str) -> str:
        """Return the UTF-8 text of an object; AirflowException naming it if there is none."""
        bucket, key = split_uri(uri)
        try:
            body = self.client.get_object(Bucket=bucket, Key=key)["Body"].read()
        except ClientError as error:
            if error.response["Error"]["Code"] in ("NoSuchKey", "404"):
                raise AirflowException(f"{uri} does not exist") from error
            raise
        return str(body.decode("utf-8"))

    def read_document(self, uri: str) -> dict[str, Any]:
        """Return the JSON object stored at the address."""
        document = json.loads(self.read_text(uri))
        if not isinstance(document, dict):
            raise AirflowException(f"{uri} is not a JSON object")
        return document

    def write_text(self, uri: str, text: str, content_type: str = "application/json") -> None:
        """Put the text as one object (atomic: readers see the old or the new one)."""
        bucket, key = split_uri(uri)
        self.client.put_object(
            Bucket=bucket, Key=key, Body=text.encode("utf-8"), ContentType=content_type
        )

    def write_document(self, uri: str, document: dict[str, Any]) -> None:
        """Put a JSON object with sorted keys."""
        self.write_text(uri, json.dumps(document, sort_keys=True, default=str))

    def write_page(self, uri: str, page: str) -> None:
        """Put an HTML page, compressed as browsers take it; nobody is to keep a copy."""
        bucket, key = split_uri(uri)
        self.client.put_object(
            Bucket=bucket,
            Key=key,
            Body=gzip.compress(page.encode("utf-8"), mtime=0),
            ContentType="text/html; charset=utf-8",
            ContentEncoding="gzip",
            CacheControl="private, no-store",
        )

    def link(self, uri: str) -> str:
        """Return an address for a browser: the S3 console's, which asks who somebody is.

        An S3 that is not AWS's has no console; its address is signed, for a week.
        """
        bucket, key = split_uri(uri)
        endpoint = urlsplit(self.client.meta.endpoint_url).hostname or ""
        domain = BaseAwsLink.get_aws_domain(self.conn_partition)
        if endpoint.endswith((".amazonaws.com", ".amazonaws.com.cn")):
            region = self.conn_region_name
            return (
                f"https://{region}.console.{domain}/s3/object/{bucket}"
                f"?region={region}&prefix={quote(key)}"
            )
        address: str = self.client.generate_presigned_url(
            "get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=7 * 24 * 60 * 60
        )
        return address

    def names(self, prefix_uri: str, suffix: str = ".json") -> list[str]:
        """Return the names of the objects in a folder, sorted, without folder and suffix."""
        folder = prefix_uri.rstrip("/") + "/"
        keys = [item.key for item in self.objects(folder) if item.key.endswith(suffix)]
        return [key.rpartition("/")[2].removesuffix(suffix) for key in keys]

    def read_lines(self, prefix_uri: str) -> str:
        """Return the joined text of every object in a folder, in key order."""
        folder = prefix_uri.rstrip("/") + "/"
        bucket, _ = split_uri(folder)
        texts = [self.read_text(f"s3://{bucket}/{item.key}") for item in self.objects(folder)]
        return "".join(text if text.endswith("\n") or not text else f"{text}\n" for text in texts)

    def objects(self, prefix_uri: str) -> list[StoredObject]:
        """List every object under a prefix, sorted by key."""
        bucket, prefix = split_uri(prefix_uri)
        paginator = self.client.get_paginator("list_objects_v2")
        found = [
            StoredObject(item["Key"], item["Size"], item["ETag"].strip('"'))
            for page in paginator.paginate(Bucket=bucket, Prefix=prefix)
            for item in page.get("Contents", ())
        ]
        return sorted(found, key=lambda item: item.key)
