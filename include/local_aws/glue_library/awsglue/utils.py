"""Arguments of a job, as `getResolvedOptions` gives them (the name of the module is AWS's)."""

import argparse
from collections.abc import Sequence
from typing import Any, NoReturn

BOOKMARK_OPTIONS = ("job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable")
OLD_OPTIONS = ("continuation-enabled", "continuation-readonly", "continuation-ignore")
RANGE = ("job-bookmark-from", "job-bookmark-to")
IDENTITY = ("JOB_ID", "JOB_RUN_ID", "SECURITY_CONFIGURATION")
RESERVED = ("job-bookmark-option", "continuation-option", *RANGE, *IDENTITY, "encryption-type")
TEMPORARY = ("RedshiftTempDir", "TempDir")


class GlueArgumentError(Exception):
    """An argument is missing or has no value."""


class GlueArgumentParser(argparse.ArgumentParser):
    """Raises where argparse would end the process."""

    def error(self, message: str) -> NoReturn:
        """Raise what argparse found."""
        raise GlueArgumentError(message)


def getResolvedOptions(args: Sequence[str], options: Sequence[str]) -> dict[str, Any]:
    """Pick arguments out of `sys.argv`.

    Args:
        args: `sys.argv`, the script's name included. Arguments nobody asked for are skipped.
        options: Names without `--`. Each must be there, TempDir and RedshiftTempDir excepted.

    Returns:
        A value per name in `options` with `-` as `_`, and always those of Glue itself:
        job_bookmark_option, JOB_ID, JOB_RUN_ID, SECURITY_CONFIGURATION, TempDir, … (None if unset).

    Raises:
        GlueArgumentError: An argument is missing; in the words of argparse, as on AWS.
        RuntimeError: A name is reserved, or the range of a paused bookmark is incomplete.
    """
    for name in RESERVED:
        if name in options:
            shown = name if name in RESERVED[:2] else f"--{name}"
            raise RuntimeError(f"Using reserved arguments {shown}")
    parser = GlueArgumentParser()
    parser.add_argument("--job-bookmark-option", choices=BOOKMARK_OPTIONS)
    parser.add_argument("--continuation-option", choices=OLD_OPTIONS)
    for name in (*RANGE, *IDENTITY, *TEMPORARY):
        parser.add_argument(f"--{name}")
    parser.add_argument("--encryption-type", choices=("sse-s3",))
    for name in options:
        if name not in TEMPORARY:
            parser.add_argument(f"--{name}", required=True)
    found = vars(parser.parse_known_args(list(args[1:]))[0])
    found["RedshiftTempDir"] = found["TempDir"] = found["TempDir"] or found["RedshiftTempDir"]
    old = found.pop("continuation_option")
    if found["job_bookmark_option"] is None:
        number = OLD_OPTIONS.index(old) if old else 2
        found["job_bookmark_option"] = BOOKMARK_OPTIONS[number]
    _check_range(found)
    return found


def _check_range(found: dict[str, Any]) -> None:
    """Refuse half a range of a paused bookmark, and a whole one of a bookmark that is not."""
    missing = [f"--{name}" for name in RANGE if found[name.replace("-", "_")] is None]
    if found["job_bookmark_option"] == "job-bookmark-pause":
        if len(missing) == 1:
            raise RuntimeError(f"Missing option or value for {missing[0]}")
    elif not missing:
        raise RuntimeError(f"Invalid option(s) {' '.join(f'--{name}' for name in RANGE)}")
