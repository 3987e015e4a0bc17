"""One DuckDB connection per query: settings that make it count and sort as Athena does."""

import threading
from importlib.metadata import distribution
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import duckdb

from include.local_aws.athena.macros import MACROS
from include.local_aws.athena.types import Column, literal
from include.local_aws.athena.wording import as_athena
from include.local_aws.front.context import Context

MEMORY_LIMIT = "1500MB"
_HTTPFS_VERIFIED = threading.Event()
"""Set when a connection of this process has checked the extension's signature (60 ms)."""
RECEIVED = """
SELECT coalesce(sum(CAST(coalesce(response.headers['content-length'],
                                  response.headers['Content-Length']) AS BIGINT)), 0)
FROM duckdb_logs_parsed('HTTP') WHERE request.type = 'GET'
AND regexp_matches(CAST(response.status AS VARCHAR), '^(OK|Partial)')
"""


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
        self._context = context
        self._scratch = scratch
        self._threads = threads
        self._opened: duckdb.DuckDBPyConnection | None = None

    @property
    def _connection(self) -> duckdb.DuckDBPyConnection:
        """The connection, opened when it is first needed: most DDL never needs it."""
        if self._opened is None:
            self._opened = duckdb.connect(
                config={
                    "threads": self._threads,
                    "autoinstall_known_extensions": False,
                    "allow_unsigned_extensions": _HTTPFS_VERIFIED.is_set(),
                }
            )
            self._opened.execute(f"LOAD {literal(str(_httpfs()))}")
            _HTTPFS_VERIFIED.set()
            for statement in [*self._settings(), *MACROS]:
                self._opened.execute(statement)
        return self._opened

    def _settings(self) -> list[str]:
        """Give the statements that make a connection ours."""
        url, credentials = urlsplit(self._context.endpoint), self._context.credentials()
        return [
            f"SET temp_directory = {literal(str(self._scratch))}",
            f"SET memory_limit = '{MEMORY_LIMIT}'",
            "SET TimeZone = 'UTC'",
            "SET default_null_order = 'nulls_last'",
            "SET enable_external_file_cache = false",
            # a query opens each file several times: sizes and footers are asked for once
            "SET enable_http_metadata_cache = true",
            "SET parquet_metadata_cache = true",
            "SET preserve_insertion_order = true",
            "SET enable_progress_bar = false",
            "CREATE SECRET (TYPE s3, PROVIDER config, URL_STYLE 'path', "
            f"USE_SSL {str(url.scheme == 'https').lower()}, ENDPOINT {literal(url.netloc)}, "
            f"REGION {literal(self._context.region)}, KEY_ID {literal(credentials.access_key)}, "
            f"SECRET {literal(credentials.secret_key)}"
            + (f", SESSION_TOKEN {literal(credentials.token)})" if credentials.token else ")"),
            "CALL enable_logging('HTTP')",
        ]

    def run(self, sql: str) -> Any:
        """Execute one statement without counting its bytes, and give the cursor of its rows."""
        if self.interrupted.is_set():
            raise duckdb.InterruptException("the query was stopped")
        try:
            return self._connection.execute(sql)
        except duckdb.Error as error:
            raise as_athena(error, sql) from error

    def settle(self) -> None:
        """Add what came from S3 since the last time to the bill: data, and Parquet footers."""
        (received,) = self.run(RECEIVED).fetchone()
        self.bytes_scanned += int(received)
        self.run("CALL truncate_duckdb_logs()").fetchall()

    def fetch(self, cursor: Any, size: int) -> list[tuple[Any, ...]]:
        """Fetch up to `size` rows; rows are computed while they are fetched."""
        try:
            rows: list[tuple[Any, ...]] = cursor.fetchmany(size)
            return rows
        except duckdb.Error as error:
            raise as_athena(error, "") from error

    def columns(self, select: str) -> list[Column]:
        """Give names and types that a SELECT would have."""
        return [Column(row[0], row[1]) for row in self.run(f"DESCRIBE {select}").fetchall()]

    def interrupt(self) -> None:
        """Stop what runs now and refuse what would run next."""
        self.interrupted.set()
        if self._opened is not None:
            self._opened.interrupt()

    def close(self) -> None:
        """Free everything."""
        if self._opened is not None:
            self._opened.close()


def _httpfs() -> Path:
    """Find the httpfs extension that its wheel ships, so that nothing is downloaded."""
    wheel = distribution("duckdb-extension-httpfs")
    for file in wheel.files or []:
        if file.name == "httpfs.duckdb_extension":
            return Path(str(wheel.locate_file(file)))
    raise FileNotFoundError("httpfs.duckdb_extension: reinstall the wheel duckdb-extension-httpfs")
