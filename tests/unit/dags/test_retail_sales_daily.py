"""What the daily DAG promises before it ever runs."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
import yaml
from airflow.dag_processing.dagbag import DagBag
from airflow.sdk import CronDataIntervalTimetable
from airflow.serialization.serialized_objects import DagSerialization

from include.lake import contracts
from retail_lake.notifications.failure_alert import FailureAlert
from tests.unit.dags.conftest import DAGS, sample_deployment

ROOT = DAGS.parent
MARTS = tuple(sorted(file.stem for file in (ROOT / "sql" / "gold").glob("*.sql")))
CONTRACTS = {
    file.stem: yaml.safe_load(file.read_text())
    for file in (ROOT / "include" / "contracts").glob("*.yaml")
    if file.stem != "lake"
}
TASKS = {
    "open_release",
    *(
        f"ingest.{'wait' if contract['servers'][0]['type'] == 's3' else 'extract'}_{dataset}"
        for dataset, contract in CONTRACTS.items()
    ),
    "crawl_bronze",
    "take_turn",
    "check_drift",
    "bronze_to_silver",
    *(f"gold.build_{mart}" for mart in MARTS),
    *(f"gold.check_{mart}" for mart in MARTS),
    "restatements",
    "review",
    "publish",
    "report",
    "give_turn",
}


def test_every_file_is_a_dag_without_import_errors(dagbag: Any) -> None:
    assert dagbag.import_errors == {}
    assert set(dagbag.dags) == {file.stem for file in DAGS.glob("*.py")}
    assert "retail_sales_daily" in dagbag.dags


def test_tasks(dag: Any) -> None:
    assert set(dag.task_ids) == TASKS
    assert len(CONTRACTS) >= 4
    assert len(MARTS) >= 3


def test_order(dag: Any) -> None:
    def before(task: str) -> set[str]:
        return set(dag.get_task(task).upstream_task_ids)

    ingest = {task for task in TASKS if task.startswith("ingest.")}
    assert all(before(task) == {"open_release"} for task in ingest)
    assert before("crawl_bronze") == ingest
    assert before("take_turn") == {"crawl_bronze"}
    assert before("check_drift") == {"take_turn", "open_release"}
    assert before("bronze_to_silver") == {"check_drift"}
    assert all(before(f"gold.build_{mart}") == {"bronze_to_silver"} for mart in MARTS)
    assert all(before(f"gold.check_{mart}") == {f"gold.build_{mart}"} for mart in MARTS)
    assert before("restatements") == {f"gold.check_{mart}" for mart in MARTS}
    assert before("review") == {"restatements"}
    assert before("publish") == {"restatements", "review"}
    assert dag.get_task("publish").trigger_rule == "none_failed", "without a review it is skipped"
    assert before("report") == {"publish", "restatements"}
    # Whatever becomes of the run, the next one gets its turn.
    assert before("give_turn") == {"publish", "take_turn"}
    assert dag.get_task("give_turn").is_teardown
    assert dag.get_task("take_turn").is_setup


def test_schedule_is_a_data_interval_in_the_lake_zone(dag: Any) -> None:
    assert isinstance(dag.schedule, CronDataIntervalTimetable)
    assert dag.schedule.expression == "0 5 * * *"
    assert str(dag.timezone) == "Europe/London"
    assert dag.catchup is False
    assert dag.max_active_runs > 1, "a run that waits for its files must not block the others"


def test_explains_itself(dag: Any) -> None:
    assert "**What.**" in dag.doc_md
    assert "**When.**" in dag.doc_md
    assert "**When it fails**" in dag.doc_md
    assert dag.tags
    assert {task.owner for task in dag.tasks} == {"retail-data-platform"}


def test_form_takes_dates_or_nothing(dag: Any) -> None:
    assert dict(dag.params) == {"from_date": None, "to_date": None, "review": False}
    dag.params.validate()
    for name in ("from_date", "to_date"):
        schema = dag.params.get_param(name).schema
        assert schema["type"] == ["null", "string"]
        assert schema["format"] == "date"


def test_every_task_is_retried_limited_and_reported(dag: Any) -> None:
    for task in dag.tasks:
        assert task.retries >= 1, f"{task.task_id}: a deferrable task needs a retry (airflow#66374)"
        assert task.retry_exponential_backoff > 1
        assert task.max_retry_delay <= timedelta(minutes=10)
        assert task.execution_timeout is not None
        assert [type(one) for one in task.on_failure_callback] == [FailureAlert]
    assert isinstance(dag.on_failure_callback, FailureAlert)
    assert dag.on_failure_callback.topic_arn == "the-alert-topic-arn"


def test_waits_hold_no_worker(dag: Any) -> None:
    waiting = [task for task in dag.tasks if hasattr(task, "deferrable")]
    assert {task.task_id for task in waiting} >= {"crawl_bronze", "bronze_to_silver"}
    assert all(task.deferrable for task in waiting)


def test_crawler_and_job_are_used_by_one_run_at_a_time(dag: Any) -> None:
    assert {task.task_id for task in dag.tasks if task.pool == "glue"} == {
        "crawl_bronze",
        "bronze_to_silver",
    }


def test_a_table_too_large_for_a_worker_is_extracted_by_glue(
    deployed: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lake = contracts.load_lake()
    engines = {"inventory_levels": "glue", "store_transactions": "glue"}
    changed = tuple(
        replace(each, source=replace(each.source, engine=engines.get(each.dataset, "worker")))
        for each in lake.contracts
    )
    monkeypatch.setattr(contracts, "load_lake", lambda: replace(lake, contracts=changed))
    file = DAGS / "retail_sales_daily.py"
    dag = DagBag(dag_folder=str(file), include_examples=False).dags["retail_sales_daily"]
    assert set(dag.task_ids) == TASKS
    extracts = {task.dataset: task for task in dag.tasks if "ingest.extract_" in task.task_id}
    assert {name: type(task).__name__ for name, task in extracts.items()} == {
        **dict.fromkeys(engines, "GlueExtractOperator"),
        "customers": "DatabaseToS3ParquetOperator",
        "marketplace_sales": "RestApiToS3JsonLinesOperator",
    }
    for task in (extracts[name] for name in engines):
        assert task.job_name == "the-extract-job-name"
        assert task.secret_id == "the-tills-secret-id"
        assert (task.deferrable, task.pool) == (True, "default_pool")
        assert task.costs is dag.get_task("bronze_to_silver").costs is not None
        assert task.script_location is None
    stored = DagSerialization.to_dict(dag)
    assert " object at 0x" not in json.dumps(stored, default=str)


def test_markers_stay_a_list(dag: Any) -> None:
    key = dag.get_task("ingest.wait_ecommerce_orders").bucket_key
    assert key.operator.task_id == "open_release"
    assert key.key == "markers_ecommerce_orders"


def test_names_come_from_the_deployment(dag: Any) -> None:
    job = dag.get_task("bronze_to_silver")
    assert job.job_name == "the-job-name"
    assert job.script_args["--customer_token_key_secret"] == "the-customer-token-key-secret-id"
    assert job.script_location is None
    assert dag.get_task("crawl_bronze").config == {"Name": "the-crawler-name"}
    assert dag.get_task("gold.build_daily_sales").workgroup == "the-pipeline-workgroup"


def test_publishes_assets(dag: Any) -> None:
    names = {asset.name for asset in dag.get_task("publish").outlets}
    assert names >= {f"retail_gold.{mart}" for mart in MARTS}
    assert names >= {"retail_silver.sales", "retail_silver.products"}
    assert "retail_silver.clean_vendor_sales" in names


def test_a_review_that_nobody_answers_publishes_nothing(dag: Any) -> None:
    review = dag.get_task("review")
    assert review.defaults == ["Reject"]
    assert review.response_timeout < dag.dagrun_timeout
    assert not review.fail_on_reject


def test_never_uses_ds(dag: Any) -> None:
    assert "ds" not in (DAGS / "retail_sales_daily.py").read_text().replace('"', " ").split()
    for task in dag.tasks:
        for field in task.template_fields:
            assert "{{ ds" not in str(getattr(task, field))


def test_survives_serialisation(dag: Any) -> None:
    stored = DagSerialization.to_dict(dag)
    assert {task["__var"]["task_id"] for task in stored["dag"]["tasks"]} == TASKS
    assert DagSerialization.to_dict(dag) == stored, "a second parse would be another version"
    assert " object at 0x" not in json.dumps(stored, default=str), "nor would another process"
    # the DAG processor hands it on as MessagePack, which takes no subclass of str
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(stored))["dag"]["dag_id"] == dag.dag_id


def test_is_short(dagbag: Any) -> None:
    for file in DAGS.glob("*.py"):
        assert len(file.read_text().splitlines()) <= 150, f"{file.name}: move logic out of the DAG"


@pytest.fixture(scope="session")
def mwaa(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder shaped as MWAA gets it: dags/ with include/ and sql/ inside, and plugins/."""
    home = tmp_path_factory.mktemp("mwaa")
    clean = shutil.ignore_patterns("__pycache__")
    shutil.copytree(DAGS, home / "dags", ignore=clean)
    shutil.copytree(ROOT / "plugins", home / "plugins", ignore=clean)
    for folder in ("include/lake", "include/contracts", "sql"):
        shutil.copytree(ROOT / folder, home / "dags" / folder, ignore=clean)
    (home / "dags/include/deployment.json").write_text(json.dumps(sample_deployment()))
    return home


