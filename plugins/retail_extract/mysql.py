"""Reading one MySQL or MariaDB table as of one instant, as a stream of rows."""

import ssl
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from retail_extract.credentials import RefusedCredentials, authorities_file
from retail_extract.errors import ExtractError
from retail_extract.table import Extract, ExtractColumn

if TYPE_CHECKING:
    import pyarrow as pa

_WHOLE = frozenset({"tinyint", "smallint", "mediumint", "int", "bigint"})
# What each declared type may be in the database; tinyint(1) is how it keeps a boolean.
DATA_TYPES: dict[str, frozenset[str]] = {
    "string": frozenset(
        {"char", "varchar", "tinytext", "text", "mediumtext", "longtext", "enum", "uuid"}
    ),
    "integer": _WHOLE,
    "decimal": _WHOLE | {"decimal"},
    "timestamp": frozenset({"timestamp", "datetime"}),
    "date": frozenset({"date"}),
    "boolean": frozenset({"tinyint(1)"}),
}
BATCH_ROWS = 8192
BATCH_BYTES = 4 << 20  # whichever is reached first
READ_SECONDS = 900  # without a byte; sorting comes before the first one
REFUSALS = (1044, 1045, 1049, 1698)  # of the user, of the password, of the database
# The session's own settings: instants in UTC, no limit that would cut the result, keys compared to
# their end (an index has at most 3072 bytes), a server that waits while S3 is slow.
SETTINGS = (
    "SET SESSION time_zone = '+00:00', SESSION sql_select_limit = 18446744073709551615, "
    "SESSION max_sort_length = 3072, SESSION net_write_timeout = 900"
)


