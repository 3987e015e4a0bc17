"""Hostile files: archives, bombs, truncation, paths for names, and records too long for memory.

Faults 8, 20, 22 and 25 as far as the job meets them. A file that nobody can have meant fails the
run with one line that names it; nothing is written that could be published.
"""

import gzip
import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from retail_io import inputs
from retail_io.csv_records import SourceError
from retail_io.inputs import InputsError
from retail_io.session import source_errors
from tests.unit.glue_jobs.faults.books import books, build_twice, reasons
from tests.unit.glue_jobs.faults.test_content import VENDOR_HEADER, document, order
from tests.unit.glue_jobs.lake_folder import LakeFolder

ROOT = Path(__file__).parents[4]
DAY = "2026-03-30"
WEB, VENDOR = "ecommerce_orders", "vendor_sales"
MOMENT = f"{DAY}T10:00:00"


def only(lake: Lake, *datasets: str) -> Lake:
    return replace(lake, contracts=tuple(map(lake.contract, datasets)))


def test_two_members_of_one_gzip_are_one_file(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    first, second = (gzip.compress(order(n, MOMENT).encode()) for n in (1, 2))
    key = lake_folder.put(WEB, DAY, "orders.jsonl.gz", b"")
    (lake_folder.root / key).write_bytes(first + second)
    lake_folder.files[WEB][0]["size"] = len(first + second)
    manifest = build_twice(spark, only(lake, WEB), lake_folder, DAY, DAY)
    assert books(manifest) == {"orders.jsonl.gz": (2, 2, 0, 0)}


@pytest.mark.parametrize("now", ["longer\n", "", None])
def test_a_file_that_changed_since_it_was_listed_is_not_read(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder, now: str | None
) -> None:
    lake_folder.put(WEB, DAY, "a.jsonl", order(1, MOMENT))
    key = lake_folder.put(WEB, DAY, "b.jsonl", order(2, MOMENT))
    (lake_folder.root / key).unlink()
    if now is not None:
        (lake_folder.root / key).write_text(now)
    with pytest.raises(SourceError, match="so that it is listed anew") as failure:
        lake_folder.build(spark, only(lake, WEB), DAY, DAY)
    assert str(failure.value).startswith(f"{key} ")
    assert "a.jsonl" not in str(failure.value)
    assert not (lake_folder.root / "silver").exists()


def receipt(number: int, moment: datetime, unit: str) -> bytes:
    """A till's file of one receipt whose moment is kept in that unit."""
    price = pa.array([Decimal("1.10")], pa.decimal128(18, 2))
    texts = {
        "transaction_id": f"S{number}", "store_id": "A", "product_id": "P1",
        "product_name": "Tea", "category": "Food", "region": "North", "payment_method": "Cash",
    }  # fmt: skip
    columns = {name: pa.array([text]) for name, text in texts.items()} | {
        "sold_at": pa.array([moment], pa.timestamp(unit, "UTC")),
        "quantity": pa.array([1], pa.int64()),
        "unit_price": price,
        "total_amount": price,
        "customer_id": pa.array([None], pa.string()),
        "is_return": pa.array([False]),
    }
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def test_parquet_in_milliseconds_or_microseconds_and_of_the_year_one(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    tills, moment = "store_transactions", datetime(2026, 3, 30, 0, 30, 0, 125000, UTC)
    lake_folder.put(tills, DAY, "1.parquet", receipt(1, moment, "ms"))
    lake_folder.put(tills, DAY, "2.parquet", receipt(2, moment, "us"))
    lake_folder.put(tills, DAY, "3.parquet", receipt(3, datetime(1, 1, 1, tzinfo=UTC), "us"))
    lake_folder.build(spark, only(lake, tills), DAY, DAY)
    found = lake_folder.query(
        "SELECT transaction_id, sale_date::VARCHAR, epoch_ms(sold_at) FROM sales ORDER BY 1"
    )
    milliseconds = int(moment.timestamp() * 1000)
    assert found == [(f"S{n}", DAY, milliseconds) for n in (1, 2)]
    [(reason, raw)] = lake_folder.query("SELECT reason, raw FROM quarantine")
    assert reason == "too_late:sold_at"
    assert json.loads(raw)["sold_at"] == "0001-01-01T00:00:00.000000Z"


def truncated(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-9])


def of_another_kind(path: Path) -> None:
    path.write_bytes(b"\x89PNG\r\n\x1a\n")


def exploding(path: Path) -> None:
    path.write_bytes(gzip.compress(order(1, MOMENT).encode() * 300_000))


@pytest.mark.parametrize(
    ("name", "damage", "message"),
    [
        ("a.jsonl.gz", truncated, "is no complete gzip file"),
        ("a.jsonl.gz", of_another_kind, "is no complete gzip file"),
        ("a.jsonl.gz", exploding, "unpacks to more than 67108864"),
        ("a.zip", of_another_kind, "is compressed in a way that is not agreed"),
        ("a.jsonl.bz2", of_another_kind, "is compressed in a way that is not agreed"),
        ("a.tar.gz", truncated, "is compressed in a way that is not agreed"),
        ("a.jsonl.GZ", truncated, "must end in .gz in small letters"),
    ],
)
def test_a_file_nobody_can_have_meant_fails_with_its_name(
    spark: SparkSession,
    lake: Lake,
    lake_folder: LakeFolder,
    name: str,
    damage: Callable[[Path], None],
    message: str,
) -> None:
    path = lake_folder.root / lake_folder.put(WEB, DAY, name, order(1, MOMENT))
    damage(path)
    lake_folder.files[WEB][0]["size"] = path.stat().st_size
    with pytest.raises(SourceError, match=message) as failure, source_errors():
        lake_folder.build(spark, only(lake, WEB), DAY, DAY)
    assert str(failure.value).startswith(f"bronze/{WEB}/ingest_date={DAY}/{name}: ")
    assert "\n" not in str(failure.value)
    assert not (lake_folder.root / "silver").exists()


@pytest.mark.parametrize("content", ["utf-16", "gzip", "zip"])
def test_a_csv_that_is_no_text_fails_with_its_name(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder, content: str
) -> None:
    text = f"{VENDOR_HEADER}\n{document(1)}"
    data = {
        "utf-16": text.encode("utf-16"),
        "gzip": gzip.compress(text.encode()),
        "zip": b"PK\x03\x04" + text.encode(),
    }[content]
    key = lake_folder.put(VENDOR, DAY, "sales.csv", data)
    with pytest.raises(SourceError, match="is no text in UTF-8") as failure, source_errors():
        lake_folder.build(spark, only(lake, VENDOR), DAY, DAY)
    assert str(failure.value).startswith(key)


@pytest.mark.parametrize("rest", ["../../../ops/inputs.jsonl", "x/../y.jsonl", "./y.jsonl", "a//b"])
def test_a_key_is_a_name_and_never_a_path(lake_folder: LakeFolder, rest: str) -> None:
    document = lake_folder.document(DAY, DAY)
    key = f"bronze/{WEB}/ingest_date={DAY}/{rest}"
    document["datasets"] = {WEB: [{"ingest_date": DAY, "key": key, "size": 1, "etag": "x"}]}
    with pytest.raises(InputsError, match="is a path and no name; have it sent again"):
        inputs.parse(json.dumps(document))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("release", "r20260310_0123456789ab'; DROP TABLE sales; --"),
        ("release", "../../silver"),
        ("window", {"from": "2026-03-30' OR '1'='1", "to": DAY}),
        ("window", {"from": "2026-03-30\n", "to": DAY}),
        ("lake_bucket", "lake/../other"),
        ("lake_bucket", "file://relative"),
        ("datasets", {"sales; DROP TABLE sales": [{"ingest_date": DAY, "key": "x", "size": 1}]}),
        ("datasets", {"../../x": [{"ingest_date": DAY, "key": "x", "size": 1}]}),
    ],
)
def test_what_is_pasted_anywhere_is_checked_first(
    lake_folder: LakeFolder, key: str, value: Any
) -> None:
    document = lake_folder.document(DAY, DAY) | {key: value}
    with pytest.raises(InputsError, match="is damaged"):
        inputs.parse(json.dumps(document))


