"""One DuckDB connection per query: settings that make it count and sort as Athena does."""

import json
import threading
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from include.local_aws.athena.errors import OTHER, SYSTEM, QueryError
from include.local_aws.athena.macros import MACROS
from include.local_aws.athena.types import Column, literal
from include.local_aws.front.context import Context

MEMORY_LIMIT = "1500MB"
OWN_ERRORS = ("DIVISION_BY_ZERO", "INVALID_CAST_ARGUMENT", "INVALID_FUNCTION_ARGUMENT",
              "NOT_SUPPORTED", "HIVE_BAD_DATA", "HIVE_CURSOR_ERROR")  # fmt: skip


class Engine:
    """A fresh in-memory DuckDB that reads the lake, and counts the bytes that it reads.

    Args:
        context: where MiniStack is.
        scratch: folder for what does not fit in memory.
        threads: 1 for statements that write files, so that equal rows give equal bytes.
    """

    def __init__(self, context: Context, scratch: Path, threads: int) -> None:
        self.bytes_scanned = 0
        self.interrupted = threading.Event()
        self._connection = duckdb.connect(
            config={"threads": threads, "autoinstall_known_extensions": False}
        )
        run = self._connection.execute
        run(f"LOAD {literal(str(_httpfs()))}")
        run(f"SET temp_directory = {literal(str(scratch))}")
        run(f"SET memory_limit = '{MEMORY_LIMIT}'")
        run("SET TimeZone = 'UTC'")
        run("SET default_null_order = 'nulls_last'")
        run("SET enable_external_file_cache = false")
        run("SET parquet_metadata_cache = true")
        run("SET preserve_insertion_order = true")
        run("SET enable_progress_bar = false")
        url, credentials = urlsplit(context.endpoint), context.credentials()
        run(
            "CREATE SECRET (TYPE s3, PROVIDER config, URL_STYLE 'path', "
            f"USE_SSL {str(url.scheme == 'https').lower()}, ENDPOINT {literal(url.netloc)}, "
            f"REGION {literal(context.region)}, KEY_ID {literal(credentials.access_key)}, "
            f"SECRET {literal(credentials.secret_key)})"
        )
        for macro in MACROS:
            run(macro)
        run("PRAGMA enable_profiling = 'no_output'")
        run("""SET custom_profiling_settings = '{"TOTAL_BYTES_READ": "true"}'""")

    def run(self, sql: str) -> Any:
        """Execute one statement without counting its bytes, and give the cursor of its rows."""
        if self.interrupted.is_set():
            raise duckdb.InterruptException("the query was stopped")
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            raise _as_athena(error, sql) from error

    def scan(self, sql: str) -> Any:
        """Execute a statement whose reads are billed; call `settle` when its rows are fetched."""
        return self.run(sql)

    def settle(self) -> None:
        """Add the bytes of the last `scan` to the bill."""
        profile = json.loads(self._connection.get_profiling_information(format="json"))
        self.bytes_scanned += int(profile.get("total_bytes_read", 0))

    def fetch(self, cursor: Any, size: int) -> list[tuple[Any, ...]]:
        """Fetch up to `size` rows; rows are computed while they are fetched."""
        try:
            rows: list[tuple[Any, ...]] = cursor.fetchmany(size)
            return rows
        except duckdb.Error as error:
            raise _as_athena(error, "") from error

    def columns(self, select: str) -> list[Column]:
        """Give names and types that a SELECT would have."""
        return [Column(row[0], row[1]) for row in self.run(f"DESCRIBE {select}").fetchall()]

    def interrupt(self) -> None:
        """Stop what runs now and refuse what would run next."""
        self.interrupted.set()
        self._connection.interrupt()

    def close(self) -> None:
        """Free everything."""
        self._connection.close()


def _httpfs() -> Path:
    """Find the httpfs extension that its wheel ships, so that nothing is downloaded."""
    wheel = distribution("duckdb-extension-httpfs")
    for file in wheel.files or []:
        if file.name == "httpfs.duckdb_extension":
            return Path(str(wheel.locate_file(file)))
    raise FileNotFoundError("httpfs.duckdb_extension: reinstall the wheel duckdb-extension-httpfs")


def _as_athena(error: duckdb.Error, sql: str) -> Exception:
    """Name a DuckDB error as Athena names its own; interrupts pass unchanged."""
    if isinstance(error, duckdb.InterruptException):
        return error
    text = str(error).partition("\n")[0]
    for name in OWN_ERRORS:
        if name in text:
            return QueryError(name, text.partition(name)[2].partition("' to INT8")[0].lstrip(": "))
    if isinstance(error, duckdb.OutOfMemoryException):
        return QueryError("EXCEEDED_MEMORY_LIMIT", text, SYSTEM)
    if isinstance(error, duckdb.OutOfRangeException):
        return QueryError("NUMERIC_VALUE_OUT_OF_RANGE", text)
    if "in JSON" in text or "Malformed JSON" in text:
        return QueryError("HIVE_CURSOR_ERROR", f"Row is not a valid JSON Object - {text}")
    if isinstance(error, duckdb.ConversionException):
        return QueryError("INVALID_CAST_ARGUMENT", text)
    if isinstance(error, (duckdb.BinderException, duckdb.CatalogException)):
        return QueryError("NOT_SUPPORTED", f"not supported here: {text}")
    return QueryError("GENERIC_INTERNAL_ERROR", f"{text} in {sql[:200]}", OTHER)
