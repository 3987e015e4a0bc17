"""One day's rows of a database table as one Parquet file."""

from collections.abc import Callable, Mapping
from typing import Any

from retail_extract.business_day import BusinessDay
from retail_extract.errors import ExtractError
from retail_extract.multipart import MultipartObject
from retail_extract.snapshot import open_snapshot
from retail_extract.table import Extract


def write_rows(
    target: MultipartObject,
    day: BusinessDay,
    extract: Extract,
    secret: Mapping[str, Any],
    secret_id: str,
    session: str,
    progress: Callable[[int], None] = lambda rows: None,
) -> Mapping[str, Any]:
    """Stream the rows of one snapshot, with memory that does not depend on their number.

    Args:
        target: what to write to; it is not finished here.
        day: whose rows to write, as the extract says.
        extract: what to read.
        secret: of the database; see `open_snapshot`.
        secret_id: its name, for messages.
        session: how the session is called in the database's list of sessions.
        progress: called with the rows written after every row group.

    Returns:
        What the manifest says of it: `rows`, `snapshot` and `from`.

    Raises:
        ExtractError: the table is not as declared, or not all of its rows arrived.
    """
    from retail_extract.parquet import write_parquet

    snapshot = open_snapshot(secret, secret_id, session)
    try:
        snapshot.require_types(extract)
        first = extract.first_instant(day.start)
        with snapshot.stream(extract, first, day.end) as stream:
            rows = write_parquet(stream.batches, target, extract.columns, progress)
    finally:
        snapshot.close()
    if rows != stream.rows:
        raise ExtractError(
            f"{extract.name} on {day.day}: the database sent {stream.rows} rows, "
            f"{rows} were written"
        )
    return {
        "rows": rows,
        "snapshot": snapshot.identity,
        "from": first.isoformat() if first else None,
    }
