"""One stack without Airflow for the session, and a worker that runs our tasks against it."""

import shutil
from collections.abc import Iterator

import pytest

from include.lake import deployment, layout
from include.lake.contracts import load_lake
from include.laptop import stack
from include.laptop.stack import Laptop
from include.local_aws import supervisor
from include.local_aws.stack import FAULTS
from retail_lake.hooks.catalog import CatalogHook
from tests.integration.crash.publications import Publications
from tests.integration.crash.reader import Reader
from tests.integration.crash.tasks import ROOT, Worker

GLUE_PYTHON = ROOT / ".venv-glue" / "bin" / "python"


@pytest.fixture(scope="session")
def laptop(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Laptop]:
    """Embedded AWS with the deployed data plane; the environment points at it."""
    folder = tmp_path_factory.mktemp("crash")
    command = (str(GLUE_PYTHON), "-m", "tests.integration.crash.services", str(folder))
    try:
        supervisor.start_detached(folder, command, {FAULTS: "1"}, seconds=180)
        found = stack.at(folder)
        with pytest.MonkeyPatch.context() as patch:
            for name, value in found.aws.exports().items():
                patch.setenv(name, value)
            patch.setenv("AIRFLOW_CONN_AWS_DEFAULT", "aws://")
            yield found
    finally:
        supervisor.stop(folder)
        moved = folder / "aws" / "database" / "moved-to"  # root's PostgreSQL lives elsewhere
        if moved.exists():
            shutil.rmtree(moved.read_text().strip(), ignore_errors=True)


@pytest.fixture(scope="module", autouse=True)
def nothing_published(laptop: Laptop) -> None:
    """Each module begins with the pointer as it is after a deployment."""
    deployed = deployment.load(laptop.deployment)
    table = CatalogHook().table(load_lake().ops_database, "published")
    empty = layout.uri(deployed.lake_bucket, layout.EMPTY_POINTER_PREFIX)
    CatalogHook().move(table, empty, {"release": ""})


@pytest.fixture(scope="session")
def worker(laptop: Laptop, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Worker]:
    """Runs tasks of the DAGs."""
    made = Worker(laptop.deployment, tmp_path_factory.mktemp("runs"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def publications(laptop: Laptop, worker: Worker) -> Publications:
    """Builds small releases."""
    return Publications(deployment.load(laptop.deployment), worker)


@pytest.fixture(scope="module")
def reader(laptop: Laptop) -> Reader:
    """An analyst."""
    return Reader(laptop.outputs()["AnalystsWorkgroup"])
