"""The gate before the job: what arrived is what was agreed, and is listed once and for all."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook, StoredObject
from retail_lake.hooks.heads import DamagedFileError, HeaderRules, HeadsHook
from retail_lake.notifications.added_columns import AddedColumnsNotice
from retail_lake.refusals import FinalRefusals

SHOWN = 10  # problems in one message
Listings = dict[str, dict[date, list[StoredObject]]]


class InputLayout(Protocol):
    """Where deliveries and the input list lie in the lake's bucket."""

    def bronze_prefix(self, dataset: str, ingest_date: date, /) -> str:
        """Return the folder of a day's delivery."""

    ERASURES_PREFIX: str

    def inputs_key(self, release: str, /) -> str:
        """Return the key of a release's input list."""

    def drift_key(self, dataset: str, /) -> str:
        """Return the key of what remembers a dataset's added columns."""


class InputRules(Protocol):
    """The pure decisions about a release's inputs; a module may be one.

    Attributes:
        Window: (first day, last day) → the window as the rules take it.
    """

    Window: Callable[[date, date], Any]

    def parse_pointer(self, text: str, /) -> Any:
        """Return the published state that a pointer's text holds."""

    def manifest_keys(self, objects: Iterable[Any], /) -> list[str]:
        """Return the keys of those objects that describe an extract."""

    def upstream_rows(self, pointer: Any, window: Any, lake: Any, /) -> Iterable[Any]:
        """Return the published partitions to build on, with `table` and `partition_values`."""

    def build(
        self,
        *,
        release: str,
        window: Any,
        lake: Any,
        lake_bucket: str,
        listings: Any,
        manifests: Any,
        pointer: Any,
        locations: Any,
        erased: Sequence[str],
    ) -> dict[str, Any]:
        """Return the input list."""


class DriftRules(HeaderRules, Protocol):
    """What files say of their columns, held against a contract; a module may be one."""

    def compare(self, contract: Any, header: Any, /) -> Any:
        """Return `problems` (texts) and `added` (names) of a file's header."""


