"""The shops' PostgreSQL database as it would stand on RDS, with a read-only user for the lake."""

import io
from contextlib import closing
from pathlib import Path

import psycopg2
from psycopg2 import sql

from include.laptop import stack

SCHEMA = stack.ROOT / "include" / "sample_data" / "store_transactions.sql"


def connect(laptop: stack.Laptop, database: str) -> psycopg2.extensions.connection:
    """A connection as the superuser."""
    exports = laptop.aws.exports()
    return psycopg2.connect(
        host=exports["LOCAL_RDS_HOST"],
        port=exports["LOCAL_RDS_PORT"],
        user=exports["LOCAL_RDS_USER"],
        password=exports["LOCAL_RDS_PASSWORD"],
        dbname=database,
    )


def create_databases(laptop: stack.Laptop) -> None:
    """Makes the databases `airflow` and `tills` and the reader of the latter, where missing."""
    with closing(connect(laptop, "postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in ("airflow", stack.TILLS_DATABASE):
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            reader = sql.Identifier(stack.TILLS_USER)
            cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [stack.TILLS_USER])
            if cursor.fetchone() is None:
                cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(reader))
            cursor.execute(
                sql.SQL("ALTER ROLE {} PASSWORD %s").format(reader), [laptop.tills_password]
            )
    tills = closing(connect(laptop, stack.TILLS_DATABASE))
    with tills as connection, connection, connection.cursor() as cursor:
        cursor.execute(SCHEMA.read_text())
        grant = sql.SQL("GRANT SELECT ON ALL TABLES IN SCHEMA public TO {}")
        cursor.execute(grant.format(reader))


def ring_up(laptop: stack.Laptop, rows: Path) -> int:
    """Puts a day's rows into the tills' table; rows that are there already stay as they are.

    Args:
        laptop: The stack.
        rows: CSV with a header, NULL as an empty unquoted field.

    Returns:
        The number of rows that are new.
    """
    text = rows.read_text()
    columns = sql.SQL(", ").join(map(sql.Identifier, text.splitlines()[0].split(",")))
    tills = closing(connect(laptop, stack.TILLS_DATABASE))
    with tills as connection, connection, connection.cursor() as cursor:
        cursor.execute(
            "CREATE TEMP TABLE delivered (LIKE public.store_transactions INCLUDING DEFAULTS)"
            " ON COMMIT DROP"
        )
        cursor.copy_expert(
            sql.SQL("COPY delivered ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(columns),
            io.StringIO(text),
        )
        cursor.execute(
            "INSERT INTO public.store_transactions SELECT * FROM delivered"
            " ON CONFLICT (transaction_id) DO NOTHING"
        )
        return int(cursor.rowcount)
