"""Collect what no version of the pointer that is kept names."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowException

from retail_lake.hooks.documents import DocumentsHook, split_uri
from retail_lake.hooks.versions import VersionsHook, history_of
from retail_lake.refusals import FinalRefusals

DELETE_OBJECTS = 1000  # DeleteObjects' limit
NAMED = 20  # how many orphans of each kind the result names; all are counted


class Table(Protocol):
    """A physical table as it is declared."""

    database: str
    name: str
    table_input: Mapping[str, Any]


class HistoryRules(Protocol):
    """The pure decisions about versions; a module may be one."""

    Version: Callable[..., Any]

    def kept(self, versions: Any, now: datetime, days: int, count: int, /) -> Sequence[Any]:
        """Return the versions that can be gone back to."""


class RetentionRules(Protocol):
    """The pure decisions about what nobody needs; a module may be one."""

    OTHER_FOLDERS: Sequence[str]
    Partition: Callable[..., Any]
    Folder: Callable[..., Any]

    def unit(self, key: str, /) -> str:
        """Return the folder that an object belongs to."""

    def is_staged(self, table: str, /) -> bool:
        """Say whether a table of that name was built and not published."""

    def orphans(
        self, tables: Any, partitions: Any, folders: Any, pointers: Any, cutoff: datetime, /
    ) -> Any:
        """Return `partitions` and `folders` to collect, and what is `missing`."""

    def bounded(self, found: Any, limit: int, /) -> Any:
        """Return as much of it as one run may delete."""


class PointerLayout(Protocol):
    """What the file of a state is called."""

    POINTER_FILE: str


class HousekeepingOperator(FinalRefusals, AwsBaseOperator[VersionsHook]):
    """Deletes partitions and files of releases that no kept version of the pointer names.

    It first gives up the versions that are not kept and drops old staged tables, then touches the
    pointer (same location, next version), so that whoever was about to publish or roll back on
    what it read before fails and reads again; only then it decides what to delete. What is younger
    than the retention is never touched, so neither a running release nor a query loses its files.
    A crash leaves orphans, which the next run finds.

    Parameters of the run: `dry_run`, `keep_days`, `keep_versions`, `max_objects`.

    Args:
        pointer: (database, table) of the pointer.
        bucket: the lake's bucket.
        tables: every physical table; other tables' files are left alone.
        staged_database: database of the staged tables.
        layout: where the pointer's states lie.
        history: the decisions about versions.
        rules: the decisions about the rest.
        parse_pointer: text of a pointer file → the state.
    """

    aws_hook_class = VersionsHook

    def __init__(
        self,
        *,
        pointer: tuple[str, str],
        bucket: str,
        tables: Sequence[Table],
        staged_database: str,
        layout: PointerLayout,
        history: HistoryRules,
        rules: RetentionRules,
        parse_pointer: Callable[[str], Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pointer = pointer
        self.bucket = bucket
        self.databases = {each.name: each.database for each in tables}
        self.folders = {
            each.name: split_uri(each.table_input["StorageDescriptor"]["Location"])[1]
            for each in tables
            # the pointer's history has no files of its own
            if each.table_input.get("PartitionKeys") and each.name != history_of(pointer[1])
        }
        self.staged_database = staged_database
        self.layout = layout
        self.history = history
        self.rules = rules
        self.parse_pointer = parse_pointer

    def execute(self, context: Any) -> dict[str, Any]:
        """Collect, or with `dry_run` only say what would be collected.

        Returns:
            `dry_run`, `cutoff`; numbers `versions` (kept), `expired` (versions), `staged` (tables),
            `partitions`, `folders`, `objects`, `bytes`, of which `deleted` objects, and those
            `left` for the next run; `by_table` (bytes per table or folder); `missing` (named by a
            kept version, not in the catalog); the first of `folders_named`.
        """
        params = context["params"]
        now = datetime.now(UTC)
        days, dry_run = int(params["keep_days"]), bool(params["dry_run"])
        cutoff = now - timedelta(days=days)
        versions = self._versions()
        kept = self.history.kept(versions, now, days, int(params["keep_versions"]))
        expired = [each for each in versions if each not in kept]
        staged = self._staged(cutoff)
        found = self._orphans(kept, cutoff)
        if not dry_run and (expired or staged or found.partitions or found.folders):
            for name in staged:
                self.hook.drop_table(self.staged_database, name)
            for version in expired:
                self.hook.delete_version(*self.pointer, version.number)
            table = self.hook.table(*self.pointer)
            self.hook.move(table, table["StorageDescriptor"]["Location"])
            self.hook.record(*self.pointer)
            kept = self._versions()
            found = self._orphans(kept, cutoff)
        taken = self.rules.bounded(found, int(params["max_objects"]))
        deleted = 0
        if not dry_run:
            self._remove_partitions(taken.partitions)
            deleted = sum(self._remove(folder, cutoff) for folder in taken.folders)
        sizes: Counter[str] = Counter()
        for folder in found.folders:
            sizes["/".join(folder.path.split("/")[:2])] += folder.size
        result = {
            "dry_run": dry_run,
            "cutoff": cutoff.isoformat(),
            "versions": len(kept),
            "expired": len(expired),
            "staged": len(staged),
            "partitions": len(found.partitions),
            "folders": len(found.folders),
            "objects": sum(folder.objects for folder in found.folders),
            "bytes": sizes.total(),
            "deleted": deleted,
            "left": 0 if dry_run else len(found.folders) - len(taken.folders),
            "by_table": dict(sorted(sizes.items())),
            "missing": list(found.missing[:NAMED]),
            "folders_named": [folder.path for folder in found.folders[:NAMED]],
        }
        if found.missing:
            self.log.warning("Kept versions name partitions that are gone: %s", result["missing"])
        self.log.info("%s: %s", "Would collect" if dry_run else "Collected", result)
        return result

    def _versions(self) -> list[Any]:
        return [self.history.Version(**one) for one in self.hook.versions(*self.pointer)]

    def _staged(self, cutoff: datetime) -> list[str]:
        pages = self.hook.client.get_paginator("get_tables").paginate(
            DatabaseName=self.staged_database
        )
        return [
            table["Name"]
            for page in pages
            for table in page["TableList"]
            if self.rules.is_staged(table["Name"]) and table["CreateTime"] < cutoff
        ]

    def _orphans(self, kept: Iterable[Any], cutoff: datetime) -> Any:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        # What a kept version names cannot be known without its file: that is an error, not empty.
        pointers = {
            split_uri(location)[1]: self.parse_pointer(
                documents.read_text(location + self.layout.POINTER_FILE)
            )
            for location in {version.location for version in kept}
        }
        # Listed before the files: what is registered later has files younger than the cutoff.
        partitions = [one for table in self.folders for one in self._partitions(table)]
        return self.rules.orphans(self.folders, partitions, self._folders(), pointers, cutoff)

    def _partitions(self, table: str) -> Iterator[Any]:
        pages = self.hook.client.get_paginator("get_partitions").paginate(
            DatabaseName=self.databases[table], TableName=table, ExcludeColumnSchema=True
        )
        for page in pages:
            for item in page["Partitions"]:
                location = item["StorageDescriptor"]["Location"].rstrip("/") + "/"
                yield self.rules.Partition(
                    table=table,
                    values=tuple(item["Values"]),
                    folder=split_uri(location)[1],
                    created=item["CreationTime"],
                )

    def _folders(self) -> Iterator[Any]:
        client = DocumentsHook(aws_conn_id=self.aws_conn_id).client
        paginator = client.get_paginator("list_objects_v2")
        for prefix in (*self.folders.values(), *self.rules.OTHER_FOLDERS):
            units: dict[str, tuple[int, int, datetime]] = {}
            for page in paginator.paginate(Bucket=self.bucket, Prefix=prefix):
                for item in page.get("Contents", ()):
                    unit = self.rules.unit(item["Key"])
                    count, size, newest = units.get(unit, (0, 0, item["LastModified"]))
                    newest = max(newest, item["LastModified"])
                    units[unit] = (count + 1, size + item["Size"], newest)
            for path, (count, size, newest) in units.items():
                yield self.rules.Folder(path=path, objects=count, size=size, newest=newest)

    def _remove_partitions(self, partitions: Sequence[Any]) -> None:
        by_table: dict[str, list[tuple[str, ...]]] = {}
        for one in partitions:
            by_table.setdefault(one.table, []).append(one.values)
        for table, listed in by_table.items():
            self.hook.remove(self.databases[table], table, listed)

    def _remove(self, folder: Any, cutoff: datetime) -> int:
        """Delete a unit's objects (not those of folders below it); return how many."""
        client = DocumentsHook(aws_conn_id=self.aws_conn_id).client
        deleted = 0
        for page in client.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket,
            Prefix=folder.path,
            PaginationConfig={"PageSize": DELETE_OBJECTS},
        ):
            keys = [
                {"Key": item["Key"]}
                for item in page.get("Contents", ())
                if self.rules.unit(item["Key"]) == folder.path and item["LastModified"] < cutoff
            ]
            if keys:
                answer = client.delete_objects(
                    Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True}
                )
                if answer.get("Errors"):
                    raise AirflowException(f"objects were not deleted: {answer['Errors'][:5]}")
                deleted += len(keys)
        return deleted
