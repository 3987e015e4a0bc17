"""No room on the disk, no memory left: the job fails cleanly, and the next attempt is whole."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from tests.unit.glue_jobs.faults.books import assert_books_close
from tests.unit.glue_jobs.faults.test_content import order
from tests.unit.glue_jobs.lake_folder import KEY, TOKEN, LakeFolder

ROOT = Path(__file__).parents[4]
DAY = "2026-03-30"
LOST = "00000000000000cc"
WAIT_SECONDS = 120

# The job in a process of its own, as Glue runs it; its manifest is its last word. With a limit, no
# process of it can write a longer file.
ATTEMPT = """
import resource, sys
from dataclasses import replace
from pyspark.sql import SparkSession
import bronze_to_silver
from include.lake.contracts import load_lake
from retail_io import inputs
from retail_io.session import open_session

document, scratch, token, key, limit = sys.argv[1:]
builder = SparkSession.builder.master("local[2]").config("spark.ui.enabled", "false")
builder = builder.config("spark.driver.host", "127.0.0.1").config("spark.local.dir", scratch)
builder.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
session = open_session()
jvm = session.sparkContext._gateway.proc.pid
if int(limit):
    resource.prlimit(jvm, resource.RLIMIT_FSIZE, (int(limit), int(limit)))
print(jvm, flush=True)
lake = load_lake()
lake = replace(lake, contracts=(lake.contract("ecommerce_orders"),))
print(bronze_to_silver.build(session, lake, inputs.parse(document), token, key.encode()))
"""


@pytest.fixture
def delivered(lake_folder: LakeFolder) -> LakeFolder:
    """A day of orders."""
    lines = [order(number, f"{DAY}T10:00:00") for number in range(1, 501)]
    lake_folder.put("ecommerce_orders", DAY, "orders.jsonl", "".join(lines))
    return lake_folder


@contextmanager
def attempt(folder: LakeFolder, limit: int = 0) -> Iterator[tuple[int, "subprocess.Popen[str]"]]:
    """Begins to build; the JVM's process id and the job's process."""
    scratch = str(folder.root.parent / "scratch")
    given = (json.dumps(folder.document(DAY, DAY)), scratch, LOST, KEY.decode(), str(limit))
    path = os.pathsep.join((str(ROOT), str(ROOT / "glue_jobs")))
    with subprocess.Popen(
        [sys.executable, "-c", ATTEMPT, *given],
        env={**os.environ, "PYTHONPATH": path, "PYSPARK_PYTHON": sys.executable},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline()), process


def test_a_job_without_room_fails_by_its_cause_and_the_next_attempt_is_whole(
    spark: SparkSession, lake: Lake, delivered: LakeFolder
) -> None:
    with attempt(delivered, limit=4096) as (_, process):
        manifest, said = process.communicate()
    assert (process.returncode, manifest) == (1, "")
    assert "File too large" in said
    whole(spark, lake, delivered)


def test_a_job_whose_jvm_is_killed_fails_and_the_next_attempt_is_whole(
    spark: SparkSession, lake: Lake, delivered: LakeFolder
) -> None:
    """As the kernel does it where memory has run out, while the job writes."""
    with attempt(delivered) as (jvm, process):
        written(delivered)
        os.kill(jvm, signal.SIGKILL)
        manifest, _ = process.communicate()
    assert (process.returncode, manifest) == (1, "")
    whole(spark, lake, delivered)


def written(folder: LakeFolder) -> None:
    """Waits until the lost attempt has begun to write."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not any(folder.root.glob(f"silver/*/release=*/run={LOST}")):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def whole(spark: SparkSession, lake: Lake, folder: LakeFolder) -> None:
    """Tries again beside what the lost attempt left, and where nothing was ever lost."""
    lake = replace(lake, contracts=(lake.contract("ecommerce_orders"),))
    folder.build(spark, lake, DAY, DAY)
    undisturbed = LakeFolder(folder.root.parent / "undisturbed", folder.files)
    (folder.root.parent / "undisturbed").mkdir()
    (undisturbed.root / "bronze").symlink_to(folder.root / "bronze")
    undisturbed.build(spark, lake, DAY, DAY)
    assert folder.content(token=TOKEN) == undisturbed.content(token=TOKEN)
    assert_books_close(folder)
    assert folder.query("SELECT count(*) FROM sales") == [(500,)]
