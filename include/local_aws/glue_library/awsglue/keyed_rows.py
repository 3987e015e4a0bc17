"""Which rows of a database's table are new to a job: those beyond the keys of the last one read.

As on AWS ("Tracking processed data using job bookmarks"): the keys are `jobBookmarkKeys`, else the
table's primary key; they rise, or with `jobBookmarkKeysSortOrder: desc` fall, and rows whose keys
lie behind those that were read are not found again.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from awsglue import bookmarks
from awsglue.errors import NotSupportedHere

KEYS, ORDER = "jobBookmarkKeys", "jobBookmarkKeysSortOrder"
PRIMARY = {
    "postgresql": "SELECT a.attname FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
    " AND a.attnum = ANY(i.indkey) WHERE i.indrelid = %s::regclass AND i.indisprimary"
    " ORDER BY array_position(i.indkey::int[], a.attnum::int)",
    "mysql": "SELECT column_name FROM information_schema.key_column_usage"
    " WHERE constraint_name = 'PRIMARY' AND table_name = %s"
    " AND table_schema = database() ORDER BY ordinal_position",
}


def keys_of(engine: str, cursor: Any, options: Mapping[str, Any]) -> Sequence[str]:
    """The columns by which a table's rows are told apart from those that were read.

    Raises:
        NotSupportedHere: There are none, or it is a query.
    """
    if options.get("sampleQuery"):
        raise NotSupportedHere("a bookmark of a sampleQuery")
    if options.get(KEYS):
        return list(options[KEYS])
    table = str(options["dbtable"])
    name = table if engine == "postgresql" else table.rpartition(".")[2]
    cursor.execute(PRIMARY[engine], (name,))
    keys = [row[0] for row in cursor.fetchall()]
    if not keys:
        raise NotSupportedHere(f"a bookmark of {table}, which has no primary key, without {KEYS}")
    return keys


def descending(options: Mapping[str, Any]) -> bool:
    """Whether the keys fall.

    Raises:
        ValueError: The order is neither asc nor desc.
    """
    order = str(options.get(ORDER) or "asc").lower()
    if order not in ("asc", "desc"):
        raise ValueError(f"{ORDER} is {order!r}: asc and desc are")
    return order == "desc"


def select(
    engine: str, cursor: Any, query: str, keys: Sequence[str], falling: bool, context: str
) -> None:
    """Execute a query for the rows that no committed run has read in a context, in their order."""
    quote = '"' if engine == "postgresql" else "`"
    names = [quote + key.replace(quote, quote * 2) + quote for key in keys]
    order = ", ".join(f"{name} {'DESC' if falling else 'ASC'}" for name in names)
    before = bookmarks.current.passed(context)
    if before is None:
        cursor.execute(f"SELECT * FROM ({query}) k ORDER BY {order}")
        return
    beyond = f"({', '.join(names)}) {'<' if falling else '>'} ({', '.join(['%s'] * len(names))})"
    escaped = query.replace("%", "%%")
    cursor.execute(f"SELECT * FROM ({escaped}) k WHERE {beyond} ORDER BY {order}", before)


def remember(context: str, values: Sequence[Sequence[Any]]) -> None:
    """Remember the keys of the last row of a result that has them all."""
    for row in reversed(values):
        if None not in row:
            bookmarks.current.pass_to(context, [str(value) for value in row])
            return
