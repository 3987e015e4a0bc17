"""Reading one PostgreSQL table as of one instant, as a CSV stream."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from io import BufferedWriter, RawIOBase
from queue import Full, Queue
from threading import Event, Thread
from typing import TYPE_CHECKING, Any

from retail_extract.credentials import RefusedCredentials, authorities_file
from retail_extract.errors import ExtractError
from retail_extract.table import Extract

if TYPE_CHECKING:
    import pyarrow as pa

# What `COPY … CSV` may deliver for each declared type, by the OID of pg_type.
TYPE_OIDS: dict[str, frozenset[int]] = {
    "string": frozenset({25, 1042, 1043, 2950}),  # text, char, varchar, uuid
    "integer": frozenset({20, 21, 23}),  # bigint, smallint, integer
    "decimal": frozenset({1700, 20, 21, 23}),  # numeric and the integers
    "timestamp": frozenset({1184}),  # timestamp with time zone
    "date": frozenset({1082}),
    "boolean": frozenset({16}),
}
BLOCK_BYTES = 1 << 20  # of CSV, parsed at once; a longer row is a block of its own
BLOCKS_AHEAD = 4
SORT_MEMORY = "64MB"  # of the server, to sort without an index; its usual 4 MB take twice as long
# How a server says that user and password do not fit: psycopg2 has no SQLSTATE while connecting.
REFUSALS = ("password authentication failed", "no pg_hba.conf entry", "does not exist")


class PostgresSnapshot:
    """One REPEATABLE READ, READ ONLY transaction: every statement in it sees the same rows.

    Args:
        secret: host, port, dbname, username, password, sslmode and optionally sslrootcert.
        application_name: how the session is shown in pg_stat_activity.

    Raises:
        RefusedCredentials: user or password are wrong.
    """

    def __init__(self, secret: Mapping[str, Any], application_name: str) -> None:
        import psycopg2
        from psycopg2.extensions import ISOLATION_LEVEL_REPEATABLE_READ

        with authorities_file(secret) as authorities:
            try:
                self.connection: Any = psycopg2.connect(
                    host=secret["host"],
                    port=int(secret["port"]),
                    dbname=secret["dbname"],
                    user=secret["username"],
                    password=secret["password"],
                    application_name=application_name[:63],
                    sslmode=secret["sslmode"],
                    sslrootcert=authorities,
                    connect_timeout=10,
                    keepalives_idle=30,
                    keepalives_interval=10,
                    keepalives_count=6,
                )
            except psycopg2.OperationalError as error:
                if any(words in str(error) for words in REFUSALS):
                    raise RefusedCredentials(str(error).strip()) from None
                raise
        self.connection.set_session(
            isolation_level=ISOLATION_LEVEL_REPEATABLE_READ, readonly=True, autocommit=False
        )
        self.connection.set_client_encoding("UTF8")
        with self.connection.cursor() as cursor:
            # COPY prints values with the session's settings. A policy that would hide rows from
            # this user is to be an error, not a shorter extract.
            cursor.execute(
                "SET TIME ZONE 'UTC'; SET datestyle TO 'ISO, YMD'; SET row_security TO off"
            )
            cursor.execute("SELECT pg_current_snapshot()::text")
            ((self.identity,),) = cursor.fetchall()
            cursor.execute(
                "SELECT set_config('work_mem', %s, false) "
                "WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes(%s)",
                (SORT_MEMORY, SORT_MEMORY),
            )

    def close(self) -> None:
        """End the transaction and the session."""
        self.connection.close()

    def require_types(self, extract: Extract) -> None:
        """Check the columns of the database against the declared ones."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT a.attname, a.atttypid::int, format_type(a.atttypid, a.atttypmod) "
                "FROM pg_attribute a WHERE a.attrelid = to_regclass(%s) "
                "AND a.attnum > 0 AND NOT a.attisdropped",
                (_table(extract).as_string(self.connection),),
            )
            actual = {name: (oid, text) for name, oid, text in cursor.fetchall()}
        if not actual:
            raise ExtractError(f"table {extract.name} is not in the database")
        wrong = [
            f"{column.name} is missing"
            if column.name not in actual
            else f"{column.name} is {actual[column.name][1]}, declared {column.type}"
            for column in extract.columns
            if actual.get(column.name, (None,))[0] not in TYPE_OIDS[column.type]
        ]
        if wrong:
            raise ExtractError(f"{extract.name} has drifted from its contract: {wrong}")

    @contextmanager
    def stream(
        self, extract: Extract, start: datetime | None, end: datetime
    ) -> Iterator["CsvStream"]:
        """Stream the rows with `start` <= time column < `end`, in a total order."""
        with self.connection.cursor() as cursor:
            cursor.execute(
                "SELECT attnotnull FROM pg_attribute "
                "WHERE attrelid = to_regclass(%s) AND attname = %s",
                (_table(extract).as_string(self.connection), extract.time_column),
            )
            nullable = cursor.fetchall() != [(True,)]
        statement = _copy_statement(extract, start, end, nullable)
        stream = CsvStream(self.connection, statement, extract)
        try:
            yield stream
        finally:
            stream.stop()


