"""The page about a run, brought from the lake to a file that a browser opens."""

import argparse
import gzip
from pathlib import Path

import boto3

from include.lake import layout
from include.laptop.published import Published
from include.laptop.runs import RunError


def arguments(parser: argparse.ArgumentParser) -> None:
    """What the command takes."""
    parser.add_argument("release", nargs="?", help="whose page; the one published last")


def fetch(bucket: str, release: str | None, folder: Path) -> Path:
    """Brings a release's page.

    Args:
        bucket: The lake's.
        release: Its id, or None for the one that moved the pointer last.
        folder: Where to put the page, as `<release>.html`.

    Returns:
        The file.

    Raises:
        RunError: If nothing is published yet, or the release has no page.
    """
    state = Published.now().location.rstrip("/").rpartition("/")[2]  # <release>-<digest>
    wanted = release or state.rpartition("-")[0]
    if not wanted:
        raise RunError("nothing is published yet: run a day first (make demo)")
    key = layout.report_key(wanted)
    s3 = boto3.client("s3")
    try:
        body = s3.get_object(Bucket=bucket, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey as error:
        raise RunError(f"s3://{bucket}/{key} does not exist: has the task report run?") from error
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / f"{wanted}.html"
    file.write_bytes(gzip.decompress(body))
    return file
