"""Copies files to a bucket so that a prefix holds exactly them."""

import hashlib
from collections.abc import Mapping
from typing import Any

from include.infrastructure.stack import Say

HASH = "sha256"


def upload(s3: Any, bucket: str, prefix: str, files: Mapping[str, bytes], say: Say) -> None:
    """Puts new and changed files, and removes objects below the prefix that are none of them.

    What is unchanged is told by the SHA-256 kept in the object's metadata (an ETag is no hash of
    the content in an encrypted bucket). Earlier versions stay in the versioned bucket.

    Args:
        s3: boto3 client.
        bucket: target bucket.
        prefix: what the files share, with a trailing slash.
        files: key to content.
        say: receives one line.
    """
    there: set[str] = set()
    for page in s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
        there.update(entry["Key"] for entry in page.get("Contents", []))
    put = 0
    for key, content in sorted(files.items()):
        digest = hashlib.sha256(content).hexdigest()
        if key in there:
            metadata = s3.head_object(Bucket=bucket, Key=key)["Metadata"]
            if metadata.get(HASH) == digest:
                continue
        s3.put_object(Bucket=bucket, Key=key, Body=content, Metadata={HASH: digest})
        put += 1
    stale = sorted(there - set(files))
    for key in stale:
        s3.delete_object(Bucket=bucket, Key=key)
    say(
        f"s3://{bucket}/{prefix}: {put} files uploaded, {len(files) - put} unchanged, "
        f"{len(stale)} removed"
    )
