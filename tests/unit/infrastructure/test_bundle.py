"""The bundle: complete, the same bytes every time, and importable where it ends up."""

import hashlib
import json
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from include.infrastructure import bundle
from include.infrastructure.bundle import BundleError

ROOT = Path(__file__).parents[3]
DEPLOYMENT = ROOT / "tests" / "integration" / "deployment.json"
# as a Glue worker sees the zip: nothing of the project but the zip itself
IMPORT_FROM_ZIP = """
import importlib, json, sys
sys.path.insert(0, sys.argv[1])
from include.lake.contracts import load_lake
modules = [importlib.import_module(name) for name in sys.argv[2:]]
print(json.dumps({
    "datasets": [contract.dataset for contract in load_lake().contracts],
    "files": [module.__file__ for module in modules],
}))
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A small project with every part that is shipped, and things that must stay at home."""
    root = tmp_path / "project"
    for path, text in {
        "dags/.airflowignore": "include/\nsql/\n",
        "dags/daily.py": "DAG = 1\n",
        "dags/__pycache__/daily.cpython-312.pyc": "no",
        "plugins/shop/__init__.py": "",
        "plugins/shop/operators/run.py": "RUN = 1\n",
        "plugins/retail_extract/table.py": "TABLE = 1\n",
        "plugins/.DS_Store": "no",
        "include/lake/__init__.py": "",
        "include/contracts/orders.yaml": "orders: 1\n",
        "include/local_aws/front.py": "no",
        "include/deployment.json": '{"stack": "s"}',
        "include/infrastructure/startup.sh": "echo\n",
        "sql/gold/mart.sql": "SELECT 1\n",
        "glue_jobs/bronze_to_silver.py": "JOB = 1\n",
        "glue_jobs/extract_table.py": "JOB = 2\n",
        "glue_jobs/transforms/clean.py": "CLEAN = 1\n",
        "requirements.txt": "a==1\n",
    }.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def built(project: Path, out: Path) -> dict[str, str]:
    """Path below the output folder to SHA-256, as found on disk."""
    shipped = bundle.build(project, out, project / "include" / "deployment.json")
    on_disk = {
        path.relative_to(out).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in out.rglob("*")
        if path.is_file()
    }
    assert on_disk == {file.path: file.sha256 for file in shipped}
    return on_disk


def test_both_shapes(project: Path, tmp_path: Path) -> None:
    files = built(project, tmp_path / "out")
    assert set(files) == {
        "mwaa/dags/.airflowignore",
        "mwaa/dags/daily.py",
        "mwaa/dags/include/contracts/orders.yaml",
        "mwaa/dags/include/deployment.json",
        "mwaa/dags/include/lake/__init__.py",
        "mwaa/dags/sql/gold/mart.sql",
        "mwaa/plugins.zip",
        "mwaa/requirements.txt",
        "mwaa/startup.sh",
        "glue/jobs/bronze_to_silver.py",
        "glue/jobs/extract_table.py",
        "glue/jobs/retail_lake.zip",
    }
    with zipfile.ZipFile(tmp_path / "out/mwaa/plugins.zip") as plugins:
        assert [name for name in plugins.namelist() if not name.endswith("/")] == [
            "retail_extract/table.py",
            "shop/__init__.py",
            "shop/operators/run.py",
        ]
    with zipfile.ZipFile(tmp_path / "out/glue/jobs/retail_lake.zip") as modules:
        assert [name for name in modules.namelist() if not name.endswith("/")] == [
            "include/contracts/orders.yaml",
            "include/lake/__init__.py",
            "retail_extract/table.py",
            "transforms/clean.py",
        ]


def test_same_sources_give_the_same_bytes(project: Path, tmp_path: Path) -> None:
    first = built(project, tmp_path / "one")
    for path in project.rglob("*.py"):
        path.touch()
        path.chmod(0o600)
    assert built(project, tmp_path / "two") == first


def test_building_again_follows_the_sources(project: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    built(project, out)
    untouched = (out / "mwaa/dags/daily.py").stat().st_mtime_ns
    (project / "dags/weekly.py").write_text("DAG = 2\n")
    shutil.rmtree(project / "glue_jobs/transforms")
    (project / "sql/gold/mart.sql").rename(project / "sql/other.sql")
    files = built(project, out)
    assert "mwaa/dags/weekly.py" in files
    assert "mwaa/dags/sql/other.sql" in files
    assert not (out / "mwaa/dags/sql/gold").exists()
    assert (out / "mwaa/dags/daily.py").stat().st_mtime_ns == untouched
    with zipfile.ZipFile(out / "glue/jobs/retail_lake.zip") as modules:
        assert "transforms/clean.py" not in modules.namelist()


@pytest.mark.parametrize(
    "missing",
    [
        "dags/.airflowignore",
        "include/deployment.json",
        "include/infrastructure/startup.sh",
        "requirements.txt",
        "glue_jobs/bronze_to_silver.py",
        "glue_jobs/extract_table.py",
        "sql/gold/mart.sql",
    ],
)
def test_a_missing_part_is_named(project: Path, tmp_path: Path, missing: str) -> None:
    (project / missing).unlink()
    part = missing.rsplit("/gold", 1)[0]
    with pytest.raises(BundleError, match=part.replace(".", r"\.")):
        built(project, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_unpacked_as_on_a_worker(project: Path, tmp_path: Path) -> None:
    built(project, tmp_path / "out")
    bundle.unpack(tmp_path / "out" / "mwaa", tmp_path / "home")
    assert (tmp_path / "home/dags/include/lake/__init__.py").is_file()
    assert (tmp_path / "home/plugins/shop/operators/run.py").read_text() == "RUN = 1\n"


def test_the_job_s_modules_and_contracts_work_from_inside_the_zip(tmp_path: Path) -> None:
    archive = tmp_path / "retail_lake.zip"
    archive.write_bytes(bundle.glue_files(ROOT)["jobs/retail_lake.zip"])
    packages = sorted(path.parent.name for path in (ROOT / "glue_jobs").glob("*/__init__.py"))
    assert "retail_transforms" in packages
    done = subprocess.run(
        [sys.executable, "-I", "-c", IMPORT_FROM_ZIP, str(archive), *packages],
        capture_output=True,
        text=True,
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert all(file.startswith(str(archive)) for file in found["files"])
    contracts = {path.stem for path in (ROOT / "include/contracts").glob("*.yaml")} - {"lake"}
    assert set(found["datasets"]) == contracts


def test_the_command_lists_what_it_shipped(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "include.infrastructure.bundle",
            f"--out={tmp_path}",
            f"--deployment={DEPLOYMENT}",
        ],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    entry = next(line for line in lines if line.endswith("glue/jobs/bronze_to_silver.py"))
    script = (tmp_path / "glue/jobs/bronze_to_silver.py").read_bytes()
    assert entry.split()[:2] == [hashlib.sha256(script).hexdigest()[:16], f"{len(script):,}"]
