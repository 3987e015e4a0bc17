"""What a query engine reads from the catalog: a table, and the partitions a predicate leaves."""

import json
from collections.abc import Callable, Sequence
from typing import Any

from include.local_aws.catalog.expressions import parse
from include.local_aws.catalog.store import Store
from include.local_aws.front.context import Context


class Catalog:
    """Reads tables and partitions as the Glue API shows them; may be shared by threads."""

    def __init__(self, context: Context) -> None:
        self.store = Store(context)

    def table(self, database: str, name: str) -> dict[str, Any]:
        """Give a table's current version in Glue's Table shape, VersionId included.

        Raises:
            AwsError: EntityNotFoundException when there is no such table.
        """
        return self.store.table(database.lower(), name.lower())

    def partitions(
        self, database: str, name: str, expression: str | None = None
    ) -> list[dict[str, Any]]:
        """Give a table's partitions in Glue's Partition shape, sorted by their values.

        Args:
            database: database name.
            name: table name.
            expression: as in GetPartitions; None for all.

        Raises:
            AwsError: EntityNotFoundException, or InvalidInputException for the expression.
        """
        table = self.table(database, name)
        return self.documents(table, self.values(table, expression))

    def values(self, table: dict[str, Any], expression: str | None = None) -> list[str]:
        """Give the sorted keys (JSON lists of values) of the table's partitions that match."""
        wanted = self._filter(table, expression) if expression else None
        with self.store.reading() as db:
            rows = db.execute(
                'SELECT "values" FROM partitions WHERE database=? AND name=? ORDER BY "values"',
                (table["DatabaseName"], table["Name"]),
            ).fetchall()
        keys = [str(row[0]) for row in rows]
        return keys if wanted is None else [key for key in keys if wanted(json.loads(key))]

    def _filter(self, table: dict[str, Any], expression: str) -> Callable[[list[str]], bool]:
        """Compile an expression to a predicate over a partition's list of values."""
        types = {key["Name"].lower(): key["Type"] for key in table.get("PartitionKeys", [])}
        predicate = parse(expression, types)
        return lambda values: predicate(dict(zip(types, values, strict=True))) is True

    def documents(self, table: dict[str, Any], keys: Sequence[str]) -> list[dict[str, Any]]:
        """Give the partitions with these keys, in the keys' order; unknown keys are left out."""
        with self.store.reading() as db:
            rows = [
                db.execute(
                    'SELECT document FROM partitions WHERE database=? AND name=? AND "values"=?',
                    (table["DatabaseName"], table["Name"], key),
                ).fetchone()
                for key in keys
            ]
        return [json.loads(row[0]) for row in rows if row]
