"""What to read of a database table, whichever engine the table lies in."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

TYPES = ("string", "integer", "decimal", "timestamp", "date", "boolean")
#: which rows a day's extract holds
ROWS = ("of_the_day", "until_day_end")


@dataclass(frozen=True)
class ExtractColumn:
    """A column to read: its name in the database and its declared type.

    `type` is one of TYPES; a decimal needs `precision` and `scale`. `time_zone` is the zone of a
    timestamp that the database keeps without one.
    """

    name: str
    type: str
    precision: int | None = None
    scale: int | None = None
    time_zone: str | None = None

    def __post_init__(self) -> None:
        """Refuse a type that cannot be read exactly."""
        if self.type not in TYPES:
            raise ValueError(f"column {self.name}: type {self.type!r} is not one of {TYPES}")
        if self.type == "decimal" and (self.precision is None or self.scale is None):
            raise ValueError(f"column {self.name}: a decimal needs its precision and scale")

    @property
    def declared(self) -> str:
        """The declared type for messages."""
        if self.type == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return self.type


@dataclass(frozen=True)
class Extract:
    """What to read: columns of a table, by time and key, as far as the time says.

    The names become quoted identifiers; only columns named here are read. Without a schema the
    table is looked up where the database's user works. `rows` is one of ROWS: those of the day's
    half-open interval, or all until its end.
    """

    schema: str | None
    table: str
    columns: tuple[ExtractColumn, ...]
    order_by: tuple[str, ...]
    time_column: str
    rows: str = "of_the_day"

    def __post_init__(self) -> None:
        """Refuse an order that does not fix the bytes, and a time column that is no instant."""
        types = {column.name: column.type for column in self.columns}
        unknown = [name for name in self.order_by if name not in types]
        if not self.order_by or unknown:
            raise ValueError(f"{self.name}: order_by {self.order_by} must name its key columns")
        if types.get(self.time_column) != "timestamp":
            raise ValueError(f"{self.name}: {self.time_column} must be a declared timestamp column")
        if self.rows not in ROWS:
            raise ValueError(f"{self.name}: rows {self.rows!r} is not one of {ROWS}")

    @classmethod
    def from_contract(cls, contract: Any) -> "Extract":
        """Take table, delivered columns, key and time column from a data contract.

        Args:
            contract: has `source` (schema, table, time_column, rows), `delivered_columns` (source,
                type, precision, scale, primary_key, time_zone) and `column(name)`.
        """
        source = contract.source
        keys = [column for column in contract.delivered_columns if column.primary_key]
        return cls(
            schema=source.schema,
            table=source.table,
            columns=tuple(
                ExtractColumn(
                    column.source, column.type, column.precision, column.scale, column.time_zone
                )
                for column in contract.delivered_columns
            ),
            order_by=tuple(
                column.source for column in sorted(keys, key=lambda column: column.primary_key)
            ),
            time_column=contract.column(source.time_column).source,
            rows=source.rows,
        )

    @property
    def name(self) -> str:
        """The table's name for messages."""
        return f"{self.schema}.{self.table}" if self.schema else self.table

    def first_instant(self, start: datetime) -> datetime | None:
        """Return where the rows begin, given where the day does: None is at the very first."""
        return start if self.rows == "of_the_day" else None


class RowStream(Protocol):
    """The rows of one SELECT, read while they arrive."""

    @property
    def batches(self) -> Iterator["pa.RecordBatch"]:
        """The rows in Arrow batches, with the columns of `parquet.arrow_schema`."""

    @property
    def rows(self) -> int | None:
        """How many rows the database says it sent, known after the end."""


class Snapshot(Protocol):
    """A read-only transaction in which every statement sees the same rows.

    Attributes:
        identity: what the database calls the instant that is seen.
    """

    identity: str

    def require_types(self, extract: Extract) -> None:
        """Check the columns of the database against the declared ones.

        Raises:
            ExtractError: naming the columns that are missing or of another type.
        """

    def stream(
        self, extract: Extract, start: datetime | None, end: datetime
    ) -> AbstractContextManager[RowStream]:
        """Stream the rows with `start` <= time column < `end`, by time and then by key.

        Text is in the order of its bytes. A row whose time column is NULL is of no day, so it is in
        every extract, at the end, where a check sees it. Leaving the block early ends the query.

        Raises:
            ExtractError: when leaving the block, if the database failed in the middle: the
                end of the stream was then no end of the data.
        """

    def close(self) -> None:
        """End the transaction and the session."""
