"""Finds the files shipped beside the code, also when the code runs from inside a zip.

``include/`` and ``sql/`` are siblings in the repository, in MWAA's ``dags/`` folder and in the
Glue job's zip, so one rule finds both everywhere. A zip must hold a directory entry for each
folder (``include/``, ``include/lake/``, …): Python 3.11 finds packages in a zip only by them.
"""

import zipfile
from importlib.resources.abc import Traversable
from pathlib import Path


def shipped(*parts: str) -> Traversable:
    """A file or folder of the shipped shape, e.g. ``shipped("include", "contracts")``."""
    root = Path(__file__).parents[2]
    base: Traversable = root if root.is_dir() else zipfile.Path(root)
    return base.joinpath(*parts) if isinstance(base, Path) else _inside(base, parts)


def _inside(base: Traversable, parts: tuple[str, ...]) -> Traversable:
    for part in parts:
        base = base / part
    return base
