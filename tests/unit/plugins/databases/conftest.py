"""The two kinds of databases that the extract reads, real ones, and a table of tills in each."""

import json
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from typing import Any

import pytest
from psycopg2 import errors

from tests.unit.plugins.conftest import connect as connect_postgres
from tests.unit.plugins.databases import mariadb as server
from tests.unit.plugins.databases.tills import Tills, make_operator

READER_PASSWORD = "only-reads-3f6b1c"


@pytest.fixture(scope="session")
def mariadb() -> Iterator[dict[str, Any]]:
    """Secret of the administrator of a real MariaDB server."""
    if reason := server.absent():
        pytest.skip(reason)
    with server.server() as secret:
        with closing(server.connect(secret)) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE USER reader@localhost IDENTIFIED BY %s", (READER_PASSWORD,))
            cursor.execute("GRANT SELECT ON public.* TO reader@localhost")
        yield secret


@pytest.fixture(scope="session")
def postgres_reader(postgres: dict[str, Any]) -> dict[str, Any]:
    """Secret of a user of the PostgreSQL server who may only read."""
    with closing(connect_postgres(postgres)) as connection, connection.cursor() as cursor:
        with suppress(errors.DuplicateObject):
            cursor.execute("CREATE ROLE reader LOGIN PASSWORD %s", (READER_PASSWORD,))
        cursor.execute("ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO reader")
    return {**postgres, "username": "reader", "password": READER_PASSWORD}


@pytest.fixture
def postgres_tills(
    postgres: dict[str, Any], postgres_reader: dict[str, Any], client: Callable[[str], Any]
) -> Iterator[Tills]:
    """An empty table of tills in PostgreSQL."""
    with closing(connect_postgres(postgres)) as connection, connection.cursor() as cursor:
        yield _tills("postgres", cursor, postgres_reader, client)


@pytest.fixture
def mariadb_tills(mariadb: dict[str, Any], client: Callable[[str], Any]) -> Iterator[Tills]:
    """An empty table of tills in MariaDB."""
    reader = {**mariadb, "username": "reader", "password": READER_PASSWORD}
    with closing(server.connect(mariadb)) as connection, connection.cursor() as cursor:
        yield _tills("mariadb", cursor, reader, client)


@pytest.fixture(params=["postgres", "mariadb"])
def tills(request: pytest.FixtureRequest) -> Tills:
    """An empty table of tills, once in each kind of database."""
    made: Tills = request.getfixturevalue(f"{request.param}_tills")
    return made


def _tills(engine: str, cursor: Any, secret: dict[str, Any], client: Callable[[str], Any]) -> Tills:
    secrets = client("secretsmanager")
    name = f"tills-{engine}"
    if not any(item["Name"] == name for item in secrets.list_secrets()["SecretList"]):
        secrets.create_secret(Name=name, SecretString="{}")
    secrets.put_secret_value(SecretId=name, SecretString=json.dumps(secret))
    made = Tills(engine, cursor, secret, name)
    made.create()
    return made


@pytest.fixture
def operator(tills: Tills, bucket: str) -> Any:
    """The operator on the fresh bucket, for 30 March 2025 (23 hours in London)."""
    return make_operator(bucket, tills.secret_id)
