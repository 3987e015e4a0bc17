"""Two jobs, a crawler and five queries at once, watched by fifty clients."""

import json
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from subprocess import Popen
from typing import Any

import psutil  # type: ignore[import-untyped]
import pytest

Client = Callable[[str, str], Any]
DAYS, ROWS = 4, 500
WATCHERS, PAUSE = 50, 1.0
SLOWEST = 10.0
ROLE = "arn:aws:iam::000000000000:role/any"
JOB = """
import json, boto3
s3 = boto3.client("s3")
rows = []
for item in s3.list_objects_v2(Bucket={bucket!r}, Prefix="bronze/orders/")["Contents"]:
    body = s3.get_object(Bucket={bucket!r}, Key=item["Key"])["Body"].read()
    rows += [json.loads(line) for line in body.splitlines()]
total = sum(row["amount"] for row in rows if row["id"] % 2 == {number})
s3.put_object(Bucket={bucket!r}, Key="out/{number}", Body=str(total).encode())
"""
QUERIES = {
    "SELECT count(*) FROM {db}.orders": str(DAYS * ROWS),
    "SELECT sum(amount) FROM {db}.orders": str(sum(range(DAYS * ROWS))),
    "SELECT max(id) FROM {db}.orders WHERE day = '1'": str(2 * ROWS - 1),
    "SELECT count(DISTINCT day) FROM {db}.orders": str(DAYS),
    "SELECT avg(amount) FROM {db}.orders WHERE day = '0'": str((ROWS - 1) / 2),
}


class Work:
    """The data of one test, what is done with it and what must come out."""

    def __init__(self, url: str, ministack: str, client: Client, bucket: str, name: str) -> None:
        self.glue, self.athena = client("glue", url), client("athena", url)
        self.s3, self.bucket, self.name = client("s3", ministack), bucket, name
        for day in range(DAYS):
            rows = ({"id": n, "amount": n} for n in range(day * ROWS, (day + 1) * ROWS))
            body = "".join(json.dumps(row) + "\n" for row in rows).encode()
            for folder in ("bronze/orders", "new/sales"):
                self.s3.put_object(Bucket=bucket, Key=f"{folder}/day={day}/a.json", Body=body)
        self.glue.create_database(DatabaseInput={"Name": name})
        for crawler, folder in (("orders", "bronze/orders"), ("sales", "new/sales")):
            self.glue.create_crawler(
                Name=f"{name}-{crawler}",
                Role=ROLE,
                DatabaseName=name,
                Targets={"S3Targets": [{"Path": f"s3://{bucket}/{folder}/"}]},
            )
        for number in (0, 1):
            key = f"jobs/{number}.py"
            script = JOB.format(bucket=bucket, number=number)
            self.s3.put_object(Bucket=bucket, Key=key, Body=script.encode())
            self.glue.create_job(
                Name=f"{name}-{number}",
                Role=ROLE,
                Command={"Name": "pythonshell", "ScriptLocation": f"s3://{bucket}/{key}"},
            )
        self.crawl("orders")

    def crawl(self, crawler: str) -> None:
        name = f"{self.name}-{crawler}"
        self.glue.start_crawler(Name=name)
        while (found := self.glue.get_crawler(Name=name)["Crawler"])["State"] != "READY":
            time.sleep(0.05)
        assert found["LastCrawl"]["Status"] == "SUCCEEDED"

    def job(self, number: int) -> None:
        run = self.glue.start_job_run(JobName=f"{self.name}-{number}")["JobRunId"]
        while True:
            found = self.glue.get_job_run(JobName=f"{self.name}-{number}", RunId=run)["JobRun"]
            if found["JobRunState"] not in ("STARTING", "RUNNING"):
                break
            time.sleep(0.05)
        assert found["JobRunState"] == "SUCCEEDED", found
        total = self.s3.get_object(Bucket=self.bucket, Key=f"out/{number}")["Body"].read()
        assert int(total) == sum(range(number, DAYS * ROWS, 2))

    def query(self, sql: str, expected: str) -> None:
        identity = self.athena.start_query_execution(
            QueryString=sql.format(db=self.name),
            ResultConfiguration={"OutputLocation": f"s3://{self.bucket}/results/"},
        )["QueryExecutionId"]
        while True:
            found = self.athena.get_query_execution(QueryExecutionId=identity)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.05)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        rows = self.athena.get_query_results(QueryExecutionId=identity)["ResultSet"]["Rows"]
        assert rows[1]["Data"][0]["VarCharValue"] == expected

    def all_at_once(self) -> float:
        """Do everything; how many seconds it took."""
        began = time.monotonic()
        with ThreadPoolExecutor(8) as pool:
            tasks = [pool.submit(self.job, number) for number in (0, 1)]
            tasks.append(pool.submit(self.crawl, "sales"))
            tasks += [pool.submit(self.query, *pair) for pair in QUERIES.items()]
            for task in tasks:
                task.result()
        found = self.glue.get_partitions(DatabaseName=self.name, TableName="sales")["Partitions"]
        assert sorted(part["Values"][0] for part in found) == [str(day) for day in range(DAYS)]
        return time.monotonic() - began


@pytest.fixture
def work(
    front_process: Callable[[], tuple[Popen[bytes], str]],
    ministack: str,
    client: Client,
    bucket: str,
    unique: str,
) -> tuple[Work, Popen[bytes], str]:
    process, url = front_process()
    return Work(url, ministack, client, bucket, unique), process, url


def test_everything_at_once_is_right_and_watchers_do_not_delay_it(
    work: tuple[Work, Popen[bytes], str], client: Client, tmp_path: Path
) -> None:
    lake, process, url = work
    alone = lake.all_at_once()
    done, waited = threading.Event(), []

    def watch(number: int) -> None:
        glue = client("glue", url)
        while True:  # at least once, however soon the work is done
            began = time.monotonic()
            if number % 2:
                glue.get_job_runs(JobName=f"{lake.name}-{number % 4 // 2}", MaxResults=1)
            else:
                glue.get_crawler(Name=f"{lake.name}-sales")
            waited.append(time.monotonic() - began)
            if done.wait(PAUSE * (0.5 + number / WATCHERS)):
                return

    with ThreadPoolExecutor(WATCHERS) as pool:
        watching = [pool.submit(watch, number) for number in range(WATCHERS)]
        try:
            watched = lake.all_at_once()
        finally:
            done.set()
        for task in watching:
            task.result()
    print(
        f"alone {alone:.1f} s, watched {watched:.1f} s;"
        f" {len(waited)} polls, the slowest {max(waited):.2f} s"
    )
    assert len(waited) >= WATCHERS
    assert max(waited) < SLOWEST
    assert watched < 3 * alone + 5

    assert psutil.Process(process.pid).children(recursive=True) == []
    left = [path.name for path in (tmp_path / "front").iterdir() if path.is_dir()]
    assert [name for name in left if any((tmp_path / "front" / name).iterdir())] == ["logs"]
    assert "Uploads" not in lake.s3.list_multipart_uploads(Bucket=lake.bucket)
