"""One run of a silver job; its last line of output is JSON with figures.

``ours`` is the job as Glue runs it. ``seed`` is the way of the seed document in plain PySpark:
schema inference, a count before and after the filter, snappy, append, partitions by year, month
and day. ``duckdb`` is what a single node can do: the same columns, deduplicated, Parquet by day.
"""

import argparse
import json
import os
import sys
import time
from pathlib import Path

import duckdb
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

ROOT = Path(__file__).parents[2]
KEY = b"a key of the benchmarks, long enough"
TOKEN = "00000000000000aa"
#: Runs in every Python process of the job: says in a file which delivered files were opened.
OPENED = """
import os, sys
_log = os.open({log!r}, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
def _opened(event, arguments):
    if event == "open" and "/bronze/" in str(arguments[0]):
        os.write(_log, (str(arguments[0]) + chr(10)).encode())
sys.addaudithook(_opened)
"""


def main() -> None:
    """Runs the job that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("job", choices=("ours", "seed", "duckdb"))
    parser.add_argument("--inputs", type=Path, required=True, help="inputs.json")
    parser.add_argument("--scratch", type=Path, required=True, help="folder of this run alone")
    arguments = parser.parse_args()
    root = json.loads(arguments.inputs.read_text())["lake_bucket"]
    target = arguments.scratch / "silver"
    read = 0
    if arguments.job == "duckdb":
        started = time.monotonic()
        rows = duckdbs_way(root.removeprefix("file://"), target)
        seconds = time.monotonic() - started
    else:
        os.environ["PYSPARK_PYTHON"] = sys.executable
        opened = arguments.scratch / "opened"
        (arguments.scratch / "sitecustomize.py").write_text(OPENED.format(log=str(opened)))
        paths = (arguments.scratch, ROOT, ROOT / "glue_jobs")
        os.environ["PYTHONPATH"] = os.pathsep.join(map(str, paths))
        spark = session(arguments.scratch)
        started = time.monotonic()
        if arguments.job == "ours":
            rows = our_way(spark, arguments.inputs)
        else:
            rows = seeds_way(spark, root, target)
        seconds = time.monotonic() - started
        read = bytes_read_by_java(spark)
        if arguments.job == "ours":
            read += bytes_read_by_python(opened)
        spark.stop()
    print(json.dumps({"rows": rows, "build_seconds": round(seconds, 3), "read": read}))


def session(scratch: Path) -> SparkSession:
    """local[2] with 2 GB, as both jobs get it."""
    settings = {
        "spark.master": "local[2]",
        "spark.driver.memory": "2g",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.local.dir": str(scratch / "spark"),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    spark = builder.getOrCreate()
    spark.sparkContext.setLogLevel("ERROR")
    return spark


def our_way(spark: SparkSession, inputs: Path) -> int:
    """The job of this project; gives the rows of sales."""
    sys.path.insert(0, str(ROOT / "glue_jobs"))
    import bronze_to_silver
    from include.lake.contracts import load_lake
    from retail_io import inputs as listing
    from retail_io.session import open_session

    open_session()
    listed = listing.parse(inputs.read_text())
    manifest = bronze_to_silver.build(spark, load_lake(), listed, TOKEN, KEY)
    return sum(row["silver"] for row in manifest["ledger"])


def seeds_way(spark: SparkSession, root: str, target: Path) -> int:
    """The seed's job; gives the rows that it keeps."""
    reader = spark.read.option("recursiveFileLookup", "true")
    rows = reader.json(f"{root}/bronze/ecommerce_orders")
    rows.count()
    rows = rows.withColumn("transaction_timestamp", F.to_timestamp("timestamp"))
    for part, of in (("year", F.year), ("month", F.month), ("day", F.dayofmonth)):
        rows = rows.withColumn(part, of("transaction_timestamp"))
    rows = rows.withColumn("calculated_total", F.col("quantity") * F.col("unit_price"))
    clean = rows.where("quantity > 0 AND total_amount > 0 AND unit_price > 0")
    kept = clean.count()
    writer = clean.write.mode("append").option("compression", "snappy")
    writer.partitionBy("year", "month", "day").parquet(str(target))
    return kept


def duckdbs_way(root: str, target: Path) -> int:
    """DuckDB over the same files; gives the rows kept."""
    with duckdb.connect() as connection:
        connection.execute("SET threads = 2; SET preserve_insertion_order = false")
        connection.execute(
            "CREATE TABLE sales AS SELECT DISTINCT ON (transaction_id) *, "
            'CAST("timestamp" AS DATE) AS sale_date '
            f"FROM read_json('{root}/bronze/ecommerce_orders/*/*.jsonl', "
            "format = 'newline_delimited') WHERE transaction_id <> '' ORDER BY transaction_id"
        )
        connection.execute(
            f"COPY sales TO '{target}' (FORMAT parquet, COMPRESSION zstd, PARTITION_BY sale_date)"
        )
        (rows,) = connection.execute("SELECT count(*) FROM sales").fetchall()
    return int(rows[0])


def bytes_read_by_java(spark: SparkSession) -> int:
    """What Spark itself has read from files, of its job's own output too."""
    jvm = spark.sparkContext._jvm
    assert jvm is not None
    every = jvm.org.apache.hadoop.fs.FileSystem.getAllStatistics()
    return sum(int(statistics.getBytesRead()) for statistics in every)


def bytes_read_by_python(opened: Path) -> int:
    """The bytes of the files that Python opened: whole, and as often as they were."""
    return sum(Path(name).stat().st_size for name in opened.read_text().splitlines())


if __name__ == "__main__":
    main()
