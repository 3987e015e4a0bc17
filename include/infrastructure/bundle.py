"""Builds what is shipped: the MWAA bucket's content and the Glue job's.

    python -m include.infrastructure.bundle --out build [--deployment FILE]

MWAA: `mwaa/dags/` (with `include/{lake,contracts,deployment.json}` and `sql/` inside, because
nothing else of the project reaches a worker), `mwaa/plugins.zip`, `mwaa/requirements.txt`,
`mwaa/startup.sh`. Glue: `glue/jobs/bronze_to_silver.py`, `glue/jobs/extract_table.py` and their
modules, `glue/jobs/retail_lake.zip`.
The same sources give the same bytes, on any machine and at any time.
"""

import argparse
import hashlib
import io
import sys
import zipfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

ROOT = Path(__file__).parents[2]
DEPLOYMENT = ROOT / "include" / "deployment.json"
ENTRY_SCRIPTS = ("bronze_to_silver.py", "extract_table.py")
ZIP_EPOCH = (1980, 1, 1, 0, 0, 0)

Files = dict[str, bytes]


class BundleError(Exception):
    """Something that must be shipped is missing; the message names it and the fix."""


@dataclass(frozen=True)
class Shipped:
    """A file of the bundle: path below the output folder, size in bytes, SHA-256 in hex."""

    path: str
    size: int
    sha256: str


def mwaa_files(root: Path, deployment: Path) -> Files:
    """Content of the MWAA bucket, path to bytes.

    Args:
        root: the project.
        deployment: `deployment.json` of the environment that the bundle is for.

    Raises:
        BundleError: a part is missing.
    """
    if not deployment.is_file():
        raise BundleError(
            f"{deployment} is missing: it carries the names of the deployed environment. "
            "Deploy first (python -m include.infrastructure.deploy --help), or name another file "
            "with --deployment."
        )
    dags = {
        **_tree(root / "dags"),
        **_placed("include/lake", _tree(root / "include" / "lake")),
        **_placed("include/contracts", _tree(root / "include" / "contracts")),
        "include/deployment.json": deployment.read_bytes(),
        **_placed("sql", _tree(root / "sql")),
    }
    if ".airflowignore" not in dags:
        raise BundleError(
            "dags/.airflowignore is missing: without the lines include/ and sql/ in it, Airflow "
            "would parse the modules that travel beside the DAGs."
        )
    return {
        **_placed("dags", dags),
        "plugins.zip": zipped(_tree(root / "plugins")),
        "requirements.txt": _read(root / "requirements.txt"),
        "startup.sh": _read(root / "include" / "infrastructure" / "startup.sh"),
    }


def glue_files(root: Path) -> Files:
    """Content of the Glue jobs' bucket, path to bytes: entry scripts and their modules' zip."""
    jobs = _tree(root / "glue_jobs")
    for name in ENTRY_SCRIPTS:
        if name not in jobs:
            raise BundleError(f"glue_jobs/{name} is missing: a job's ScriptLocation.")
    scripts = {f"jobs/{name}": jobs.pop(name) for name in ENTRY_SCRIPTS}
    modules = {
        **jobs,
        **_placed("retail_extract", _tree(root / "plugins" / "retail_extract")),
        **_placed("include/lake", _tree(root / "include" / "lake")),
        **_placed("include/contracts", _tree(root / "include" / "contracts")),
    }
    return {**scripts, "jobs/retail_lake.zip": zipped(modules)}


