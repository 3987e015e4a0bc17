"""SearchTables: filters, text search and order, as the Glue API reference words them.

A text is compared by its tokens: `customer-link` is found by `link`, `xxlinkyy` is not
("SearchTables", Filters). The members that AWS lets one filter by and sort by are not listed there;
here they are those of `FIELDS`, any other key is a table parameter's.
"""

import operator
import re
from collections.abc import Callable
from datetime import datetime
from typing import Any

from include.local_aws.catalog.requests import page
from include.local_aws.front.context import AwsError, Context, Handler

FIELDS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "Name": lambda table: table["Name"],
    "TableName": lambda table: table["Name"],
    "DatabaseName": lambda table: table["DatabaseName"],
    "Description": lambda table: table.get("Description", ""),
    "Owner": lambda table: table.get("Owner", ""),
    "TableType": lambda table: table.get("TableType", ""),
    "CreateTime": lambda table: table["CreateTime"],
    "UpdateTime": lambda table: table["UpdateTime"],
}
TIMES = {"CreateTime", "UpdateTime"}
COMPARATORS: dict[str, Callable[[Any, Any], bool]] = {
    "EQUALS": operator.eq,
    "GREATER_THAN": operator.gt,
    "LESS_THAN": operator.lt,
    "GREATER_THAN_EQUALS": operator.ge,
    "LESS_THAN_EQUALS": operator.le,
}
TOKENS = re.compile(r"[^\w]+")


def search_actions(context: Context, tables: dict[str, Handler]) -> dict[str, Handler]:
    """Give the handler of SearchTables over the handlers of the other catalog actions."""

    def search(body: dict[str, Any]) -> dict[str, Any]:
        """SearchTables."""
        found = [table for table in _all(context, tables) if _matches(table, body)]
        for criterion in reversed(body.get("SortCriteria") or []):
            field = FIELDS.get(criterion.get("FieldName"))
            if field is None or criterion.get("Sort") not in ("ASC", "DESC"):
                raise AwsError("InvalidInputException", f"SortCriteria {criterion} is none")
            found.sort(key=field, reverse=criterion["Sort"] == "DESC")
        rows, token = page(found, body)
        return {"TableList": list(rows), **token}

    return {"SearchTables": search}


def _all(context: Context, tables: dict[str, Handler]) -> list[dict[str, Any]]:
    """Give all tables of all databases, by database and name."""
    found = []
    databases = context.forward("AWSGlue.GetDatabases", {})["DatabaseList"]
    for database in sorted(database["Name"] for database in databases):
        request = {"DatabaseName": database}
        while True:
            answer = tables["GetTables"](request)
            found += answer["TableList"]
            if "NextToken" not in answer:
                break
            request["NextToken"] = answer["NextToken"]
    return found


def _matches(table: dict[str, Any], body: dict[str, Any]) -> bool:
    """Say whether a table fulfils all filters and has the text that is searched for."""
    return all(_passes(table, one) for one in body.get("Filters") or []) and _has(
        table, body.get("SearchText") or ""
    )


def _passes(table: dict[str, Any], predicate: dict[str, Any]) -> bool:
    """Check one PropertyPredicate."""
    key, wanted = predicate.get("Key", ""), predicate.get("Value", "")
    if key in TIMES:
        compare = COMPARATORS.get(predicate.get("Comparator", "EQUALS"))
        try:
            moment = datetime.fromisoformat(wanted).timestamp()
        except ValueError as error:
            raise AwsError("InvalidInputException", f"{key}: {wanted!r} is no time") from error
        if compare is None:
            raise AwsError("InvalidInputException", f"{predicate}: Comparator is none")
        return compare(FIELDS[key](table), moment)
    value = FIELDS[key](table) if key in FIELDS else table.get("Parameters", {}).get(key)
    return value is not None and wanted.lower() in _tokens(str(value)) | {str(value).lower()}


def _has(table: dict[str, Any], text: str) -> bool:
    """Say whether every word of a text, or all of it in quotes, is in what describes a table."""
    columns = table.get("StorageDescriptor", {}).get("Columns", []) + table.get("PartitionKeys", [])
    texts = [table["Name"], table["DatabaseName"], table.get("Description") or ""]
    texts += [column.get("Name", "") for column in columns]
    texts += [column.get("Comment") or "" for column in columns]
    texts += [str(value) for value in table.get("Parameters", {}).values()]
    if len(text) > 1 and text[0] == text[-1] == '"':
        return text[1:-1].lower() in {one.lower() for one in texts}
    words = set().union(*map(_tokens, texts))
    return _tokens(text) <= words


def _tokens(text: str) -> set[str]:
    return {token for token in TOKENS.split(text.lower()) if token}
