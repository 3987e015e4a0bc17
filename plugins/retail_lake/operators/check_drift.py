"""The gate before the job: what arrived is what was agreed, and is listed once and for all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook, StoredObject

Listings = dict[str, dict[date, list[StoredObject]]]


class InputLayout(Protocol):
    """Where deliveries and the input list lie in the lake's bucket."""

    def bronze_prefix(self, dataset: str, ingest_date: date, /) -> str:
        """Return the folder of a day's delivery."""

    def inputs_key(self, release: str, /) -> str:
        """Return the key of a release's input list."""


class InputRules(Protocol):
    """The pure decisions about a release's inputs; a module may be one."""

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
    ) -> dict[str, Any]:
        """Return the input list."""


@dataclass(frozen=True)
class Drift:
    """How a table's columns differ from those that were declared, each sorted.

    Attributes:
        missing: required and not there; breaking.
        absent: declared, not required and not there.
        added: there and not declared.
    """

    missing: tuple[str, ...]
    absent: tuple[str, ...]
    added: tuple[str, ...]


def drift(declared: Mapping[str, bool], found: Iterable[str]) -> Drift:
    """Compare column names, whose case the catalog does not keep.

    Args:
        declared: name → whether the data cannot be loaded without it.
        found: names in the catalog.
    """
    present = {name.lower() for name in found}
    gone = sorted(name for name in declared if name.lower() not in present)
    return Drift(
        missing=tuple(name for name in gone if declared[name]),
        absent=tuple(name for name in gone if not declared[name]),
        added=tuple(sorted(present - {name.lower() for name in declared})),
    )


class CheckDriftOperator(AwsBaseOperator[CatalogHook]):
    """Compares the crawled catalog with what was agreed, then writes the release's input list.

    A table, a day's partition or a required column that is missing fails before anything is built,
    without a retry, naming all of them; another difference of columns is
    logged. The input list names every
    object (size, ETag) and every published partition that the release is built from: what arrives
    later is not in it.

    Args:
        release: the release's id (templated).
        days: ISO dates of the window (templated).
        pointer: (database, table) of the table that says what is published.
        bucket: the lake's bucket.
        lake: has `bronze_database` (its tables are named as the datasets), `silver_database` (of
            the partitions to build on) and `contracts`, each with `dataset` and
            `delivered_columns` (source, required).
        layout: where things lie.
        rules: the pure decisions.
        window: (first day, last day) → the window as the rules take it.
        parse_pointer: text of the pointer → the published state.
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
        window: Callable[[date, date], Any],
        parse_pointer: Callable[[str], Any],
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
        self.window = window
        self.parse_pointer = parse_pointer
        self.columns: dict[str, dict[str, bool]] = {
            each.dataset: {column.source: column.required for column in each.delivered_columns}
            for each in lake.contracts
        }

    def execute(self, context: Any) -> dict[str, Any]:
        """Check every dataset and write the list.

        Returns:
            `inputs` (address of the list), `base_version` and `base_location` of the pointer that
            the release builds on, `objects` and `upstream` (how many), `added` (columns
            per dataset that no contract names).
        """
        days = [date.fromisoformat(day) for day in self.days]
        problems: list[str] = []
        added: dict[str, list[str]] = {}
        listings = self._list(days)
        for dataset, listing in listings.items():
            found = self._check(dataset, listing, problems)
            if found:
                added[dataset] = found
                self.log.warning(
                    "%s has columns that its contract does not name: %s", dataset, found
                )
        if problems:
            raise AirflowFailException(
                "bronze is not as agreed: " + "; ".join(problems) + ". Ask the sender, or change "
                "the contract, then clear this run from its first task"
            )
        # The state to build on is read now, not when the run began to wait for its files.
        pointer = self.hook.table(*self.pointer)
        base = pointer["StorageDescriptor"]["Location"]
        document = self._inputs(days, listings, base)
        address = f"s3://{self.bucket}/{self.layout.inputs_key(self.release)}"
        DocumentsHook(aws_conn_id=self.aws_conn_id).write_document(address, document)
        facts = {
            "inputs": address,
            "base_version": str(pointer["VersionId"]),
            "base_location": base,
            "objects": sum(map(len, document["datasets"].values())),
            "upstream": len(document["upstream"]),
            "added": added,
        }
        self.log.info("Inputs of %s: %s", self.release, facts)
        return facts

    def _check(
        self,
        dataset: str,
        listing: Mapping[date, Sequence[StoredObject]],
        problems: list[str],
    ) -> list[str]:
        """Add what is missing of a dataset to `problems`; return its added columns."""
        wanted = [
            day.isoformat() for day, objects in listing.items() if any(map(_has_data, objects))
        ]
        if not wanted:
            return []  # empty files only: a crawler makes nothing of them
        if not self.hook.has_table(self.lake.bronze_database, dataset):
            problems.append(f"the crawler made no table {self.lake.bronze_database}.{dataset}")
            return []
        table = self.hook.table(self.lake.bronze_database, dataset)
        names = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        found = drift(self.columns[dataset], names)
        if found.missing:
            problems.append(f"{dataset} lacks columns {', '.join(found.missing)}")
        if found.absent or found.added:
            self.log.warning("%s: %s", dataset, found)
        present = self.hook.locations(self.lake.bronze_database, dataset, [[day] for day in wanted])
        absent = [day for day in wanted if (day,) not in present]
        if absent:
            problems.append(f"{dataset} has no partition for {', '.join(absent)}")
        return list(found.added)

    def _list(self, days: Sequence[date]) -> Listings:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        return {
            dataset: {
                day: documents.objects(
                    f"s3://{self.bucket}/{self.layout.bronze_prefix(dataset, day)}"
                )
                for day in days
            }
            for dataset in self.columns
        }

    def _inputs(self, days: Sequence[date], listings: Listings, base: str) -> dict[str, Any]:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        manifests = {
            key: documents.read_document(f"s3://{self.bucket}/{key}")
            for by_day in listings.values()
            for objects in by_day.values()
            for key in self.rules.manifest_keys(objects)
        }
        pointer = self.parse_pointer(documents.read_lines(base))
        window = self.window(days[0], days[-1])
        return self.rules.build(
            release=self.release,
            window=window,
            lake=self.lake,
            lake_bucket=self.bucket,
            listings=listings,
            manifests=manifests,
            pointer=pointer,
            locations=self._locations(list(self.rules.upstream_rows(pointer, window, self.lake))),
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


def _has_data(item: StoredObject) -> bool:
    return item.size > 0 and not item.key.rpartition("/")[2].startswith(("_", "."))