def zipped(files: Mapping[str, bytes]) -> bytes:
    """A zip with the same bytes for the same files.

    Stored, not deflated: compressed bytes differ between zlib builds. Folders have entries of
    their own: Python's zip importer finds a package without `__init__.py` only through one.
    """
    folders = {
        f"{parent}/" for path in files for parent in PurePosixPath(path).parents if parent.name
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for name in sorted([*folders, *files]):
            entry = zipfile.ZipInfo(name, ZIP_EPOCH)
            entry.create_system = 3
            mode = 0o40755 if name.endswith("/") else 0o100644
            entry.external_attr = mode << 16 | (0x10 if name.endswith("/") else 0)
            archive.writestr(entry, files.get(name, b""))
    return buffer.getvalue()


def build(root: Path, out: Path, deployment: Path) -> list[Shipped]:
    """Makes `out` hold exactly the bundle; files that did not change are not touched.

    Args:
        root: the project.
        out: folder to fill, with `mwaa/` and `glue/` below it.
        deployment: `deployment.json` to ship.

    Returns:
        What the folder holds now, sorted by path.

    Raises:
        BundleError: a part is missing.
    """
    files = {
        **_placed("mwaa", mwaa_files(root, deployment)),
        **_placed("glue", glue_files(root)),
    }
    for shape in ("mwaa", "glue"):
        for stale in sorted((out / shape).rglob("*"), reverse=True):
            if stale.is_dir():
                if not any(stale.iterdir()):
                    stale.rmdir()
            elif stale.relative_to(out).as_posix() not in files:
                stale.unlink()
    for path, content in files.items():
        target = out / path
        if target.is_file() and target.read_bytes() == content:
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        fresh = target.with_name(f".{target.name}.new")
        fresh.write_bytes(content)
        if target.suffix == ".sh":
            fresh.chmod(0o755)
        fresh.replace(target)
    return listing(files)


def listing(files: Mapping[str, bytes]) -> list[Shipped]:
    """Sizes and hashes of the files, sorted by path."""
    return [
        Shipped(path, len(content), hashlib.sha256(content).hexdigest())
        for path, content in sorted(files.items())
    ]


def unpack(bundle: Path, airflow_home: Path) -> None:
    """Lays a built bundle out as MWAA does on its workers: `dags/` and `plugins/` in AIRFLOW_HOME.

    Args:
        bundle: the `mwaa` folder of a build.
        airflow_home: folder to fill.
    """
    dags = _tree(bundle / "dags")
    for path, content in dags.items():
        target = airflow_home / "dags" / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    with zipfile.ZipFile(bundle / "plugins.zip") as archive:
        archive.extractall(airflow_home / "plugins")


def _tree(folder: Path) -> Files:
    """Files below a folder; never caches, nor hidden files except `.airflowignore`."""
    files = {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and _ships(path.relative_to(folder).parts)
    }
    if not files:
        raise BundleError(f"{folder} is missing or empty: nothing to ship from it.")
    return files


def _ships(parts: Sequence[str]) -> bool:
    if parts[-1] == ".airflowignore":
        return True
    return not any(part.startswith(".") or part == "__pycache__" for part in parts)


def _placed(folder: str, files: Mapping[str, bytes]) -> Files:
    return {f"{folder}/{path}": content for path, content in files.items()}


def _read(path: Path) -> bytes:
    if not path.is_file():
        raise BundleError(f"{path} is missing: it is a part of the bundle.")
    return path.read_bytes()


def main(arguments: Iterable[str] | None = None) -> int:
    """Builds the bundle and lists what it ships."""
    parser = argparse.ArgumentParser(prog="bundle", description="Build what MWAA and Glue get.")
    parser.add_argument("--out", type=Path, default=ROOT / "build", help="folder to fill")
    parser.add_argument(
        "--deployment", type=Path, default=DEPLOYMENT, help="deployment.json of the environment"
    )
    options = parser.parse_args(None if arguments is None else list(arguments))
    try:
        shipped = build(ROOT, options.out, options.deployment)
    except BundleError as error:
        print(f"bundle: {error}", file=sys.stderr)
        return 1
    for file in shipped:
        print(f"{file.sha256[:16]}  {file.size:>9,}  {file.path}")
    print(f"{len(shipped)} files, {sum(file.size for file in shipped):,} bytes in {options.out}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
