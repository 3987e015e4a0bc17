"""Reading one PostgreSQL table as of one instant, as a CSV stream."""

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from io import BufferedReader, FileIO
from typing import Any

from airflow.sdk.exceptions import AirflowException

# What `COPY … CSV` may deliver for each declared type, by the OID of pg_type.
TYPE_OIDS: dict[str, frozenset[int]] = {
    "string": frozenset({25, 1042, 1043, 2950}),  # text, char, varchar, uuid
    "integer": frozenset({20, 21, 23}),  # bigint, smallint, integer
    "decimal": frozenset({1700, 20, 21, 23}),  # numeric and the integers
    "timestamp": frozenset({1184}),  # timestamp with time zone
    "date": frozenset({1082}),
    "boolean": frozenset({16}),
}
PIPE_BYTES = 1 << 20
SECRET_KEYS = ("host", "port", "dbname", "username", "password")


@dataclass(frozen=True)
class ExtractColumn:
    """A column to read: its name in the database and its declared type.

    `type` is one of TYPE_OIDS; a decimal needs `precision` and `scale`.
    """

    name: str
    type: str
    precision: int | None = None
    scale: int | None = None

    def __post_init__(self) -> None:
        """Refuse a type that cannot be read exactly."""
        if self.type not in TYPE_OIDS:
            raise ValueError(f"column {self.name}: type {self.type!r} is not {sorted(TYPE_OIDS)}")
        if self.type == "decimal" and (self.precision is None or self.scale is None):
            raise ValueError(f"column {self.name}: a decimal needs its precision and scale")


@dataclass(frozen=True)
class Extract:
    """What to read: columns of a table, in key order, for a half-open interval of one column.

    The names become quoted identifiers; only columns named here are read.
    """

    schema: str
    table: str
    columns: tuple[ExtractColumn, ...]
    order_by: tuple[str, ...]
    time_column: str

    def __post_init__(self) -> None:
        """Refuse an order that does not fix the bytes, and a time column that is no instant."""
        types = {column.name: column.type for column in self.columns}
        unknown = [name for name in self.order_by if name not in types]
        if not self.order_by or unknown:
            raise ValueError(f"{self.name}: order_by {self.order_by} must name its key columns")
        if types.get(self.time_column) != "timestamp":
            raise ValueError(f"{self.name}: {self.time_column} must be a declared timestamp column")

    @classmethod
    def from_contract(cls, contract: Any) -> "Extract":
        """Take table, delivered columns, key and business time from a data contract.

        Args:
            contract: has `source` (schema, table, business_time), `delivered_columns` (source,
                type, precision, scale, primary_key) and `column(name)`.
        """
        keys = [column for column in contract.delivered_columns if column.primary_key]
        return cls(
            schema=contract.source.schema,
            table=contract.source.table,
            columns=tuple(
                ExtractColumn(column.source, column.type, column.precision, column.scale)
                for column in contract.delivered_columns
            ),
            order_by=tuple(
                column.source for column in sorted(keys, key=lambda column: column.primary_key)
            ),
            time_column=contract.column(contract.source.business_time).source,
        )

    @property
    def name(self) -> str:
        """The table's name for messages."""
        return f"{self.schema}.{self.table}"


