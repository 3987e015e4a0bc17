"""Bookmarks of a database's tables go by keys: one script plays the runs of a job, one by one."""

import json
import re
from typing import Any

from tests.unit.local_aws.glue_library.test_glue_databases import (
    shop,  # noqa: F401 - a fixture
)
from tests.unit.local_aws.jobs.whole_front import WholeFront

SCRIPT = """
import json, sys
import psycopg2
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext

args = getResolvedOptions(sys.argv, ["JOB_NAME", "PORT"])
context = GlueContext(SparkContext.getOrCreate())
job = Job(context)
shop = psycopg2.connect(host="127.0.0.1", port=args["PORT"], user="postgres", password="right",
                        dbname="postgres")
shop.autocommit = True

def run(name, inserted=(), commit=True, table="shop.orders", **more):
    for row in inserted:
        shop.cursor().execute("INSERT INTO shop.orders (id, at) VALUES (%s, %s)", row)
    job.init(args["JOB_NAME"], args)
    url = f"jdbc:postgresql://127.0.0.1:{args['PORT']}/postgres"
    options = {"url": url, "user": "postgres", "password": "right", "dbtable": table, **more}
    frame = context.create_dynamic_frame.from_options(
        "postgresql", options, transformation_ctx=name)
    print("read:", json.dumps(sorted(row.id for row in frame.toDF().collect())))
    if commit:
        job.commit()

run("orders")
run("orders")
run("orders", [(7, None)], commit=False)
run("orders")
run("orders", [(6, None)])
latest = {"jobBookmarkKeys": ["at", "id"]}
run("latest", **latest)
run("latest", [(8, "2024-05-03 12:00:00"), (2000, "2024-05-03 11:59:59")], **latest)
down = {"jobBookmarkKeys": ["id"], "jobBookmarkKeysSortOrder": "desc"}
run("down", **down)
run("down", [(0, None), (3000, None)], **down)
shop.cursor().execute("CREATE TABLE shop.plain AS SELECT 1 AS id")
for wrong in ({"table": "shop.plain"}, {"jobBookmarkKeysSortOrder": "up"}):
    try:
        run("wrong", **wrong)
    except Exception as error:
        print("refused:", error)
"""
READ = [
    [1, 2, 3, 4],
    [],
    [7],
    [7],  # the run before did not commit
    [],  # a key behind those that were read
    [1, 2, 3, 4, 6, 7],
    [8],
    [1, 2, 3, 4, 6, 7, 8, 2000],
    [0],
]


def test_rows_beyond_the_keys_that_were_read(lake: WholeFront, shop: Any, unique: str) -> None:  # noqa: F811
    port, _ = shop
    job = lake.job(unique, SCRIPT)
    arguments = {"--PORT": str(port), "--job-bookmark-option": "job-bookmark-enable"}
    run = lake.run(job, arguments)
    assert run["JobRunState"] == "SUCCEEDED", run["log"]
    assert [json.loads(found) for found in re.findall(r"^read: (.*)", run["log"], re.M)] == READ
    assert re.findall(r"^refused: (.*)", run["log"], re.M) == [
        "not supported here: a bookmark of shop.plain, which has no primary key, without"
        " jobBookmarkKeys",
        "jobBookmarkKeysSortOrder is 'up': asc and desc are",
    ]
