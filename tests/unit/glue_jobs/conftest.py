"""A Spark session as the job opens it, on a machine whose own zone must not matter."""

import os
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake, load_lake
from retail_io.session import open_session
from tests.unit.glue_jobs.lake_folder import LakeFolder

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkSession]:
    zone, os.environ["TZ"] = os.environ.get("TZ"), "Pacific/Auckland"
    time.tzset()
    # What --extra-py-files does on Glue: the workers can import what the job imports.
    os.environ["PYSPARK_PYTHON"] = sys.executable
    os.environ["PYTHONPATH"] = os.pathsep.join((str(ROOT), str(ROOT / "glue_jobs")))
    scratch = tmp_path_factory.mktemp("spark")
    # Small machine, small data: what the job's own settings leave open.
    settings = {
        "spark.master": "local[2]",
        "spark.ui.enabled": "false",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.memory": "1g",
        "spark.driver.extraJavaOptions": "-Duser.timezone=Pacific/Auckland -XX:TieredStopAtLevel=1",
        "spark.local.dir": str(scratch),
        "spark.sql.warehouse.dir": str(scratch / "warehouse"),
    }
    builder = SparkSession.builder
    for name, value in settings.items():
        builder = builder.config(name, value)
    builder.getOrCreate()
    session = open_session()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()
    if zone is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = zone
    time.tzset()


@pytest.fixture(scope="session")
def lake() -> Lake:
    return load_lake()


@pytest.fixture
def lake_folder(tmp_path: Path) -> LakeFolder:
    return LakeFolder(tmp_path / "lake")
