"""Checks a built bundle against MWAA's own package lists, offline, before MWAA gets it.

    python -m include.infrastructure.preflight --bundle build

MWAA only logs a failed `pip install` and starts anyway, so a bad pin would show up as missing
modules at run time. The lists in `mwaa/` come from AWS's public image repository.
"""

import argparse
import ast
import io
import re
import subprocess
import sys
import zipfile
from collections.abc import Iterable, Iterator
from pathlib import Path

LISTS = Path(__file__).with_name("mwaa")
AIRFLOW = "3.2.1"
PYTHON = "3.12"
CONSTRAINTS_URL = (
    "https://raw.githubusercontent.com/apache/airflow/"
    f"constraints-{AIRFLOW}/constraints-{PYTHON}.txt"
)
# distributions whose import name differs from their own
DISTRIBUTION_OF = {"yaml": "pyyaml", "psycopg2": "psycopg2-binary", "dateutil": "python-dateutil"}
# what Airflow's constraints do not name, and why it is safe beside it
UNCONSTRAINED = {
    "narwhals": "plotly's; pure Python without requirements",
    "plotly": "pure Python that requires narwhals and packaging, which the image has",
}
LARGEST_PLUGINS = 1 << 20
LARGEST_BUNDLE = 8 << 20


def problems(bundle: Path) -> Iterator[str]:
    """Everything that would go wrong on MWAA, one line each; nothing if all is well.

    Args:
        bundle: the output folder of the bundle command.
    """
    mwaa = bundle / "mwaa"
    missing = [
        part
        for part in ("dags", "plugins.zip", "requirements.txt", "startup.sh")
        if not (mwaa / part).exists()
    ]
    if missing:
        yield f"{mwaa} lacks {', '.join(missing)}: build it with `make bundle`."
        return
    requirements = (mwaa / "requirements.txt").read_text()
    yield from requirement_problems(requirements)
    installed = {*pins("image-packages"), *pins_in(requirements)}
    yield from import_problems(_sources(mwaa), installed)
    yield from startup_problems(mwaa / "startup.sh")
    yield from size_problems(bundle)


def requirement_problems(requirements: str) -> Iterator[str]:
    """Pins that MWAA's constraints, essential pins or image packages contradict."""
    lines = [line.strip() for line in requirements.splitlines()]
    if f'--constraint "{CONSTRAINTS_URL}"' not in lines:
        yield f'requirements.txt needs the line --constraint "{CONSTRAINTS_URL}".'
    wanted = pins_in(requirements)
    for line in lines:
        loose = line and not line.startswith(("#", "--constraint "))
        if loose and not re.match(r"[A-Za-z0-9._-]+(\[[^]]*\])?==[^\s*]+$", line):
            yield f"requirements.txt: {line!r} must be an exact pin, NAME==VERSION."
    constraints = pins("constraints")
    for name, version in wanted.items():
        if name not in constraints and name not in UNCONSTRAINED:
            yield (
                f"requirements.txt: {name} is not in constraints-{AIRFLOW}.txt, so nothing says "
                "that it works beside this Airflow."
            )
        for source in ("constraints", "essential", "image-packages"):
            pinned = pins(source).get(name, version)
            if pinned != version:
                yield f"requirements.txt: {name}=={version}, but {source} says {pinned}."


def import_problems(sources: Iterable[tuple[str, str]], installed: set[str]) -> Iterator[str]:
    """Imports of a module that neither the image nor requirements.txt brings.

    Args:
        sources: path and text of each shipped module.
        installed: normalised names of the distributions on a worker.
    """
    modules = dict(sources)
    own = {path.split("/")[0].removesuffix(".py") for path in modules}
    for path, text in modules.items():
        for name in _imported(ast.parse(text, path)):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top in own:
                continue
            if _distribution(name) not in installed:
                yield (
                    f"{path} imports {name}, which MWAA {AIRFLOW} does not have: add "
                    f"{_distribution(name)} to requirements.txt."
                )


def startup_problems(script: Path) -> Iterator[str]:
    """Syntax errors of the startup script."""
    checked = subprocess.run(["bash", "-n", str(script)], capture_output=True, text=True)
    if checked.returncode:
        yield f"startup.sh: {checked.stderr.strip()}"


def size_problems(bundle: Path) -> Iterator[str]:
    """Parts that are larger than anything of ours should be."""
    plugins = (bundle / "mwaa" / "plugins.zip").stat().st_size
    if plugins > LARGEST_PLUGINS:
        yield f"plugins.zip has {plugins:,} bytes, more than {LARGEST_PLUGINS:,}."
    total = sum(path.stat().st_size for path in bundle.rglob("*") if path.is_file())
    if total > LARGEST_BUNDLE:
        yield f"the bundle has {total:,} bytes, more than {LARGEST_BUNDLE:,}: what is in it?"


def pins(source: str, version: str = AIRFLOW) -> dict[str, str]:
    """A list of `mwaa/` as {normalised name: version}; source: its file name without version."""
    return pins_in((LISTS / f"{source}-{version}.txt").read_text())


def pins_in(text: str) -> dict[str, str]:
    """The exact pins of a requirements text as {normalised name: version}."""
    found = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==(\S+)", text, re.MULTILINE)
    return {_normalised(name): version for name, version in found}


def _normalised(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module


def _distribution(module: str) -> str:
    """Name of the distribution that brings a module."""
    if module.startswith("airflow.providers."):
        provider = module.split(".")[2:4]
        namespaced = provider[0] in ("common", "apache", "microsoft", "dbt")
        return "apache-airflow-providers-" + "-".join(provider if namespaced else provider[:1])
    top = module.split(".")[0]
    if top == "airflow":
        return "apache-airflow"
    return DISTRIBUTION_OF.get(top, _normalised(top))


def _sources(mwaa: Path) -> Iterator[tuple[str, str]]:
    """Path and text of every module of the bundle, as the path is on a worker's sys.path."""
    for path in sorted((mwaa / "dags").rglob("*.py")):
        yield path.relative_to(mwaa / "dags").as_posix(), path.read_text()
    with zipfile.ZipFile(io.BytesIO((mwaa / "plugins.zip").read_bytes())) as plugins:
        for name in plugins.namelist():
            if name.endswith(".py"):
                yield name, plugins.read(name).decode()


def main(arguments: Iterable[str] | None = None) -> int:
    """Prints the problems; 1 if there are any."""
    parser = argparse.ArgumentParser(prog="preflight", description="Check a bundle for MWAA.")
    parser.add_argument("--bundle", type=Path, default=Path("build"), help="the built bundle")
    options = parser.parse_args(None if arguments is None else list(arguments))
    found = list(problems(options.bundle))
    for problem in found:
        print(f"preflight: {problem}", file=sys.stderr)
    if not found:
        print(f"preflight: {options.bundle} fits MWAA's Airflow {AIRFLOW} on Python {PYTHON}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
