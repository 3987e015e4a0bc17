"""The bundle, unpacked as MWAA unpacks it, imports with what MWAA's image has and nothing else."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from include.environments.__main__ import find_uv
from include.infrastructure import bundle, preflight

ROOT = Path(__file__).parents[2]
DEPLOYMENT = Path(__file__).with_name("deployment.json")
VERSIONS = ("3.2.1", "3.3.1")
# in the image's bill of materials, but not to be had as a wheel from the package index
NOT_A_WHEEL = {
    "psycopg2": "source only; psycopg2-binary, the same module, is in the image too",
    "pycurl": "needs libcurl's headers; only Celery's SQS transport imports it",
    "sagemaker-studio": "AWS's own, of SageMaker's notebooks",
}
IMPORT_DAGS = """
import json, sys
from airflow.dag_processing.dagbag import DagBag
bag = DagBag(sys.argv[1])
import include.lake, retail_lake
print(json.dumps({
    "dags": sorted(bag.dags),
    "errors": {str(file): str(error) for file, error in bag.import_errors.items()},
    "from": [include.lake.__file__, retail_lake.__file__],
}))
"""
IMPORT_PLUGINS = """
import importlib, json, pkgutil, retail_extract, retail_lake
names = [
    module.name
    for package in (retail_extract, retail_lake)
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
]
for name in names:
    importlib.import_module(name)
print(json.dumps(names))
"""


def installed_on_mwaa(version: str) -> list[str]:
    """Pins of the image, and of our requirements as that Airflow's constraints have them."""
    image = preflight.pins("image-packages", version)
    constraints = preflight.pins("constraints", version)
    ours = preflight.pins_in((ROOT / "requirements.txt").read_text())
    pins = {name: pin for name, pin in image.items() if name not in NOT_A_WHEEL}
    pins |= {name: constraints.get(name, pin) for name, pin in ours.items()}
    return sorted(f"{name}=={pin}" for name, pin in pins.items())


@pytest.fixture(scope="module", params=VERSIONS)
def mwaa_python(request: pytest.FixtureRequest) -> Path:
    """Interpreter with the image's packages and ours; made once per list of packages."""
    version: str = request.param
    folder = ROOT / f".venv-mwaa-{version}"
    python = folder / "bin" / "python"
    pins = installed_on_mwaa(version)
    wanted = hashlib.sha256("\n".join([sys.version, *pins]).encode()).hexdigest()
    stamp = folder / ".made-from"
    if stamp.is_file() and stamp.read_text() == wanted:
        return python
    uv = find_uv()
    base = Path(sys.base_prefix) / "bin" / f"python{sys.version_info[0]}.{sys.version_info[1]}"
    run([uv, "venv", "--quiet", "--clear", "--python", base, folder])
    command = [uv, "pip", "install", "--quiet", "--no-deps", "--only-binary", ":all:"]
    run([*command, "--python", python, *pins])
    stamp.write_text(wanted)
    return python


@pytest.fixture(scope="module")
def airflow_home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """AIRFLOW_HOME with the bundle's `dags/` and unpacked `plugins.zip`."""
    folder = tmp_path_factory.mktemp("mwaa")
    bundle.build(ROOT, folder / "build", DEPLOYMENT)
    home = folder / "airflow"
    bundle.unpack(folder / "build" / "mwaa", home)
    return home


def run(command: Sequence[str | Path], **environment: str) -> str:
    """Output of a command that must succeed, away from the project's own folder."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "AWS", "PYTHON"))}
    done = subprocess.run(command, capture_output=True, text=True, cwd="/", env=kept | environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def airflow_environment(home: Path, folders: Sequence[str]) -> dict[str, str]:
    return {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__DAGS_FOLDER": str(home / "dags"),
        "AIRFLOW__CORE__PLUGINS_FOLDER": str(home / "plugins"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{home / 'airflow.db'}",
        "PYTHONPATH": os.pathsep.join(str(home / folder) for folder in folders),
    }


def test_every_dag_imports(mwaa_python: Path, airflow_home: Path) -> None:
    environment = airflow_environment(airflow_home, ("plugins", "dags", "config"))
    command = [mwaa_python, "-P", "-c", IMPORT_DAGS, str(airflow_home / "dags")]
    found = json.loads(run(command, **environment).splitlines()[-1])
    assert not found["errors"], "\n".join(found["errors"].values())
    assert "retail_sales_daily" in found["dags"]
    assert found["dags"] == sorted(path.stem for path in (ROOT / "dags").glob("*.py"))
    assert all(Path(file).is_relative_to(airflow_home) for file in found["from"])


def test_plugins_import_without_the_dags_folder(mwaa_python: Path, airflow_home: Path) -> None:
    """The triggerer has no dags folder on its path."""
    environment = airflow_environment(airflow_home, ("plugins",))
    names = json.loads(
        run([mwaa_python, "-P", "-c", IMPORT_PLUGINS], **environment).splitlines()[-1]
    )
    assert any(name.startswith("retail_lake.triggers") for name in names)
    assert any(name.startswith("retail_lake.operators") for name in names)
    assert "retail_extract.table_to_parquet" in names


def test_preflight_passes(tmp_path: Path) -> None:
    bundle.build(ROOT, tmp_path, DEPLOYMENT)
    assert list(preflight.problems(tmp_path)) == []