# --- fault 20, in a process of its own whose memory can be measured

MEASURED = """
import json, os, sys
from dataclasses import replace
from pathlib import Path
from pyspark.sql import SparkSession

settings = {"spark.master": "local[2]", "spark.ui.enabled": "false", "spark.driver.memory": "2g",
    "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
    "spark.local.dir": sys.argv[1],
    "spark.driver.extraJavaOptions": "-XX:TieredStopAtLevel=1 -XX:+ExitOnOutOfMemoryError"}
builder = SparkSession.builder
for name, value in settings.items():
    builder = builder.config(name, value)
builder.getOrCreate()

from include.lake.contracts import load_lake
from retail_io.session import open_session
from tests.unit.glue_jobs.lake_folder import LakeFolder

spark, lake = open_session(), load_lake()
folder = LakeFolder(Path(sys.argv[1]) / "lake", files=json.loads(sys.argv[2]))
small = replace(lake, contracts=tuple(map(lake.contract, folder.files)))
manifest = folder.build(spark, small, sys.argv[3], sys.argv[3])

def peak(pid):  # MB
    status = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = [int(line.split()[1]) for line in status if line.startswith("VmHWM")]
    return max(found, default=0) // 1024  # one that has just ended has none

def children(pid):
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return listed + [deeper for child in listed for deeper in children(child)]

jvm = spark.sparkContext._gateway.proc.pid
workers = max((peak(pid) for pid in children(jvm)), default=0)
print(json.dumps({"ledger": manifest["ledger"], "jvm": peak(jvm), "workers": workers}))
"""


@pytest.mark.slow
def test_a_field_of_100_mb_and_an_open_quote_stay_within_a_laptops_heap(
    lake_folder: LakeFolder,
) -> None:
    huge = "x" * 100_000_000
    rows = [document(n) for n in range(1, 20001)]
    rows[1] = rows[1].replace("Mouse", huge)
    rows[2] = rows[2].replace("Mouse", '"Mouse')
    lake_folder.put(VENDOR, DAY, "huge.csv", VENDOR_HEADER + "\n" + "".join(rows))
    orders = order(1, MOMENT) + order(2, MOMENT, product_name=huge) + order(3, MOMENT)
    lake_folder.put(WEB, DAY, "huge.jsonl", orders)
    arguments = (str(lake_folder.root.parent), json.dumps(lake_folder.files), DAY)
    path = os.pathsep.join((str(ROOT), str(ROOT / "glue_jobs")))
    done = subprocess.run(
        [sys.executable, "-c", MEASURED, *arguments],
        env={
            **os.environ,
            "PYTHONPATH": path,
            "PYSPARK_PYTHON": sys.executable,
            "TMPDIR": arguments[0],
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=240,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert books(found) == {"huge.csv": (20000, 19998, 2, 0), "huge.jsonl": (3, 2, 1, 0)}
    assert found["jvm"] < 2700  # the heap of 2 GB, as on a laptop, and what Java needs besides
    assert found["workers"] < 200
    assert reasons(lake_folder, "huge.csv") == {3: "unreadable", 4: "unreadable"}
    [(text,)] = lake_folder.query("SELECT max(length(raw)) FROM quarantine")
    assert text == 1 << 20
