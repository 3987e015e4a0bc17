"""Holds the files of bronze against the list that the release is built from."""

from collections.abc import Sequence

from retail_io import documents
from retail_io.csv_records import SourceError
from retail_io.inputs import BronzeFile


def require_as_listed(files: Sequence[BronzeFile], lake_root: str) -> None:
    """Refuses files that changed since they were listed: the result would not be of the list.

    Args:
        files: as ``inputs.json`` has them.
        lake_root: see ``Inputs.lake_root``.

    Raises:
        SourceError: a file has another size by now, or is gone; names it.
    """
    found = documents.sizes(lake_root, [file.key for file in files])
    changed = [
        f"{file.key} {'is gone' if size < 0 else f'has {size} bytes'}, had {file.size} when listed"
        for file, size in zip(files, found, strict=True)
        if size != file.size
    ]
    if changed:
        more = f"; and {len(changed) - 3} more" if len(changed) > 3 else ""
        raise SourceError(
            "; ".join(changed[:3]) + f"{more}. It came or went meanwhile: clear the run from "
            f"check_drift, so that it is listed anew"
        )
