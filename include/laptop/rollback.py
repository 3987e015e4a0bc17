"""Shows readers an earlier published state again, or a later one, from the command line.

    make rollback ARGS="--list"          on the laptop; also --to 17, --to previous
    python -m include.laptop.rollback …  in whatever AWS account the environment's variables name

It does what the DAG `retail_rollback` does, and works when Airflow does not.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from include.lake import history, layout
from include.lake.contracts import Lake, load_lake
from include.lake.history import Version
from include.lake.releases import Pointer, PointerError, parse_pointer
from include.lake.views import HISTORY

POINTER = "published"
CHUNK, CREATED = 1000, 100  # limits of BatchGetPartition and BatchCreatePartition
RETRIES = Config(retries={"mode": "adaptive", "max_attempts": 6})


class RollbackError(Exception):
    """Why nothing was changed, and what to do."""


class States:
    """The states of the pointer in an account.

    Args:
        lake: for the names of its databases.
    """

    def __init__(self, lake: Lake) -> None:
        self._lake = lake
        self._databases = (lake.silver_database, lake.gold_database, lake.ops_database)
        self._glue = boto3.client("glue", config=RETRIES)
        self._s3 = boto3.client("s3", config=RETRIES)

    def versions(self) -> list[Version]:
        """Every version, oldest first, the last being the current one."""
        current = self._table()
        found = {int(current["VersionId"]): current}
        pages = self._glue.get_paginator("get_table_versions").paginate(
            DatabaseName=self._lake.ops_database, TableName=POINTER
        )
        for page in pages:
            for item in page["TableVersions"]:
                found[int(item["VersionId"])] = item["Table"]
        return [_version(number, found[number]) for number in sorted(found)]

    def state(self, location: str) -> Pointer | None:
        """The state of a pointer's folder; None if its file is gone."""
        parts = urlsplit(location)
        key = parts.path.lstrip("/") + layout.POINTER_FILE
        try:
            body = self._s3.get_object(Bucket=parts.netloc, Key=key)["Body"].read()
        except self._s3.exceptions.NoSuchKey:
            return None
        return parse_pointer(body.decode())

    def show(self, wanted: str) -> tuple[Version, Version, float]:
        """Shows readers a version.

        Args:
            wanted: its number; empty for the state before the current one.

        Returns:
            The version before, the one shown now, and the seconds that it took.

        Raises:
            RollbackError: it cannot be shown, or somebody published meanwhile; nothing changed.
        """
        started = time.monotonic()
        versions = self.versions()
        current = versions[-1]
        try:
            target = history.choose(versions, wanted)
        except history.UnknownVersionError as error:
            raise RollbackError(str(error)) from error
        state = self.state(target.location)
        if state is None:
            raise RollbackError(
                f"version {target.number} cannot be shown: its file in {target.location} is gone; "
                "choose another one (--list)"
            )
        if gone := list(self._gone(state)):
            raise RollbackError(
                f"version {target.number} cannot be shown: {len(gone)} of its partitions are gone "
                f"from the catalog, such as {gone[0]}; choose a later one (--list)"
            )
        if target.location != current.location:
            self._move(target, current)
        self._record()
        return current, target, time.monotonic() - started

    def _table(self) -> dict[str, Any]:
        database = self._lake.ops_database
        try:
            table: dict[str, Any] = self._glue.get_table(DatabaseName=database, Name=POINTER)
        except self._glue.exceptions.EntityNotFoundException as error:
            raise RollbackError(
                f"there is no table {database}.{POINTER} in this account and region; deploy first, "
                "or set AWS_PROFILE and AWS_REGION"
            ) from error
        return dict(table["Table"])

    def _gone(self, state: Pointer) -> Iterable[str]:
        """What the state names and the catalog lacks, as table/values."""
        databases = {
            table["Name"]: database
            for database in self._databases
            for page in self._glue.get_paginator("get_tables").paginate(DatabaseName=database)
            for table in page["TableList"]
        }
        for name, named in history.partitions(state).items():
            there = self._existing(databases[name], name, named) if name in databases else set()
            yield from ("/".join((name, *values)) for values in named if values not in there)

    def _existing(
        self, database: str, table: str, named: Sequence[tuple[str, ...]]
    ) -> set[tuple[str, ...]]:
        found: set[tuple[str, ...]] = set()
        for start in range(0, len(named), CHUNK):
            wanted = [{"Values": list(values)} for values in named[start : start + CHUNK]]
            while wanted:
                answer = self._glue.batch_get_partition(
                    DatabaseName=database, TableName=table, PartitionsToGet=wanted
                )
                found |= {tuple(partition["Values"]) for partition in answer["Partitions"]}
                wanted = answer.get("UnprocessedKeys") or []
        return found

    def _move(self, target: Version, current: Version) -> None:
        """One UpdateTable, refused if the pointer was moved since `current` was read."""
        table = self._table()
        accepted = self._glue.meta.service_model.shape_for("TableInput").members
        changed = {name: value for name, value in table.items() if name in accepted}
        changed["StorageDescriptor"]["Location"] = target.location
        changed["Parameters"] = {**table.get("Parameters", {}), **target.parameters}
        try:
            self._glue.update_table(
                DatabaseName=self._lake.ops_database,
                TableInput=changed,
                VersionId=str(current.number),
            )
        except self._glue.exceptions.ConcurrentModificationException as error:
            raise RollbackError(
                f"superseded: version {current.number} was current a moment ago and is not any "
                "more; nothing was changed, look at --list again"
            ) from error

    def _record(self) -> None:
        """Gives the pointer's history a partition for each version that it lacks."""
        table = {"DatabaseName": self._lake.ops_database, "TableName": HISTORY}
        pages = self._glue.get_paginator("get_partitions").paginate(**table)
        known = {partition["Values"][0] for page in pages for partition in page["Partitions"]}
        name = {"DatabaseName": table["DatabaseName"], "Name": HISTORY}
        descriptor = self._glue.get_table(**name)["Table"]["StorageDescriptor"]
        lacking = [
            {
                "Values": [str(each.number), f"{each.since:%Y-%m-%d %H:%M:%S}"],
                "StorageDescriptor": {**descriptor, "Location": each.location},
            }
            for each in self.versions()
            if str(each.number) not in known
        ]
        for start in range(0, len(lacking), CREATED):
            some = lacking[start : start + CREATED]
            self._glue.batch_create_partition(**table, PartitionInputList=some)


