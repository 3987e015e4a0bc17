"""Show readers an earlier published state again, or a later one."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from botocore.exceptions import ClientError

from retail_lake.hooks.catalog import error_code
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.versions import VersionsHook

SHOWN = 30  # versions that are described; each costs reading its pointer file


class HistoryRules(Protocol):
    """The pure decisions about versions; a module may be one."""

    UnknownVersionError: type[Exception]
    Version: Callable[..., Any]

    def choose(self, versions: Sequence[Any], wanted: str, /) -> Any:
        """Return the version that is wanted; empty means the state before the current one.

        Raises:
            UnknownVersionError: there is none such.
        """

    def changes(self, before: Any, after: Any, /) -> Mapping[str, Any]:
        """Return what differs between two states by table; each has `days`, `first`, `last`."""


class PointerLayout(Protocol):
    """What the file of a state is called."""

    POINTER_FILE: str


class ListVersionsOperator(AwsBaseOperator[VersionsHook]):
    """Lists the versions of the pointer with what each changed, and chooses the one to go to.

    The parameter `version` names it; empty means the state before the current one. With
    `list_only` nothing but the list is made.

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

    def execute(self, context: Any) -> dict[str, Any]:
        """List and choose.

        Returns:
            `versions` (newest first: `version`, `since`, `release`, `current`, and `changed` by
            table against the version before, or `gone` if its file was collected), `current` and
            `target` (version numbers as text; `target` is None with `list_only`), `from_date` and
            `to_date` of the business days that differ between the two, None if none does.
        """
        found = [self.rules.Version(**one) for one in self.hook.versions(*self.pointer)]
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        listed = self._describe(found, documents)
        for one in listed:
            self.log.info("%s", _line(one))
        current = found[-1]
        answer = {"versions": listed, "current": str(current.number), "target": None}
        if context["params"]["list_only"]:
            return {**answer, "from_date": None, "to_date": None}
        try:
            target = self.rules.choose(found, context["params"]["version"] or "")
        except self.rules.UnknownVersionError as error:
            raise AirflowFailException(str(error)) from error
        now, then = (
            self._state(current.location, documents),
            self._state(target.location, documents),
        )
        if now is None or then is None:
            lost = current if now is None else target
            raise AirflowFailException(
                f"version {lost.number} cannot be shown: its file in {lost.location} is gone. "
                "Choose another version of the list above"
            )
        days = self.rules.changes(now, then).values()
        self.log.info("Going from version %s to %s", current.number, target.number)
        return {
            **answer,
            "target": str(target.number),
            "from_date": str(min(one.first for one in days)) if days else None,
            "to_date": str(max(one.last for one in days)) if days else None,
        }

    def _describe(self, found: Sequence[Any], documents: DocumentsHook) -> list[dict[str, Any]]:
        listed = []
        shown = found[-SHOWN:]
        earlier = found[-SHOWN - 1] if len(found) > SHOWN else None
        before = self._state(earlier.location, documents) if earlier else self.parse_pointer("")
        for version in shown:
            state = self._state(version.location, documents)
            one = {
                "version": str(version.number),
                "since": version.since.isoformat(),
                "release": version.release,
                "current": version is found[-1],
            }
            if state is None:
                one["gone"] = True
            elif before is not None:
                changed = self.rules.changes(before, state)
                one["changed"] = {table: str(days) for table, days in changed.items()}
            listed.append(one)
            before = state
        return listed[::-1]

    def _state(self, location: str, documents: DocumentsHook) -> Any:
        """Return the state of a pointer's folder; None if its file is gone."""
        file = location + self.layout.POINTER_FILE
        if not documents.objects(file):
            return None
        return self.parse_pointer(documents.read_text(file))


class RollbackOperator(AwsBaseOperator[VersionsHook]):
    """Moves the pointer to the location of another of its versions, by one checked UpdateTable.

    Nothing is built or copied, and nothing is lost: going forward again is the same call. It
    refuses if the state's file or a partition that it names is gone, and if another run published
    since the version was chosen. A second execution changes nothing.

    Args:
        pointer: (database, table) of the pointer.
        chosen: what the listing task returned (templated).
        databases: table → database, of every table that a pointer names.
        other_database: database of tables that are not in `databases` any more.
        layout: where the pointer's states lie.
        rules: the pure decisions.
        parse_pointer: text of a pointer file → the state, rows with `table` and
            `partition_values`.
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
            `release`, `location`, and `tables`: what differs from before, by table.
        """
        if self.chosen["target"] is None:
            raise AirflowSkipException("only the list was asked for")
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
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        then = self.parse_pointer(
            documents.read_text(target.location + self.layout.POINTER_FILE)
        )  # raises if it is gone
        self._require_partitions(target, then)
        before = self.parse_pointer(documents.read_text(location + self.layout.POINTER_FILE))
        differs = self.rules.changes(before, then)
        if changed:
            self.hook.move(table, target.location, {"release": target.release})
        tables = {name: str(days) for name, days in differs.items()}
        self.log.info(
            "Readers %s version %s (%s); changed: %s",
            "now see" if changed else "saw already",
            target.number,
            target.release or "nothing published",
            tables or "nothing",
        )
        return {
            "changed": changed,
            "from_version": str(table["VersionId"]),
            "to_version": str(target.number),
            "release": target.release,
            "location": target.location,
            "tables": tables,
        }

    def _version(self, number: str) -> Any:
        found = [self.rules.Version(**one) for one in self.hook.versions(*self.pointer)]
        try:
            return self.rules.choose(found, number)
        except self.rules.UnknownVersionError as error:
            raise AirflowFailException(str(error)) from error

    def _require_partitions(self, target: Any, state: Any) -> None:
        wanted: dict[str, list[tuple[str, ...]]] = {}
        for row in state:
            wanted.setdefault(row.table, []).append(row.partition_values)
        gone = [
            "/".join((table, *values))
            for table, listed in wanted.items()
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


def _line(one: Mapping[str, Any]) -> str:
    changed = ", ".join(f"{table} {days}" for table, days in one.get("changed", {}).items())
    what = "its file is gone" if one.get("gone") else f"changed {changed or 'nothing'}"
    mark = " (current)" if one["current"] else ""
    release = one["release"] or "nothing published"
    return f"version {one['version']}{mark} since {one['since']}: {release}, {what}"
