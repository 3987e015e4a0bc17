"""Column statistics of tables and partitions: kept and given back, used by nobody here."""

import json
import sqlite3
from typing import Any

from include.local_aws.catalog.partitions import existing_key
from include.local_aws.catalog.reading import Catalog
from include.local_aws.catalog.requests import name_of, required
from include.local_aws.front.context import AwsError, Context, Handler

MOST_UPDATED, MOST_READ = 25, 100


def statistics_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers for column statistics by action name."""
    statistics = ColumnStatistics(Catalog(context))
    verbs = {
        "Update": statistics.update,
        "Get": statistics.get,
        "Delete": statistics.delete,
    }
    return {
        f"{verb}ColumnStatisticsFor{owner}": handler
        for verb, handler in verbs.items()
        for owner in ("Table", "Partition")
    }


class ColumnStatistics:
    """Handlers: each takes a request about a table, or with PartitionValues about a partition."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog = catalog

    def _owner(
        self, db: sqlite3.Connection, body: dict[str, Any]
    ) -> tuple[dict[str, Any], tuple[str, str, str]]:
        """Give the table of a request, and what its statistics are stored under.

        Raises:
            AwsError: EntityNotFoundException, no such table or partition.
        """
        table = self._catalog.table(name_of(body, "DatabaseName"), name_of(body, "TableName"))
        values = body.get("PartitionValues")
        key = "" if values is None else existing_key(db, table, values)
        return table, (table["DatabaseName"], table["Name"], key)

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateColumnStatisticsFor…: what is of no column is listed in Errors."""
        given = required(body, "ColumnStatisticsList")
        if len(given) > MOST_UPDATED:
            raise _invalid(f"ColumnStatisticsList has {len(given)} entries of {MOST_UPDATED}")
        errors = []
        with self._catalog.store.writing() as db:
            table, owner = self._owner(db, body)
            columns = {column["Name"].lower() for column in _columns(table)}
            for statistics in given:
                column = str(statistics.get("ColumnName", "")).lower()
                if column not in columns:
                    error = _error(column)
                    errors.append({"ColumnStatistics": statistics, "Error": error})
                    continue
                db.execute(
                    "INSERT OR REPLACE INTO statistics VALUES (?, ?, ?, ?, ?)",
                    (*owner, column, json.dumps(statistics)),
                )
        return {"Errors": errors}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetColumnStatisticsFor…: columns without statistics are listed in Errors."""
        names = [name.lower() for name in required(body, "ColumnNames")]
        if len(names) > MOST_READ:
            raise _invalid(f"ColumnNames has {len(names)} entries of {MOST_READ}")
        with self._catalog.store.reading() as db:
            _, owner = self._owner(db, body)
            rows = db.execute(
                "SELECT column, document FROM statistics"
                ' WHERE database=? AND name=? AND "values"=?',
                owner,
            ).fetchall()
        known = {column: json.loads(document) for column, document in rows}
        return {
            "ColumnStatisticsList": [known[name] for name in names if name in known],
            "Errors": [
                {"ColumnName": name, "Error": _error(name)} for name in names if name not in known
            ],
        }

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteColumnStatisticsFor…, of one column."""
        column = name_of(body, "ColumnName")
        with self._catalog.store.writing() as db:
            _, owner = self._owner(db, body)
            gone = db.execute(
                'DELETE FROM statistics WHERE database=? AND name=? AND "values"=? AND column=?',
                (*owner, column),
            )
        if gone.rowcount == 0:
            raise AwsError("EntityNotFoundException", _error(column)["ErrorMessage"])
        return {}


def _columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    stored = (table.get("StorageDescriptor") or {}).get("Columns") or []
    return [*stored, *(table.get("PartitionKeys") or [])]


def _error(column: str) -> dict[str, str]:
    text = f"there are no statistics of the column '{column}'"
    return {"ErrorCode": "EntityNotFoundException", "ErrorMessage": text}


def _invalid(text: str) -> AwsError:
    return AwsError("InvalidInputException", text)
