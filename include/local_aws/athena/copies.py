"""Copies of files on disk, so that what is looked at twice is read once from S3."""

import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import duckdb

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.files import File

THREADS = 8
SUFFIXES = {".gz", ".zst"}


def copies(engine: Engine, s3: Any, files: Sequence[File], folder: Path) -> list[str]:
    """Copy files to a folder and give their paths, in the same order; their bytes are billed.

    Args:
        engine: billed; when it is interrupted, the copying ends.
        s3: boto3 client.
        files: what to copy.
        folder: made here; the copies keep the suffix of a compression.
    """
    if not files:
        return []
    folder.mkdir(parents=True)

    def copy(numbered: tuple[int, File]) -> str:
        number, file = numbered
        if engine.interrupted.is_set():
            raise duckdb.InterruptException("the query was stopped")
        suffix = Path(file.url).suffix.lower()
        path = folder / f"{number}{suffix if suffix in SUFFIXES else ''}"
        bucket, _, key = file.url.removeprefix("s3://").partition("/")
        with path.open("wb") as target:
            shutil.copyfileobj(s3.get_object(Bucket=bucket, Key=key)["Body"], target, 1 << 20)
        return str(path)

    with ThreadPoolExecutor(min(THREADS, len(files))) as pool:
        paths = list(pool.map(copy, enumerate(files)))
    engine.bytes_scanned += sum(file.size for file in files)
    return paths
