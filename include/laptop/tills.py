"""The operational databases as they would stand on RDS, each with a read-only user for the lake."""

import io
from contextlib import closing
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import psycopg2
from psycopg2 import sql

from include.laptop import stack
from include.laptop.sources import CUSTOMERS_DATABASE, CUSTOMERS_USER

SCHEMAS = stack.ROOT / "include" / "sample_data"


@dataclass(frozen=True)
class Table:
    """A table of `public`, made by `include/sample_data/<name>.sql`.

    Attributes:
        database: The database that it is in.
        name: Its name, and that of the sample data's folder.
        updated_by: Its key, if a delivered row replaces the one that is there; else that one stays.
    """

    database: str
    name: str
    updated_by: str | None = None


TABLES = (
    Table(stack.TILLS_DATABASE, "store_transactions"),
    Table(stack.TILLS_DATABASE, "inventory_levels"),
    Table(CUSTOMERS_DATABASE, "customers", updated_by="customer_id"),
)


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
    """Makes the databases of Airflow, the tills and the customers where they are missing.

    Those of the sources get their tables, and one user each that may read them and nothing else.
    """
    readers = {
        stack.TILLS_DATABASE: (stack.TILLS_USER, laptop.tills_password),
        CUSTOMERS_DATABASE: (CUSTOMERS_USER, laptop.sources.customers_password),
    }
    with closing(connect(laptop, "postgres")) as connection:
        connection.autocommit = True
        with connection.cursor() as cursor:
            for name in ("airflow", *readers):
                cursor.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
            for user, password in readers.values():
                reader = sql.Identifier(user)
                cursor.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [user])
                if cursor.fetchone() is None:
                    cursor.execute(sql.SQL("CREATE ROLE {} LOGIN").format(reader))
                cursor.execute(sql.SQL("ALTER ROLE {} PASSWORD %s").format(reader), [password])
    for database, (user, _) in readers.items():
        _create_tables(laptop, database, user)


def _create_tables(laptop: stack.Laptop, database: str, user: str) -> None:
    with (
        closing(connect(laptop, database)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        for table in TABLES:
            if table.database == database:
                cursor.execute((SCHEMAS / f"{table.name}.sql").read_text())
        for statement in (
            "REVOKE CONNECT ON DATABASE {database} FROM PUBLIC",
            "GRANT CONNECT ON DATABASE {database} TO {reader}",
            "GRANT SELECT ON ALL TABLES IN SCHEMA public TO {reader}",
        ):
            names = {"database": sql.Identifier(database), "reader": sql.Identifier(user)}
            cursor.execute(sql.SQL(statement).format(**names))


def open_day(laptop: stack.Laptop, sample: Path, day: date) -> None:
    """Lets every source that we extract from have a day's data.

    Args:
        laptop: The stack.
        sample: Folder of the sample data.
        day: The business day.
    """
    for table in TABLES:
        ring_up(laptop, sample / table.name / f"{day}.csv")
    laptop.sources.sell(sample / "marketplace_sales" / f"{day}.jsonl")


def ring_up(laptop: stack.Laptop, rows: Path) -> int:
    """Puts a day's rows into their table.

    Args:
        laptop: The stack.
        rows: `<table>/<day>.csv`, with a header, NULL as an empty unquoted field.

    Returns:
        The number of rows that are new or replaced.

    Raises:
        KeyError: The folder is not named after one of TABLES.
    """
    table = {table.name: table for table in TABLES}[rows.parent.name]
    text = rows.read_text()
    names = text.splitlines()[0].split(",")
    target = sql.Identifier("public", table.name)
    columns = sql.SQL(", ").join(map(sql.Identifier, names))
    conflict: sql.Composable = sql.SQL("DO NOTHING")
    if table.updated_by is not None:
        pairs = sql.SQL(", ").join(
            sql.SQL("{0} = EXCLUDED.{0}").format(sql.Identifier(name)) for name in names
        )
        conflict = sql.SQL("({}) DO UPDATE SET {}").format(sql.Identifier(table.updated_by), pairs)
    with (
        closing(connect(laptop, table.database)) as connection,
        connection,
        connection.cursor() as cursor,
    ):
        delivered = "CREATE TEMP TABLE delivered (LIKE {} INCLUDING DEFAULTS) ON COMMIT DROP"
        cursor.execute(sql.SQL(delivered).format(target))
        cursor.copy_expert(
            sql.SQL("COPY delivered ({}) FROM STDIN WITH (FORMAT csv, HEADER)").format(columns),
            io.StringIO(text),
        )
        cursor.execute(
            sql.SQL("INSERT INTO {} SELECT * FROM delivered ON CONFLICT {}").format(
                target, conflict
            )
        )
        return int(cursor.rowcount)
