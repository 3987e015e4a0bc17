"""The DAGs as Airflow parses them: from the folder, with a sample deployment and no network."""

import json
import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

# Airflow reads these when it is first imported.
os.environ.setdefault("AIRFLOW_HOME", f"{tempfile.gettempdir()}/retail-lake-tests-{os.getpid()}")
os.environ.setdefault("AIRFLOW__CORE__LOAD_EXAMPLES", "False")
os.environ.setdefault("AIRFLOW_CONN_AWS_DEFAULT", "aws://")

import pytest
from airflow.dag_processing.dagbag import DagBag

from include.lake import deployment

DAGS = Path(__file__).parents[3] / "dags"


def pytest_unconfigure() -> None:
    """Remove the AIRFLOW_HOME that only these tests had."""
    if os.environ["AIRFLOW_HOME"].endswith(f"/retail-lake-tests-{os.getpid()}"):
        shutil.rmtree(os.environ["AIRFLOW_HOME"], ignore_errors=True)


def sample_deployment() -> dict[str, Any]:
    """A deployment.json with a recognisable name for every resource."""
    names = [field.name for field in fields(deployment.Deployment)]
    outputs = {
        "".join(part.capitalize() for part in name.split("_")): f"the-{name.replace('_', '-')}"
        for name in names
        if name not in ("stack", "region")
    }
    return {"stack": "retail-lake-test", "region": "us-east-1", "outputs": outputs}


@pytest.fixture(scope="session")
def deployed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sample deployment, in place of the one that a deployment writes."""
    file = tmp_path_factory.mktemp("deployment") / "deployment.json"
    file.write_text(json.dumps(sample_deployment()))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(deployment, "shipped", lambda *parts: file)
        yield file


@pytest.fixture(scope="session")
def dagbag(deployed: Path) -> DagBag:
    """Every DAG of the folder, parsed with sockets blocked."""

    def refuse(*arguments: Any) -> None:
        raise AssertionError(f"a DAG opened a connection while it was parsed: {arguments}")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", refuse)
        patch.setattr(socket, "getaddrinfo", refuse)
        return DagBag(dag_folder=str(DAGS), include_examples=False)


@pytest.fixture(scope="session")
def dag(dagbag: DagBag) -> Any:
    """The daily DAG."""
    return dagbag.dags["retail_sales_daily"]