def run(code: str, mwaa: Path, home: Path) -> None:
    """Run Python as a component of Airflow; the first argument is the folder."""
    paths = 'import sys; sys.path += [f"{sys.argv[1]}/plugins", f"{sys.argv[1]}/dags"]\n'
    done = subprocess.run(
        [sys.executable, "-c", paths + code, str(mwaa)],
        cwd=mwaa,
        env={**os.environ, "AIRFLOW_HOME": str(home), "PYTHONPATH": ""},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]


def test_parses_in_the_shape_of_mwaa_without_heavy_imports(mwaa: Path) -> None:
    code = """
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(dag_folder=f"{sys.argv[1]}/dags", include_examples=False)
assert not bag.import_errors, bag.import_errors
from pathlib import Path
names = {file.stem for file in Path(f"{sys.argv[1]}/dags").glob("*.py")}
assert set(bag.dags) == names >= {"retail_sales_daily"}, list(bag.dags)
heavy = {"pandas", "pyarrow", "pyspark", "duckdb", "psycopg2"} & set(sys.modules)
assert not heavy, heavy
"""
    run(code, mwaa, mwaa / "home")


def test_what_forks_tasks_on_the_laptop_has_imported_all_but_our_own_code(mwaa: Path) -> None:
    home = mwaa / "laptop"
    shutil.copytree(ROOT / "include/laptop/airflow_config", home / "config")
    code = """
import airflow.dag_processing.dagbag
from airflow import settings
settings.initialize()
before = set(sys.modules)
bag = airflow.dag_processing.dagbag.DagBag(dag_folder=f"{sys.argv[1]}/dags", include_examples=False)
assert not bag.import_errors, bag.import_errors
assert bag.dags
new = {name for name in sys.modules if name.startswith(("airflow.providers.", "boto"))} - before
assert not new, new
"""
    run(code, mwaa, home)
