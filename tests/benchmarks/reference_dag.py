"""What P7 compares with: as many tasks as the daily DAG, of the provider's own operators."""

from datetime import timedelta

from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerOperator
from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG, CronDataIntervalTimetable, chain
from pendulum import datetime

with DAG(
    dag_id="reference",
    schedule=CronDataIntervalTimetable("0 5 * * *", timezone="Europe/London"),
    start_date=datetime(2009, 12, 1, tz="Europe/London"),
    catchup=False,
    default_args={"retries": 2, "retry_delay": timedelta(seconds=20)},
):
    waits = [
        S3KeySensor(task_id=f"wait_{n}", bucket_key=f"s3://lake/{n}", deferrable=True)
        for n in range(4)
    ]
    extracts = [PythonOperator(task_id=f"extract_{n}", python_callable=print) for n in range(4)]
    crawl = GlueCrawlerOperator(task_id="crawl", config={"Name": "bronze"}, deferrable=True)
    job = GlueJobOperator(task_id="job", job_name="bronze_to_silver", deferrable=True)
    builds = [
        AthenaOperator(
            task_id=f"build_{n}",
            query="SELECT 1",
            database="gold",
            output_location="s3://results/",
        )
        for n in range(6)
    ]
    checks = [
        AthenaOperator(
            task_id=f"check_{n}",
            query="SELECT 1",
            database="gold",
            output_location="s3://results/",
        )
        for n in range(6)
    ]
    review = ApprovalOperator(task_id="review", subject="Publish?")
    rest = [PythonOperator(task_id=f"step_{n}", python_callable=print) for n in range(7)]
    chain([*waits, *extracts], crawl, job, builds, checks, review, *rest)
