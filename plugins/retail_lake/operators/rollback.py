"""Show readers an earlier published state again, or a later one."""

import time
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.errors import error_code
from retail_lake.hooks.versions import VersionsHook
from retail_lake.refusals import FinalRefusals


class HistoryRules(Protocol):
    """The pure decisions about versions; a module may be one."""

    UnknownVersionError: type[Exception]
    Version: Callable[..., Any]

    def choose(self, versions: Sequence[Any], wanted: str, /) -> Any:
        """Return the version that is wanted; empty means the state before the current one.

        Raises:
            UnknownVersionError: there is none such.
        """

    def described(
        self, versions: Sequence[Any], state_of: Callable[[str], Any], /
    ) -> Sequence[Mapping[str, Any]]:
        """Return the last versions and what each changed, newest first."""

    def line(self, one: Mapping[str, Any], /) -> str:
        """Return a described version for the log."""

    def changes(self, before: Any, after: Any, /) -> Mapping[str, Any]:
        """Return what differs between two states by table."""

    def partitions(self, state: Any, /) -> Mapping[str, Sequence[tuple[str, ...]]]:
        """Return the partitions that a state names, by table."""


class PointerLayout(Protocol):
    """What the file of a state is called."""

    POINTER_FILE: str


class ListVersionsOperator(FinalRefusals, AwsBaseOperator[VersionsHook]):
    """Lists the versions of the pointer with what each changed.

    Args:
        pointer: (database, table) of the pointer.
        layout: where the pointer's states lie.
        rules: the pure decisions.
        parse_pointer: text of a pointer file → the state.
    """

    aws_hook_class = VersionsHook

    def __init__(
        self,
        *,
        pointer: tuple[str, str],
        layout: PointerLayout,
        rules: HistoryRules,
        parse_pointer: Callable[[str], Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pointer = pointer
        self.layout = layout
        self.rules = rules
        self.parse_pointer = parse_pointer

    def execute(self, context: Any) -> list[Mapping[str, Any]]:
        """List them.

        Returns:
            Newest first: `version`, `since`, `release`, `run`, `rows`, `location`, `current`, and
            `changed` by table against the version before and `days`, or `gone` if its file was
            collected.
        """
        found = [self.rules.Version(**one) for one in self.hook.versions(*self.pointer)]
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)

        @cache
        def state_of(location: str) -> Any:
            file = location + self.layout.POINTER_FILE
            if not documents.objects(file):
                return None
            return self.parse_pointer(documents.read_text(file))

        listed = list(self.rules.described(found, state_of))
        for one in listed:
            self.log.info("%s", self.rules.line(one))
        return listed


class RollbackOperator(FinalRefusals, AwsBaseOperator[VersionsHook]):
    """Moves the pointer to the location of another of its versions, by one checked UpdateTable.

    Nothing is built or copied, and nothing is lost: going forward again is the same call. It
    refuses if the state's file or a partition that it names is gone, and if another run published
    since the versions were listed. A second execution changes nothing.

    Args:
        pointer: (database, table) of the pointer.
        chosen: `current` and `target`, as the choosing task returned them (templated).
        databases: table → database, of every table that a pointer names.
        other_database: database of tables that are not in `databases` any more.
        layout: where the pointer's states lie.
        rules: the pure decisions.
        parse_pointer: text of a pointer file → the state.
    """

    aws_hook_class = VersionsHook
    template_fields: Sequence[str] = ("chosen",)

    def __init__(
        self,
        *,
        pointer: tuple[str, str],
        chosen: Any,
        databases: Mapping[str, str],
        other_database: str,
        layout: PointerLayout,
        rules: HistoryRules,
        parse_pointer: Callable[[str], Any],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.pointer = pointer
        self.chosen = chosen
        self.databases = databases
        self.other_database = other_database
        self.layout = layout
        self.rules = rules
        self.parse_pointer = parse_pointer

    def execute(self, context: Any) -> dict[str, Any]:
        """Go there.

        Returns:
            `changed` (False if readers saw that state already), `from_version`, `to_version`,
            `release`, `location`, `tables`: what differs from before, by table, and `seconds` that
            it took.
        """
        if self.chosen["target"] is None:
            raise AirflowSkipException("nothing was to be changed")
        started = time.monotonic()
        target = self._version(self.chosen["target"])
        table = self.hook.table(*self.pointer)
        location = table["StorageDescriptor"]["Location"].rstrip("/") + "/"
        changed = location != target.location
        if changed and str(table["VersionId"]) != self.chosen["current"]:
            raise AirflowFailException(
                f"superseded: version {self.chosen['current']} was published when "
                f"{target.number} was chosen, now it is {table['VersionId']}. Nothing was changed: "
                "look at the list again, then trigger a new run"
            )
        then, before = self._state(target), self._state(self._version(str(table["VersionId"])))
        self._require_partitions(target, then)
        if changed:
            self.hook.move(table, target.location, target.parameters)
        self.hook.record(*self.pointer)
        tables = {name: str(days) for name, days in self.rules.changes(before, then).items()}
        seconds = round(time.monotonic() - started, 2)
        self.log.info(
            "Readers %s version %s (%s) after %s s; changed: %s",
            "now see" if changed else "saw already",
            target.number,
            target.release or "nothing published",
            seconds,
            tables or "nothing",
        )
        return {
            "changed": changed,
            "from_version": str(table["VersionId"]),
            "to_version": str(target.number),
            "release": target.release,
            "location": target.location,
            "tables": tables,
            "seconds": seconds,
        }

    def _version(self, number: str) -> Any:
        found = [self.rules.Version(**one) for one in self.hook.versions(*self.pointer)]
        try:
            return self.rules.choose(found, number)
        except self.rules.UnknownVersionError as error:
            raise AirflowFailException(str(error)) from error

    def _state(self, version: Any) -> Any:
        """Return the state of a version, whose file must be there."""
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        file = version.location + self.layout.POINTER_FILE
        if not documents.objects(file):
            raise AirflowFailException(
                f"version {version.number} cannot be shown: its file in {version.location} is "
                "gone. Nothing was changed: choose another version"
            )
        return self.parse_pointer(documents.read_text(file))

    def _require_partitions(self, target: Any, state: Any) -> None:
        gone = [
            "/".join((table, *values))
            for table, listed in self.rules.partitions(state).items()
            for values in sorted(set(listed) - self._existing(table, listed))
        ]
        if gone:
            raise AirflowFailException(
                f"version {target.number} cannot be shown: {len(gone)} of its partitions are gone "
                f"from the catalog ({', '.join(gone[:5])}{', …' if len(gone) > 5 else ''}). "
                "Nothing was changed: choose a later version"
            )

    def _existing(self, table: str, listed: Sequence[tuple[str, ...]]) -> set[tuple[str, ...]]:
        database = self.databases.get(table, self.other_database)
        try:
            return set(self.hook.locations(database, table, listed))
        except ClientError as error:
            if error_code(error) == "EntityNotFoundException":
                return set()
            raise