class CheckDriftOperator(FinalRefusals, AwsBaseOperator[CatalogHook]):
    """Compares what arrived with what was agreed, then writes the release's input list.

    Looked at are the headers of the very files that the list names (a few KB of each) and the
    crawled catalog. A table or a day's partition that is missing, and a column that was removed,
    renamed, retyped or doubled, fails before anything is built, without a retry, naming dataset,
    columns and file. A column more is ignored, and people are told of it once. Files without rows
    need no columns in the catalog: a crawler makes nothing of them.

    The input list names every object (size, ETag) and every published partition that the release
    is built from: what arrives later is not in it.

    Args:
        release: the release's id (templated).
        days: ISO dates of the window (templated).
        pointer: (database, table) of the table that says what is published.
        bucket: the lake's bucket.
        lake: has `bronze_database` (its tables are named as the datasets), `silver_database` (of
            the partitions to build on) and `contracts`, each with `dataset`, `source.format` and
            `delivered_columns` (source, required).
        layout: where things lie.
        rules: the pure decisions about inputs.
        drift: the pure decisions about columns.
        alert_topic: SNS topic for notices of added columns.
    """

    aws_hook_class = CatalogHook
    template_fields: Sequence[str] = ("days", "release")

    def __init__(
        self,
        *,
        release: str,
        days: Any,
        pointer: tuple[str, str],
        bucket: str,
        lake: Any,
        layout: InputLayout,
        rules: InputRules,
        drift: DriftRules,
        alert_topic: str,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.days = days
        self.pointer = pointer
        self.bucket = bucket
        self.lake = lake
        self.layout = layout
        self.rules = rules
        self.drift = drift
        self.alert_topic = alert_topic

    def execute(self, context: Any) -> dict[str, Any]:
        """Check every dataset and write the list.

        Returns:
            `inputs` (address of the list), `base_version` and `base_location` of the pointer that
            the release builds on, `objects` and `upstream` (how many), `added` (columns
            per dataset that no contract names).
        """
        days = [date.fromisoformat(day) for day in self.days]
        # The state to build on is read now, not when the run began to wait for its files.
        pointer = self.hook.table(*self.pointer)
        base = pointer["StorageDescriptor"]["Location"]
        document = self._inputs(days, self._list(days), base)
        problems: list[str] = []
        added = {}
        for contract in self.lake.contracts:
            files = document["datasets"][contract.dataset]
            if found := self._check(contract, files, problems):
                added[contract.dataset] = found
        if problems:
            more = f"; and {len(problems) - SHOWN} more" if len(problems) > SHOWN else ""
            raise AirflowFailException(
                f"bronze is not as agreed: {'; '.join(problems[:SHOWN])}{more}. Ask the sender, or "
                "change the contract, then clear this run from its first task"
            )
        address = f"s3://{self.bucket}/{self.layout.inputs_key(self.release)}"
        DocumentsHook(aws_conn_id=self.aws_conn_id).write_document(address, document)
        self._report(added, context)
        facts = {
            "inputs": address,
            "base_version": str(pointer["VersionId"]),
            "base_location": base,
            "objects": sum(map(len, document["datasets"].values())),
            "upstream": len(document["upstream"]),
            "added": {dataset: sorted(columns) for dataset, columns in added.items()},
        }
        self.log.info("Inputs of %s: %s", self.release, facts)
        return facts

    def _check(
        self, contract: Any, files: Sequence[Mapping[str, Any]], problems: list[str]
    ) -> dict[str, str]:
        """Add what is wrong with a dataset to `problems`; return its added columns, with a file."""
        hook = HeadsHook(aws_conn_id=self.aws_conn_id)
        objects = [StoredObject(file["key"], file["size"], file["etag"]) for file in files]
        try:
            headers = hook.headers(self.drift, contract, self.bucket, objects)
        except DamagedFileError as error:
            problems.append(str(error))
            return {}
        added: dict[str, str] = {}
        for header in headers:
            found = self.drift.compare(contract, header)
            problems += found.problems
            for name in found.added:
                added.setdefault(name, header.file)
        with_rows = {
            file["ingest_date"]
            for file, header in zip(files, headers, strict=True)
            if header.has_rows
        }
        shown = {name.lower() for header in headers for name in header.names}
        problems += self._crawled(contract, sorted(with_rows), shown)
        return added

    def _crawled(self, contract: Any, days: Sequence[str], shown: Collection[str]) -> list[str]:
        """Say what the catalog lacks of days with rows; columns that files show are not lost."""
        if not days:
            return []
        database, dataset = self.lake.bronze_database, contract.dataset
        if not self.hook.has_table(database, dataset):
            return [f"the crawler made no table {database}.{dataset}"]
        table = self.hook.table(database, dataset)
        known = {column["Name"].lower() for column in table["StorageDescriptor"]["Columns"]}
        required = [column.source for column in contract.delivered_columns if column.required]
        lost = [name for name in required if name.lower() not in known]
        if lost:
            self.log.warning("%s.%s lacks columns %s", database, dataset, ", ".join(lost))
        problems = []
        if gone := [name for name in lost if name.lower() not in shown]:
            problems.append(f"{dataset} lacks columns {', '.join(gone)}")
        present = self.hook.locations(database, dataset, [[day] for day in days])
        if absent := [day for day in days if (day,) not in present]:
            problems.append(f"{dataset} has no partition for {', '.join(absent)}")
        return problems

    def _report(self, added: Mapping[str, Mapping[str, str]], context: Any) -> None:
        ti = context["ti"]
        run = {"dag_id": ti.dag_id, "run_id": ti.run_id, "days": [self.days[0], self.days[-1]]}
        notice = AddedColumnsNotice(self.alert_topic, self.aws_conn_id)
        for dataset, columns in added.items():
            self.log.warning("%s has columns that its contract does not name: %s", dataset, columns)
            notice.report(
                f"s3://{self.bucket}/{self.layout.drift_key(dataset)}", dataset, columns, run
            )

    def _list(self, days: Sequence[date]) -> Listings:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        return {
            dataset: {
                day: documents.objects(
                    f"s3://{self.bucket}/{self.layout.bronze_prefix(dataset, day)}"
                )
                for day in days
            }
            for dataset in (contract.dataset for contract in self.lake.contracts)
        }

    def _inputs(self, days: Sequence[date], listings: Listings, base: str) -> dict[str, Any]:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        manifests = {
            key: documents.read_document(f"s3://{self.bucket}/{key}")
            for by_day in listings.values()
            for objects in by_day.values()
            for key in self.rules.manifest_keys(objects)
        }
        pointer = self.rules.parse_pointer(documents.read_lines(base))
        window = self.rules.Window(days[0], days[-1])
        return self.rules.build(
            release=self.release,
            window=window,
            lake=self.lake,
            lake_bucket=self.bucket,
            listings=listings,
            manifests=manifests,
            pointer=pointer,
            locations=self._locations(list(self.rules.upstream_rows(pointer, window, self.lake))),
            erased=documents.names(f"s3://{self.bucket}/{self.layout.ERASURES_PREFIX}"),
        )

    def _locations(self, rows: Sequence[Any]) -> dict[tuple[str, tuple[str, ...]], str]:
        by_table: dict[str, list[tuple[str, ...]]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append(row.partition_values)
        return {
            (table, values): location
            for table, wanted in by_table.items()
            for values, location in self.hook.locations(
                self.lake.silver_database, table, wanted
            ).items()
        }