class CsvStream:
    """The rows of one COPY: a thread receives them, batches are parsed when they are asked for.

    NULL is an empty field, the empty string is `""`. What waits between the two is bounded.
    """

    def __init__(self, connection: Any, statement: Any, extract: Extract) -> None:
        self.rows: int | None = None
        self._blocks: Queue[bytes | None] = Queue(BLOCKS_AHEAD)
        self._connection = connection
        self._extract = extract
        self._error: BaseException | None = None
        self._read = False  # to the end
        self._stopped = Event()
        self._thread = Thread(target=self._copy, args=(statement,), name="copy", daemon=True)
        self._thread.start()

    @property
    def batches(self) -> "Iterator[pa.RecordBatch]":
        """The rows, a batch per block."""
        from retail_extract.parquet import batches_of_csv

        while (block := self._blocks.get()) is not None:
            yield from batches_of_csv(block, self._extract.columns)
        self._read = True
        if self._error is not None:
            raise ExtractError(
                f"COPY of {self._extract.name} failed: {self._error}"
            ) from self._error

    def _copy(self, statement: Any) -> None:
        try:
            blocks = BufferedWriter(_Blocks(self._put), BLOCK_BYTES)
            with blocks, self._connection.cursor() as cursor:
                cursor.copy_expert(statement, blocks)
                self.rows = cursor.rowcount
        except BaseException as error:
            self._error = error
        finally:
            self._put(None)

    def _put(self, block: bytes | None) -> None:
        """Wait until there is room; once nobody reads any more, let everything go."""
        while not self._stopped.is_set():
            try:
                return self._blocks.put(block, timeout=0.1)
            except Full:
                continue

    def stop(self) -> None:
        """End the COPY if its rows were not all read, and wait for that."""
        import psycopg2

        self._stopped.set()
        if not self._read:
            with suppress(psycopg2.Error):  # a session that is gone needs no cancelling
                self._connection.cancel()
        self._thread.join()


class _Blocks(RawIOBase):
    """Takes blocks of whole rows.

    psycopg2 writes a row at a time, and the BufferedWriter between passes on what it holds before
    it takes a row that does not fit.
    """

    def __init__(self, put: Callable[[bytes], None]) -> None:
        self._put = put

    def writable(self) -> bool:
        """Say that this file is written to."""
        return True

    def write(self, data: Any) -> int:
        """Pass a block on."""
        block = bytes(data)
        if not block.endswith(b"\n"):
            raise ValueError("a block of CSV does not end where a row does")
        self._put(block)
        return len(block)


def _table(extract: Extract) -> Any:
    from psycopg2 import sql

    path = (extract.schema, extract.table) if extract.schema else (extract.table,)
    return sql.Identifier(*path)


def _copy_statement(extract: Extract, start: datetime | None, end: datetime, nullable: bool) -> Any:
    from psycopg2 import sql

    types = {column.name: column.type for column in extract.columns}
    time = sql.Identifier(extract.time_column)
    conditions = sql.SQL("{} < {}").format(time, sql.Literal(end))
    if start is not None:
        conditions = sql.SQL("{} >= {} AND {}").format(time, sql.Literal(start), conditions)
    if nullable:
        conditions = sql.SQL("{} OR {} IS NULL").format(conditions, time)
    order = [
        # The index that finds a day's rows has them in this order: what is left to sort is small.
        time,
        # Byte order: no locale of the database may change the order, and so the file.
        *(
            sql.SQL('{}::text COLLATE "C"' if types[name] == "string" else "{}").format(
                sql.Identifier(name)
            )
            for name in extract.order_by
        ),
    ]
    return sql.SQL(
        "COPY (SELECT {columns} FROM {table} WHERE {conditions} ORDER BY {order}) "
        "TO STDOUT WITH (FORMAT csv, NULL '', ENCODING 'UTF8')"
    ).format(
        columns=sql.SQL(", ").join(sql.Identifier(column.name) for column in extract.columns),
        table=_table(extract),
        conditions=conditions,
        order=sql.SQL(", ").join(order),
    )