class Snapshot:
    """One REPEATABLE READ, READ ONLY transaction: every statement in it sees the same rows.

    Args:
        secret: host, port, dbname, username, password and optionally sslmode, sslrootcert.
        application_name: how the session is shown in pg_stat_activity.
    """

    def __init__(self, secret: dict[str, Any], application_name: str) -> None:
        import psycopg2
        from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

        missing = [key for key in SECRET_KEYS if key not in secret]
        if missing:
            raise AirflowException(f"the database secret has no {', '.join(missing)}")
        optional = {key: secret[key] for key in ("sslmode", "sslrootcert") if key in secret}
        self.connection = psycopg2.connect(
            host=secret["host"],
            port=int(secret["port"]),
            dbname=secret["dbname"],
            user=secret["username"],
            password=secret["password"],
            application_name=application_name[:63],
            connect_timeout=10,
            keepalives_idle=30,
            keepalives_interval=10,
            keepalives_count=6,
            **optional,
        )
        self.connection.set_session(
            isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False
        )
        self.connection.set_client_encoding("UTF8")
        with self.connection.cursor() as cursor:
            # COPY prints values with the session's settings.
            cursor.execute("SET TIME ZONE 'UTC'; SET datestyle TO 'ISO, YMD'")
            cursor.execute("SELECT pg_current_snapshot()::text")
            self.identity = str(cursor.fetchone()[0])

    def close(self) -> None:
        """End the transaction and the session."""
        self.connection.close()

    def require_types(self, extract: Extract) -> None:
        """Check the columns of the database against the declared ones.

        Raises:
            AirflowException: naming the columns that are missing or of another type.
        """
        from psycopg2 import sql

        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT a.attname, a.atttypid::int, format_type(a.atttypid, a.atttypmod) "
                "FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) "
                "AND a.attnum > 0 AND NOT a.attisdropped",
                (sql.Identifier(extract.schema, extract.table).as_string(self.connection),),
            )
            actual = {name: (oid, text) for name, oid, text in cursor.fetchall()}
        if not actual:
            raise AirflowException(f"table {extract.name} is not in the database")
        wrong = [
            f"{column.name} is missing"
            if column.name not in actual
            else f"{column.name} is {actual[column.name][1]}, declared {column.type}"
            for column in extract.columns
            if actual.get(column.name, (None,))[0] not in TYPE_OIDS[column.type]
        ]
        if wrong:
            raise AirflowException(f"{extract.name} has drifted from its contract: {wrong}")

    @contextmanager
    def csv(self, extract: Extract, start: datetime, end: datetime) -> Iterator["CsvStream"]:
        """Stream the rows with `start` <= time column < `end`, ordered by the key.

        NULL is an empty field, the empty string is `""`. Leaving the block early ends the COPY.

        Raises:
            AirflowException: when leaving the block, if the database failed in the middle: the
                end of the stream was then no end of the data.
        """
        stream = CsvStream(self, _copy_statement(extract, start, end))
        try:
            yield stream
        except BaseException:
            stream.stop(cancel=True)
            stream.raise_for_error(extract)  # the cause, if the database failed first
            raise
        stream.stop()
        stream.raise_for_error(extract)


class CsvStream:
    """The CSV of one COPY: `file` is read while a thread lets psycopg2 write into a pipe."""

    def __init__(self, snapshot: Snapshot, statement: Any) -> None:
        read_end, write_end = os.pipe()
        _widen(write_end)
        self.file = BufferedReader(FileIO(read_end), PIPE_BYTES)
        self.rows: int | None = None
        self._error: BaseException | None = None
        self._stopped = False
        self._snapshot = snapshot
        self._thread = threading.Thread(
            target=self._copy, args=(statement, write_end), name="copy", daemon=True
        )
        self._thread.start()

    def _copy(self, statement: Any, write_end: int) -> None:
        try:
            with (
                os.fdopen(write_end, "wb", buffering=PIPE_BYTES) as pipe,
                self._snapshot.connection.cursor() as cursor,
            ):
                cursor.copy_expert(statement, pipe)
                self.rows = cursor.rowcount
        except BaseException as error:
            if not self._stopped:
                self._error = error

    def stop(self, cancel: bool = False) -> None:
        """Close the pipe and wait for the end of the COPY, which may be cancelled."""
        self._stopped = True
        if cancel:
            self._snapshot.connection.cancel()
        self.file.close()
        self._thread.join()

    def raise_for_error(self, extract: Extract) -> None:
        """Raise what the COPY failed with."""
        if self._error is not None:
            raise AirflowException(f"COPY of {extract.name} failed: {self._error}") from self._error


def _copy_statement(extract: Extract, start: datetime, end: datetime) -> Any:
    from psycopg2 import sql

    types = {column.name: column.type for column in extract.columns}
    keys = [
        # Byte order: no locale of the database may change the order, and so the file.
        sql.SQL('{} COLLATE "C"' if types[name] == "string" else "{}").format(sql.Identifier(name))
        for name in extract.order_by
    ]
    return sql.SQL(
        "COPY (SELECT {columns} FROM {table} WHERE {time} >= {start} AND {time} < {end} "
        "ORDER BY {keys}) TO STDOUT WITH (FORMAT csv, NULL '', ENCODING 'UTF8')"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in extract.columns),
        table=sql.Identifier(extract.schema, extract.table),
        time=sql.Identifier(extract.time_column),
        start=sql.Literal(start),
        end=sql.Literal(end),
        keys=sql.SQL(", ").join(keys),
    )


def _widen(pipe: int) -> None:
    import fcntl

    if hasattr(fcntl, "F_SETPIPE_SZ"):  # Linux; elsewhere the default size works, slower
        fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, PIPE_BYTES)
