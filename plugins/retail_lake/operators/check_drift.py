"""The gate before the job: what arrived is what was agreed, and is listed once and for all."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook, StoredObject

Listings = dict[str, dict[date, list[StoredObject]]]


@dataclass(frozen=True)
class InputRules:
    """The pure decisions about a release's inputs.

    Attributes:
        prefix: (dataset, day) → address of the folder of a day's delivery.
        manifest_keys: objects of a day → keys of those that describe an extract.
        parse_pointer: text of the pointer → the published state.
        upstream: (published state, days) → published partitions that the release is built from;
            each has an attribute `table`.
        partition_values: one of those → its values in the catalog.
        build: (release, days, listings, manifests, published state, locations) → the input list.
        address: release → where the input list is kept.
    """

    prefix: Callable[[str, date], str]
    manifest_keys: Callable[[Iterable[Any]], list[str]]
    parse_pointer: Callable[[str], Any]
    upstream: Callable[[Any, Sequence[date]], Iterable[Any]]
    partition_values: Callable[[Any], tuple[str, ...]]
    build: Callable[..., dict[str, Any]]
    address: Callable[[str], str]


def drift(required: Iterable[str], declared: Iterable[str], found: Iterable[str]) -> dict[str, Any]:
    """Compare column names, whose case the catalog does not keep.

    Args:
        required: names without which the data cannot be loaded.
        declared: every name of the contract.
        found: names in the catalog.

    Returns:
        `missing` (required, not found; breaking) and `added` (found, not declared), sorted.
    """
    present = {name.lower() for name in found}
    known = {name.lower() for name in declared}
    return {
        "missing": sorted(name for name in required if name.lower() not in present),
        "added": sorted(present - known),
    }


class CheckDriftOperator(AwsBaseOperator[CatalogHook]):
    """Compares the crawled catalog with what was agreed, then writes the release's input list.

    A table, a day's partition or a required column that is missing fails before anything is built,
    without a retry, naming all of them; an added column is logged. The input list names every
    object (size, ETag) and every published partition that the release is built from: what arrives
    later is not in it.

    Args:
        release: the release's id (templated).
        days: ISO dates of the window (templated).
        base_location: folder of the pointer that the release builds on (templated).
        bronze_database: catalog database whose tables are named as the datasets.
        upstream_database: catalog database of the published partitions.
        required: dataset → columns that must be there.
        declared: dataset → every column of its contract.
        rules: the pure decisions.
    """

    aws_hook_class = CatalogHook
    template_fields: Sequence[str] = ("base_location", "days", "release")

    def __init__(
        self,
        *,
        release: str,
        days: Any,
        base_location: str,
        bronze_database: str,
        upstream_database: str,
        required: Mapping[str, Sequence[str]],
        declared: Mapping[str, Sequence[str]],
        rules: InputRules,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.days = days
        self.base_location = base_location
        self.bronze_database = bronze_database
        self.upstream_database = upstream_database
        self.required = required
        self.declared = declared
        self.rules = rules

    def execute(self, context: Any) -> dict[str, Any]:
        """Check every dataset and write the list.

        Returns:
            `inputs` (address of the list), `objects` and `upstream` (how many), `added` (columns
            per dataset that no contract names).
        """
        days = [date.fromisoformat(day) for day in self.days]
        problems: list[str] = []
        added: dict[str, list[str]] = {}
        for dataset in self.required:
            found = self._check(dataset, days, problems)
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
        document = self._inputs(days)
        address = self.rules.address(self.release)
        DocumentsHook(aws_conn_id=self.aws_conn_id).write_document(address, document)
        facts = {
            "inputs": address,
            "objects": sum(map(len, document["datasets"].values())),
            "upstream": len(document["upstream"]),
            "added": added,
        }
        self.log.info("Inputs of %s: %s", self.release, facts)
        return facts

    def _check(self, dataset: str, days: Sequence[date], problems: list[str]) -> list[str]:
        """Add what is missing of a dataset to `problems`; return its added columns."""
        if not self.hook.has_table(self.bronze_database, dataset):
            problems.append(f"the crawler made no table {self.bronze_database}.{dataset}")
            return []
        table = self.hook.table(self.bronze_database, dataset)
        columns = [column["Name"] for column in table["StorageDescriptor"]["Columns"]]
        found = drift(self.required[dataset], self.declared[dataset], columns)
        if found["missing"]:
            problems.append(f"{dataset} lacks columns {', '.join(found['missing'])}")
        wanted = [[day.isoformat()] for day in days]
        present = self.hook.locations(self.bronze_database, dataset, wanted)
        absent = [values[0] for values in wanted if tuple(values) not in present]
        if absent:
            problems.append(f"{dataset} has no partition for {', '.join(absent)}")
        return list(found["added"])

    def _inputs(self, days: Sequence[date]) -> dict[str, Any]:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        listings: Listings = {}
        manifests: dict[str, dict[str, Any]] = {}
        for dataset in self.required:
            listings[dataset] = {}
            for day in days:
                prefix = self.rules.prefix(dataset, day)
                objects = documents.objects(prefix)
                listings[dataset][day] = objects
                bucket = prefix.removeprefix("s3://").partition("/")[0]
                for key in self.rules.manifest_keys(objects):
                    manifests[key] = documents.read_document(f"s3://{bucket}/{key}")
        pointer = self.rules.parse_pointer(documents.read_lines(self.base_location))
        locations = self._locations(list(self.rules.upstream(pointer, days)))
        return self.rules.build(self.release, days, listings, manifests, pointer, locations)

    def _locations(self, rows: Sequence[Any]) -> dict[tuple[str, tuple[str, ...]], str]:
        by_table: dict[str, list[tuple[str, ...]]] = {}
        for row in rows:
            by_table.setdefault(row.table, []).append(self.rules.partition_values(row))
        return {
            (table, values): location
            for table, wanted in by_table.items()
            for values, location in self.hook.locations(
                self.upstream_database, table, wanted
            ).items()
        }
