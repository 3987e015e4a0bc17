"""Tell where the catalog's tables differ from what the contracts declare."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.refusals import FinalRefusals


class Table(Protocol):
    """A physical table as it is declared."""

    database: str
    name: str
    table_input: Mapping[str, Any]


class CatalogDriftOperator(FinalRefusals, AwsBaseOperator[CatalogHook]):
    """Compares the columns of the physical tables with what the contracts declare.

    Args:
        tables: every physical table, as it is declared.
        rule: (declared, found), each column → type → differences in words.
    """

    aws_hook_class = CatalogHook

    def __init__(
        self,
        *,
        tables: Sequence[Table],
        rule: Callable[[Mapping[str, str], Mapping[str, str]], Sequence[str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.tables = tables
        self.rule = rule

    def execute(self, context: Any) -> dict[str, list[str]]:
        """Return the differences by `database.table`; empty if there are none."""
        drifted: dict[str, list[str]] = {}
        for table in self.tables:
            label = f"{table.database}.{table.name}"
            if not self.hook.has_table(table.database, table.name):
                drifted[label] = ["not in the catalog"]
                continue
            found = _columns(self.hook.table(table.database, table.name))
            if differences := list(self.rule(_columns(table.table_input), found)):
                drifted[label] = differences
        if drifted:
            self.log.warning("The catalog drifted; deploy again to settle it: %s", drifted)
        return drifted


def _columns(table: Mapping[str, Any]) -> dict[str, str]:
    listed = [*table["StorageDescriptor"]["Columns"], *table.get("PartitionKeys", ())]
    return {column["Name"]: column["Type"] for column in listed}
