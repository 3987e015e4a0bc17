"""Preflight finds what MWAA would only log."""

import zipfile
from pathlib import Path

import pytest

from include.infrastructure import preflight

GOOD = f'--constraint "{preflight.CONSTRAINTS_URL}"\npyarrow==23.0.1\n'
ROOT = Path(__file__).parents[3]


@pytest.fixture
def mwaa(tmp_path: Path) -> Path:
    folder = tmp_path / "mwaa"
    (folder / "dags" / "include").mkdir(parents=True)
    (folder / "dags" / "daily.py").write_text(
        "import json\nimport yaml\nfrom airflow.sdk import dag\nfrom include import lake\n"
        "import shop.run\nfrom airflow.providers.common.sql.hooks import sql\n"
    )
    (folder / "dags" / "include" / "lake.py").write_text("")
    with zipfile.ZipFile(folder / "plugins.zip", "w") as plugins:
        plugins.writestr("shop/run.py", "import boto3, pyarrow\nfrom psycopg2 import sql\n")
    (folder / "requirements.txt").write_text(GOOD)
    (folder / "startup.sh").write_text("echo fine\n")
    return folder


def found(mwaa: Path) -> list[str]:
    return list(preflight.problems(mwaa.parent))


def test_nothing_to_find(mwaa: Path) -> None:
    assert found(mwaa) == []


def test_our_requirements(mwaa: Path) -> None:
    text = (ROOT / "requirements.txt").read_text()
    assert list(preflight.requirement_problems(text)) == []


@pytest.mark.parametrize(
    ("requirements", "problem"),
    [
        ("pyarrow==23.0.1\n", "needs the line --constraint"),
        (GOOD.replace("3.2.1", "3.1.0"), "needs the line --constraint"),
        (GOOD + "requests>=2\n", "'requests>=2' must be an exact pin"),
        (GOOD + "Flask==3.0.0\n", "flask==3.0.0, but essential says 3.1.3"),
        (GOOD.replace("23.0.1", "22.0.0"), "pyarrow==22.0.0, but constraints says 23.0.1"),
        (GOOD + "duckdb-nonsense==1\n", "duckdb-nonsense is not in constraints-3.2.1.txt"),
        (GOOD + "boto3==1.0\n", "boto3==1.0, but image-packages says 1.42.84"),
    ],
)
def test_requirements_that_mwaa_would_not_install(
    mwaa: Path, requirements: str, problem: str
) -> None:
    (mwaa / "requirements.txt").write_text(requirements)
    assert [line for line in found(mwaa) if problem in line]


def test_imports_that_no_package_brings(mwaa: Path) -> None:
    (mwaa / "dags" / "daily.py").write_text(
        "def later():\n    import pandas\n    from airflow.providers.mysql.hooks import mysql\n"
    )
    assert found(mwaa) == [
        "daily.py imports pandas, which MWAA 3.2.1 does not have: add pandas to requirements.txt.",
        "daily.py imports airflow.providers.mysql.hooks, which MWAA 3.2.1 does not have: add "
        "apache-airflow-providers-mysql to requirements.txt.",
    ]


def test_startup_script_with_a_syntax_error(mwaa: Path) -> None:
    (mwaa / "startup.sh").write_text("if true; then\n")
    (problem,) = found(mwaa)
    assert problem.startswith("startup.sh: ")


def test_plugins_of_unlikely_size(mwaa: Path) -> None:
    with zipfile.ZipFile(mwaa / "plugins.zip", "a") as plugins:
        plugins.writestr("shop/data.bin", b"x" * (preflight.LARGEST_PLUGINS + 1))
    (problem,) = found(mwaa)
    assert problem.startswith("plugins.zip has 1,04")


def test_a_part_that_is_missing(mwaa: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (mwaa / "plugins.zip").unlink()
    assert preflight.main(["--bundle", str(mwaa.parent)]) == 1
    assert "lacks plugins.zip: build it with `make bundle`" in capsys.readouterr().err
