"""Runs on real Spark, through s3:// and s3a://. Each costs the start of a JVM, so they are few."""

import json
from typing import Any

import psutil
import pyarrow.parquet as pq
import pytest
from pyarrow import BufferReader


def processes(run_id: str) -> list[psutil.Process]:
    """All processes that belong to a run: its id is in the environment of each."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("HADOOP_USER_NAME") == run_id:
                found.append(process)
        except (psutil.NoSuchProcess, psutil.AccessDenied):
            continue
    return found


@pytest.fixture
def sales(jobs: Any) -> Any:
    lines = (
        json.dumps(
            {
                "id": n,
                "day": f"2024-11-0{n % 3 + 1}",
                "at": f"2024-11-01T0{n % 2}:30:00",
                "w": "ü ß",
            }
        )
        for n in range(300)
    )
    body = "".join(f"{line}\n" for line in lines).encode()
    jobs.s3.put_object(Bucket=jobs.bucket, Key="in/day=1/sales 1.jsonl", Body=body)
    return jobs


def test_json_becomes_partitioned_parquet(sales: Any) -> None:
    sales.create(
        """
        import sys
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.appName("test").getOrCreate()
        bucket = sys.argv[sys.argv.index("--bucket") + 1]
        conf = spark.sparkContext.getConf()
        print("conf", conf.get("spark.own"), conf.get("spark.sql.shuffle.partitions"),
              spark.conf.get("spark.sql.session.timeZone"), spark.version)
        rows = spark.read.schema("id long, day date, at timestamp, w string").json(
            f"s3://{bucket}/in/day=1/")
        rows.repartition(1).write.partitionBy("day", "at").parquet(f"s3://{bucket}/out/sales")
        again = spark.read.parquet(f"s3a://{bucket}/out/sales").where("day = '2024-11-02'")
        print("rows", again.count(), again.where("w = 'ü ß'").count())
        again.coalesce(1).write.mode("overwrite").json(f"s3a://{bucket}/out/copy")
        dynamic = spark.range(3).selectExpr("id", "concat(id, ' %/:') as k").coalesce(1).write
        dynamic = dynamic.mode("overwrite").option("partitionOverwriteMode", "dynamic")
        dynamic.partitionBy("k").json(f"s3://{bucket}/out/dynamic")
        spark.range(10, 11).selectExpr("id", "'1 %/:' as k").write.mode("overwrite").option(
            "partitionOverwriteMode", "dynamic").partitionBy("k").json(f"s3://{bucket}/out/dynamic")
        found = spark.read.json(f"s3://{bucket}/out/dynamic").orderBy("id").collect()
        print("dynamic", [(row.id, row.k) for row in found])
        """,
        DefaultArguments={
            "--bucket": sales.bucket,
            "--conf": "spark.own=a b --conf spark.sql.shuffle.partitions=3",
        },
    )
    run_id = sales.start()
    run = sales.wait(run_id)
    assert run["JobRunState"] == "SUCCEEDED", sales.log(run_id)
    assert sales.wait_for_line(run_id, "conf ") == "a b 3 UTC 3.5.6"
    assert sales.wait_for_line(run_id, "rows ") == "100 100"
    found = sales.wait_for_line(run_id, "dynamic ")
    assert found == "[(0, '0 %/:'), (2, '2 %/:'), (10, '1 %/:')]"
    parts = [key for key in sales.keys("out/sales/") if not key.endswith("_SUCCESS")]
    folders = [key.rpartition("/")[0] for key in parts]
    assert folders == [
        f"out/sales/day=2024-11-0{day}/at=2024-11-01 0{hour}%3A30%3A00"
        for day in (1, 2, 3)
        for hour in (0, 1)
    ]
    rows = 0
    for key in parts:
        body = sales.s3.get_object(Bucket=sales.bucket, Key=key)["Body"].read()
        rows += pq.read_table(BufferReader(body)).num_rows
    assert rows == 300
    assert len(sales.keys("out/copy/")) == 2
    assert "_temporary" not in " ".join(sales.keys())


def test_a_failing_job_leaves_no_object(sales: Any) -> None:
    sales.create(
        """
        import sys
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        bucket = sys.argv[sys.argv.index("--bucket") + 1]
        rows = spark.range(0, 400, 1, 4).selectExpr(
            "id", "id % 2 as part", "if(id = 399, raise_error('row 399 is bad'), 1) as x")
        rows.write.partitionBy("part").parquet(f"s3://{bucket}/out")
        """,
        DefaultArguments={"--bucket": sales.bucket},
    )
    run_id = sales.start()
    run = sales.wait(run_id)
    assert run["JobRunState"] == "FAILED"
    assert "row 399 is bad" in run["ErrorMessage"]
    assert "Py4JJavaError" in run["ErrorMessage"]
    assert sales.keys("out") == []
    assert processes(run_id) == []


def test_stopping_ends_the_jvm_and_its_workers(sales: Any) -> None:
    sales.create(
        """
        import sys, time
        from pyspark.sql import SparkSession
        spark = SparkSession.builder.getOrCreate()
        bucket = sys.argv[sys.argv.index("--bucket") + 1]
        def slow(rows):
            print("working", flush=True, file=sys.stderr)
            time.sleep(600)
            yield from rows
        spark.range(0, 4, 1, 2).rdd.map(lambda row: (row.id,)).mapPartitions(slow).toDF(
            "id long").write.json(f"s3://{bucket}/out")
        """,
        DefaultArguments={"--bucket": sales.bucket},
    )
    run_id = sales.start()
    sales.wait_for_line(run_id, "working")
    names = {process.name() for process in processes(run_id)}
    assert "java" in names
    assert len(processes(run_id)) >= 3
    sales.glue.batch_stop_job_run(JobName=sales.name, JobRunIds=[run_id])
    assert sales.wait(run_id)["JobRunState"] == "STOPPED"
    assert processes(run_id) == []
    assert sales.keys("out") == []
