"""Make a release visible: all its tables and days at once, or nothing."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.versions import VersionsHook
from retail_lake.refusals import FinalRefusals


class Pointer(Protocol):
    """The published state, as a file."""

    def text(self) -> str:
        """Return the content of the pointer file."""

    def digest(self) -> str:
        """Return a digest of the content."""


class PublishRules(Protocol):
    """The pure decisions about a publication; a module may be one."""

    SupersededError: type[Exception]

    def plan(self, inputs: Any, manifest: Any, gold: Mapping[str, list[date]], /) -> Any:
        """Return what a release publishes, by input list, job's manifest and days per mart."""

    def facts(self, manifest: Any, /) -> dict[str, str]:
        """Return what a version of the pointer says of the release, by the job's manifest."""

    def parse_pointer(self, text: str, /) -> Pointer:
        """Return the published state of a pointer's text."""

    def next_pointer(self, base: Any, now: Any, publication: Any, /) -> Pointer:
        """Return the new state, which is `now` if the release is published already.

        Raises:
            SupersededError: another run published what this one was built from.
        """


class PublishLayout(Protocol):
    """Where the pointer's states lie in the lake's bucket."""

    POINTER_FILE: str

    def published_prefix(self, release: str, digest: str, /) -> str:
        """Return the folder of one state."""


class PublishOperator(FinalRefusals, AwsBaseOperator[VersionsHook]):
    """Registers the marts' partitions and moves the pointer by one checked UpdateTable.

    The version that this makes is registered in the pointer's history.

    Readers see nothing of a release before the pointer names it, and all of it afterwards. A crash
    anywhere leaves the old pointer; a second execution changes nothing. If another run published
    what this one replaces or was built from, it fails as superseded and nothing is published; if
    another run merely published something else at the same moment, the retry merges both. Each
    outlet's event says which release it was, of which days and how many rows.

    Args:
        release: the release's id (templated).
        inputs: address of its input list (templated).
        manifest: address of its job's manifest (templated).
        base_location: folder of the pointer that it was built on (templated).
        bucket: the lake's bucket.
        staged: mart → `database.table` that holds it (templated); `database.mart` is the table
            that readers' views see, partitioned by (day, release).
        rows: mart → how many rows the release has of it (templated).
        books: other table → its days (templated), whose partitions are registered already.
        pointer: (database, table) of the pointer.
        layout: where things lie.
        rules: the pure decisions.
    """

    aws_hook_class = VersionsHook
    template_fields: Sequence[str] = (
        *("base_location", "books", "inputs", "manifest", "release", "rows", "staged"),
    )

    def __init__(
        self,
        *,
        release: str,
        inputs: str,
        manifest: str,
        base_location: str,
        bucket: str,
        staged: dict[str, str],
        pointer: tuple[str, str],
        layout: PublishLayout,
        rules: PublishRules,
        rows: Mapping[str, str] | None = None,
        books: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.inputs = inputs
        self.manifest = manifest
        self.base_location = base_location
        self.bucket = bucket
        self.staged = staged
        self.pointer = pointer
        self.layout = layout
        self.rules = rules
        self.rows = rows or {}
        self.books = books or {}

    def execute(self, context: Any) -> dict[str, Any]:
        """Publish the release.

        Returns:
            `release`, `location` of the pointer, `changed` (False if it was published already)
            and `days` per mart.
        """
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        inputs = documents.read_document(self.inputs)
        manifest = documents.read_document(self.manifest)
        days = {mart: self._register(mart, staged) for mart, staged in self.staged.items()}
        books = {
            name: [date.fromisoformat(day) for day in listed] for name, listed in self.books.items()
        }
        publication = self.rules.plan(inputs, manifest, {**days, **books})
        news = self._news(manifest, days)

        table = self.hook.table(*self.pointer)
        location = table["StorageDescriptor"]["Location"]
        now = self.rules.parse_pointer(documents.read_lines(location))
        base = self.rules.parse_pointer(documents.read_lines(self.base_location))
        try:
            new = self.rules.next_pointer(base, now, publication)
        except self.rules.SupersededError as error:
            raise AirflowFailException(str(error)) from error
        changed = new.text() != now.text()
        if changed:
            prefix = self.layout.published_prefix(self.release, new.digest())
            location = f"s3://{self.bucket}/{prefix}"
            documents.write_text(
                location + self.layout.POINTER_FILE, new.text(), "application/x-ndjson"
            )
            facts = {**self.rules.facts(manifest), "run": context["ti"].run_id}
            self.hook.move(table, location, facts)
        self.hook.record(*self.pointer)
        for staged in self.staged.values():
            self.hook.drop_table(*staged.split(".", 1))
        for asset, extra in news:
            context["outlet_events"][asset].extra = extra
        self.log.info(
            "%s %s: %s",
            self.release,
            "is published" if changed else "was published already",
            location,
        )
        return {
            "release": self.release,
            "location": location,
            "changed": changed,
            "days": {mart: [day.isoformat() for day in found] for mart, found in days.items()},
        }

    def _register(self, mart: str, staged: str) -> list[date]:
        """Register a mart's staged partitions under the release; return its days."""
        database, name = staged.split(".", 1)
        if self.hook.has_table(database, name):
            partitions = [
                {"values": [*item["values"], self.release], "location": item["location"]}
                for item in self.hook.partitions(database, name)
            ]
            self.hook.register(database, mart, partitions)
        else:  # an earlier execution published it and dropped the staged table
            partitions = self.hook.partitions(database, mart, f"release = '{self.release}'")
            if not partitions and not self._is_published():
                raise AirflowException(
                    f"{staged} is gone and {database}.{mart} has nothing of "
                    f"{self.release}: clear the task that builds {mart}"
                )
        return sorted(date.fromisoformat(item["values"][0]) for item in partitions)

    def _is_published(self) -> bool:
        """Say whether readers see something of the release; a mart of it may be empty."""
        location = self.hook.table(*self.pointer)["StorageDescriptor"]["Location"]
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        now: Any = self.rules.parse_pointer(documents.read_lines(location))
        return any(row.release == self.release for row in now)

    def _news(
        self, manifest: Mapping[str, Any], days: Mapping[str, Sequence[date]]
    ) -> list[tuple[Any, dict[str, Any]]]:
        """Return for outlets, named `database.table`, what the release has of them."""
        counted = {mart: int(rows) for mart, rows in self.rows.items()}
        rebuilt = {mart: {day.isoformat() for day in found} for mart, found in days.items()}
        for table in manifest["tables"]:
            name, partitions = table["table"], table["partitions"]
            counted[name] = sum(partition["rows"] for partition in partitions)
            rebuilt[name] = {partition["values"][-2] for partition in partitions}
        return [
            (
                asset,
                {"release": self.release, "rows": counted[name], "days": sorted(rebuilt[name])},
            )
            for asset in self.outlets
            for name in [asset.name.partition(".")[2]]
            if name in counted
        ]