class MySqlSnapshot:
    """One REPEATABLE READ, READ ONLY transaction WITH CONSISTENT SNAPSHOT.

    Args:
        secret: host, port, dbname, username, password, sslmode and optionally sslrootcert.
        program_name: how the session is shown in performance_schema.session_connect_attrs.

    Raises:
        RefusedCredentials: user, password or database are wrong.
    """

    def __init__(self, secret: Mapping[str, Any], program_name: str) -> None:
        import pymysql

        encoders: Any = pymysql.converters.encoders  # no decoders
        self.database = str(secret["dbname"])
        try:
            self.connection: Any = pymysql.connect(
                host=secret["host"],
                port=int(secret["port"]),
                database=self.database,
                user=secret["username"],
                password=secret["password"],
                charset="utf8mb4",
                use_unicode=False,  # values stay the bytes that were sent: Arrow reads them
                conv=encoders,
                autocommit=True,
                connect_timeout=10,
                read_timeout=READ_SECONDS,
                write_timeout=READ_SECONDS,
                program_name=program_name,
                ssl=_tls(secret),
            )
        except pymysql.err.OperationalError as error:
            if error.args[0] in REFUSALS:
                raise RefusedCredentials(error.args[1]) from None
            raise
        self._require_tls(secret["sslmode"])
        self._execute("SET SESSION TRANSACTION ISOLATION LEVEL REPEATABLE READ")
        self._execute(SETTINGS)
        self._execute("START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY")
        ((version, session, instant),) = self._execute(
            "SELECT VERSION(), CONNECTION_ID(), UTC_TIMESTAMP(6)"
        )
        self.identity = f"{version} session {session} at {instant}"

    def close(self) -> None:
        """End the transaction and the session."""
        if self.connection.open:
            self.connection.close()

    def require_types(self, extract: Extract) -> None:
        """Check the columns and the table's storage against the declared ones."""
        actual = self._columns(extract)
        if not actual:
            raise ExtractError(f"table {extract.name} is not in the database")
        wrong = [
            f"{column.name} is missing"
            if column.name not in actual
            else f"{column.name} is {actual[column.name].text}, declared {column.type}"
            for column in extract.columns
            if column.name not in actual or not actual[column.name].names & DATA_TYPES[column.type]
        ]
        if wrong:
            raise ExtractError(f"{extract.name} has drifted from its contract: {wrong}")
        storage = self._execute(
            "SELECT COALESCE(engine, table_type) FROM information_schema.tables "
            "WHERE table_schema = %s AND table_name = %s",
            (extract.schema or self.database, extract.table),
        )
        if storage != [("InnoDB",)]:
            raise ExtractError(
                f"{extract.name} is kept by {storage[0][0]}, which has no snapshots: rows that "
                "move while it is read would be read twice or not at all; name an InnoDB table"
            )

    @contextmanager
    def stream(
        self, extract: Extract, start: datetime | None, end: datetime
    ) -> Iterator["TextStream"]:
        """Stream the rows with `start` <= time column < `end`, in a total order."""
        import pymysql

        actual = self._columns(extract)
        naive = frozenset(name for name, kind in actual.items() if "datetime" in kind.names)
        cursor: Any = self.connection.cursor(pymysql.cursors.SSCursor)
        try:
            cursor.execute(_select(extract, naive, start, end))
            yield TextStream(cursor, extract.columns, naive)
        except pymysql.err.MySQLError as error:
            raise ExtractError(f"SELECT of {extract.name} failed: {error}") from error
        finally:
            # An unfinished result would be read to its end; ending the session ends it at once.
            if cursor._result is not None:
                cursor._result.unbuffered_active = False
            self.close()

    def _columns(self, extract: Extract) -> dict[str, "_Kind"]:
        rows = self._execute(
            "SELECT column_name, data_type, column_type FROM information_schema.columns "
            "WHERE table_schema = %s AND table_name = %s",
            (extract.schema or self.database, extract.table),
        )
        return {
            name: _Kind(frozenset({kind, text.split(" ")[0]}), text) for name, kind, text in rows
        }

    def _execute(self, statement: str, values: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
        with self.connection.cursor() as cursor:
            cursor.execute(statement, values or None)
            return [tuple(str(value, "utf-8") for value in row) for row in cursor.fetchall()]

    def _require_tls(self, mode: str) -> None:
        # pymysql goes on in clear text with a server that offers no TLS
        if mode not in ("disable", "prefer") and not self.connection._secure:
            self.close()
            raise ExtractError(
                f"the server offers no TLS, but sslmode is {mode}: turn it on there, or give "
                "sslmode prefer"
            )


@dataclass(frozen=True)
class _Kind:
    """A column of the database: its type without and with a length, and all that is said of it."""

    names: frozenset[str]
    text: str


class TextStream:
    """The rows of one SELECT, each value as the text that the server sends.

    Args:
        cursor: unbuffered, executed.
        columns: those selected.
        naive: names of the timestamps that are kept without a zone.
    """

    def __init__(
        self, cursor: Any, columns: tuple[ExtractColumn, ...], naive: frozenset[str]
    ) -> None:
        self.rows: int | None = None
        self._cursor = cursor
        self._columns = columns
        self._naive = naive

    @property
    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows in batches of BATCH_ROWS or BATCH_BYTES."""
        from retail_extract.parquet import batch_of_text

        count = size = 0
        rows: list[tuple[bytes | None, ...]] = []
        for row in iter(self._cursor.fetchone, None):
            rows.append(row)
            size += sum(map(len, filter(None, row)))
            if len(rows) >= BATCH_ROWS or size >= BATCH_BYTES:
                yield batch_of_text(rows, self._columns, self._naive)
                count, size, rows = count + len(rows), 0, []
        if rows:
            yield batch_of_text(rows, self._columns, self._naive)
        self.rows = count + len(rows)


def _select(extract: Extract, naive: frozenset[str], start: datetime | None, end: datetime) -> str:
    columns = {column.name: column for column in extract.columns}
    time = _quoted(extract.time_column)
    zone = columns[extract.time_column].time_zone if extract.time_column in naive else "UTC"
    since = ""
    if start is not None:
        # what lies before any date that there may be is a zero date: it is read, and refused
        since = f"({time} >= '{_wall(start, zone)}' OR {time} < '1000-01-01') AND "
    keys = [
        # Byte order: neither a collation nor trailing spaces may change the order, and so the file.
        f"CAST(CONVERT({_quoted(name)} USING utf8mb4) AS BINARY)"
        if columns[name].type == "string"
        else _quoted(name)
        for name in extract.order_by
    ]
    table = ".".join(_quoted(name) for name in (extract.schema, extract.table) if name)
    return (
        f"SELECT {', '.join(_quoted(name) for name in columns)} FROM {table} "
        f"WHERE {since}{time} < '{_wall(end, zone)}' OR {time} IS NULL "
        f"ORDER BY {time} IS NULL, {time}, {', '.join(keys)}"
    )


def _wall(instant: datetime, zone: str | None) -> str:
    """Return what the zone's clocks show; the naive values of a column are compared with it."""
    local = instant.astimezone(ZoneInfo(zone) if zone else UTC)
    return local.strftime("%Y-%m-%d %H:%M:%S.%f")


def _quoted(name: str) -> str:
    return "`" + name.replace("`", "``") + "`"


def _tls(secret: Mapping[str, Any]) -> ssl.SSLContext | None:
    """Return how to encrypt; None in clear text."""
    mode = secret["sslmode"]
    if mode == "disable":
        return None
    with authorities_file(secret) as authorities:
        context = ssl.create_default_context(cafile=authorities)
    context.check_hostname = mode == "verify-full"
    if not mode.startswith("verify"):
        context.verify_mode = ssl.CERT_NONE
    return context
