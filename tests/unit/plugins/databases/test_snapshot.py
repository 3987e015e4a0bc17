"""What the extract refuses: drift, writing, values that do not fit, names as SQL."""

import socket
import ssl
from contextlib import closing, suppress
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from threading import Thread
from typing import Any

import psycopg2
import pymysql
import pytest
from airflow.sdk.exceptions import AirflowException

from retail_extract.snapshot import open_snapshot
from retail_extract.table import Extract, ExtractColumn
from tests.unit.plugins.databases.certificates import Authority
from tests.unit.plugins.databases.tills import COLUMNS, Tills, keys, make_operator, read

NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)
DRIFT = {
    "postgres": (
        "ALTER TABLE public.tills DROP COLUMN note, ALTER COLUMN quantity TYPE text, "
        "ALTER COLUMN sold_at TYPE timestamp",
        "sold_at is timestamp without time zone, declared timestamp",
    ),
    "mariadb": (
        "ALTER TABLE public.tills DROP COLUMN note, MODIFY quantity text, "
        "MODIFY is_return tinyint(2)",
        "is_return is tinyint(2), declared boolean",
    ),
}


def test_drift_names_the_columns(tills: Tills, operator: Any, context: Any) -> None:
    """A missing and two retyped columns stop the extract and are named."""
    statement, retyped = DRIFT[tills.engine]
    tills.execute(statement)
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    message = str(raised.value)
    assert "note is missing" in message
    assert "quantity is text, declared integer" in message
    assert retyped in message


def test_a_table_that_is_not_there_is_named(tills: Tills, operator: Any, context: Any) -> None:
    tills.execute("DROP TABLE public.tills")
    with pytest.raises(AirflowException, match=r"table public\.tills is not in the database"):
        operator.execute(context)


def test_value_that_does_not_fit_is_not_quoted(
    tills: Tills, operator: Any, context: Any, client: Any, bucket: str
) -> None:
    """A third decimal is refused, naming the column but not the value."""
    more = {"postgres": "ALTER COLUMN amount TYPE numeric", "mariadb": "MODIFY amount decimal(9,3)"}
    tills.execute(f"ALTER TABLE public.tills {more[tills.engine]}")
    tills.insert(("a", NOON, None, Decimal("77.123"), 1, None, None))
    with pytest.raises(AirflowException) as raised:
        operator.execute(context)
    assert "amount: a value does not fit its declared type decimal(18,2)" in str(raised.value)
    assert "77.123" not in str(raised.value)
    assert keys(client("s3"), bucket) == []


def test_session_can_only_read(tills: Tills, request: pytest.FixtureRequest) -> None:
    """The snapshot's transaction refuses to write, even for a user who may."""
    snapshot: Any = open_snapshot(request.getfixturevalue(tills.engine), "tills", "test")
    with (
        closing(snapshot),
        pytest.raises(
            (psycopg2.errors.ReadOnlySqlTransaction, pymysql.err.OperationalError),
            match=r"read-only transaction|READ ONLY transaction",
        ),
        snapshot.connection.cursor() as cursor,
    ):
        cursor.execute("DELETE FROM public.tills")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"order_by": ()}, "must name its key columns"),
        ({"order_by": ("secret_column",)}, "must name its key columns"),
        ({"time_column": "day"}, "must be a declared timestamp column"),
        ({"rows": "some"}, "rows 'some' is not one of"),
    ],
)
def test_an_extract_without_order_or_instant_is_refused(
    change: dict[str, Any], message: str
) -> None:
    """What would make the bytes or the day vague is refused when it is declared."""
    fields = {"order_by": ("id",), "time_column": "sold_at"} | change
    with pytest.raises(ValueError, match=message):
        Extract("public", "tills", COLUMNS, **fields)


@pytest.mark.parametrize("engine", ["postgres", "mariadb"])
def test_names_are_quoted(
    engine: str, request: pytest.FixtureRequest, bucket: str, context: Any, client: Any
) -> None:
    """Names are identifiers, never SQL."""
    tills: Tills = request.getfixturevalue(f"{engine}_tills")
    quote = {"postgres": '"', "mariadb": "`"}[engine]
    name = f"a{quote}; DROP TABLE tills"
    quoted = f"{quote}{name.replace(quote, quote * 2)}{quote}"
    tills.execute(f"DROP TABLE IF EXISTS public.{quoted}")
    tills.execute(
        f"CREATE TABLE public.{quoted} ({quoted} varchar(9), {quote}at%s{quote} timestamp"
        f"{' with time zone' if engine == 'postgres' else ''} NOT NULL)"
    )
    columns = (ExtractColumn(name, "string"), ExtractColumn("at%s", "timestamp"))
    odd = Extract("public", name, columns, (name,), "at%s")
    (result,) = make_operator(bucket, tills.secret_id, odd).execute(context)
    assert read(client("s3"), bucket, result["file"]).column_names == [name, "at%s"]
    assert tills.rows("SELECT count(*) FROM public.tills") == [(0,)]
    tills.execute(f"DROP TABLE public.{quoted}")


def test_tls_of_postgres_is_verified(postgres: dict[str, Any], tmp_path: Path) -> None:
    """The tests' server has no TLS, which is said; one that has is held to its authority."""
    with pytest.raises(psycopg2.OperationalError, match="server does not support SSL"):
        open_snapshot({**postgres, "sslmode": "require"}, "tills", "test")
    authority, stranger = Authority(tmp_path), Authority(tmp_path, "stranger")
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        Thread(target=shake_hands, args=(listener, authority), daemon=True).start()
        secret = {**postgres, "port": listener.getsockname()[1], "sslmode": "verify-full"}
        for trusted, end in (
            (stranger.file.read_text(), "certificate verify failed"),
            (str(stranger.file), "certificate verify failed"),
            (authority.file.read_text(), "server closed the connection|SSL SYSCALL error: EOF"),
        ):
            with pytest.raises(psycopg2.OperationalError, match=end):
                open_snapshot({**secret, "sslrootcert": trusted}, "tills", "test")


def shake_hands(listener: socket.socket, authority: Authority) -> None:
    """Answer as PostgreSQL does until a session is encrypted, then hang up."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.certify("127.0.0.1"))
    with suppress(OSError):  # the listener is closed
        while True:
            session, _ = listener.accept()
            with closing(session), suppress(ssl.SSLError):
                session.recv(8)  # the request to encrypt
                session.sendall(b"S")
                with context.wrap_socket(session, server_side=True) as encrypted:
                    encrypted.recv(1024)