def _version(number: int, table: dict[str, Any]) -> Version:
    since = table.get("UpdateTime") or table["CreateTime"]
    return Version(
        number=number,
        location=table["StorageDescriptor"]["Location"].rstrip("/") + "/",
        since=(
            since.astimezone(UTC)
            if isinstance(since, datetime)
            else datetime.fromtimestamp(since, UTC)
        ),
        **{name: table.get("Parameters", {}).get(name, "") for name in ("release", "run", "rows")},
    )


def arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    either = parser.add_mutually_exclusive_group(required=True)
    either.add_argument("--list", action="store_true", help="the versions, and what each changed")
    either.add_argument(
        "--to", metavar="VERSION", help="a version's number, or: previous", type=_wanted
    )


def run(given: argparse.Namespace, say: Callable[[str], None] = print) -> int:
    """Lists the versions, or shows readers one of them; 1 and one line on stderr if it cannot."""
    try:
        states = States(load_lake())
        if given.list:
            for one in history.described(states.versions(), cache(states.state)):
                say(history.line(one))
            return 0
        before, now, seconds = states.show(given.to)
    except (RollbackError, PointerError, BotoCoreError, ClientError) as error:
        print(f"rollback: {' '.join(str(error).split())}", file=sys.stderr)
        return 1
    what = now.release or "nothing published"
    if before.location == now.location:
        say(f"readers saw version {now.number} ({what}) already")
    else:
        say(
            f"readers see version {now.number} ({what}) after {seconds:.2f} s; "
            f"forward again: --to {before.number}"
        )
    return 0


def _wanted(text: str) -> str:
    if text == "previous":
        return ""
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is neither a version's number nor previous")
    return text


if __name__ == "__main__":
    command = argparse.ArgumentParser(prog="rollback", description=__doc__)
    arguments(command)
    sys.exit(run(command.parse_args()))
