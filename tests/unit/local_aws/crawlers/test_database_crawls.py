"""Crawls of a real PostgreSQL and a real MariaDB through Glue connections."""

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import psycopg2
import pymysql
import pytest

from include.local_aws.crawlers.databases import DatabaseTarget, glue_type
from include.local_aws.processes import free_ports
from tests.unit.local_aws.crawlers.conftest import Lake
from tests.unit.local_aws.test_database import server

SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    "Id" bigint PRIMARY KEY, quantity integer, price numeric(10,2), share numeric, paid boolean,
    at timestamptz, day date, note text, ratio double precision, code uuid, raw jsonb);
CREATE TABLE shop.returns (id smallint);
CREATE VIEW shop.unpaid AS SELECT "Id" FROM shop.orders WHERE NOT paid;
CREATE TABLE public.stores (id integer);
"""
ORDERS = {
    **{"id": "bigint", "quantity": "int", "price": "decimal(10,2)", "share": "decimal(38,18)"},
    **{"paid": "boolean", "at": "timestamp", "day": "date", "note": "string"},
    **{"ratio": "double", "code": "string", "raw": "string"},
}
MARIADB = shutil.which("mariadbd", path=f"{os.environ['PATH']}:/usr/sbin")


@pytest.fixture(scope="module")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a PostgreSQL with the shop's tables in database `postgres`."""
    folder = tmp_path_factory.mktemp("crawled") / "state"
    try:
        with server(folder) as port:
            yield port
    finally:
        moved = folder / "moved-to"
        if moved.exists():
            shutil.rmtree(moved.read_text().strip())


@pytest.fixture
def shop(postgres: int) -> Iterator[Any]:
    """A connection to the PostgreSQL, the shop's tables freshly made."""
    connection = psycopg2.connect(
        host="127.0.0.1", port=postgres, user="postgres", password="right", dbname="postgres"
    )
    connection.autocommit = True
    with connection.cursor() as cursor:
        cursor.execute(f"DROP SCHEMA IF EXISTS shop CASCADE; DROP TABLE IF EXISTS stores; {SHOP}")
        yield cursor
    connection.close()


@pytest.fixture(scope="module")
def mariadb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Port of a MariaDB with a database `tills`."""
    if MARIADB is None:
        pytest.skip("no mariadbd on this machine: crawls of MySQL were not tested")
    folder, port = tmp_path_factory.mktemp("mariadb"), free_ports(1)[0]
    user = []
    if os.geteuid() == 0:  # the server refuses to run as root
        user = ["--user=nobody"]
        for place in (folder, *list(folder.parents)[:2]):
            place.chmod(0o755)
        shutil.chown(folder, "nobody")
    options = ["--no-defaults", f"--datadir={folder}/data", *user]
    install = ["mariadb-install-db", *options, "--auth-root-authentication-method=normal"]
    subprocess.run(install, check=True, capture_output=True)
    options += [f"--port={port}", "--bind-address=127.0.0.1", f"--socket={folder}/s"]
    options += [f"--pid-file={folder}/pid", "--skip-log-bin", "--innodb-buffer-pool-size=16M"]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([MARIADB, *options], stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + 30
        while True:
            try:
                with pymysql.connect(host="127.0.0.1", port=port, user="root") as connection:
                    cursor = connection.cursor()
                    cursor.execute("CREATE DATABASE tills")
                    cursor.execute(
                        "CREATE TABLE tills.sales (id INT UNSIGNED PRIMARY KEY, at DATETIME,"
                        " open TINYINT(1), total DECIMAL(12,2), kind ENUM('a', 'b'), note BLOB)"
                    )
                    cursor.execute("ALTER USER root@localhost IDENTIFIED BY 'right'")
                break
            except pymysql.err.OperationalError:
                assert process.poll() is None, (folder / "log").read_text()
                assert time.monotonic() < deadline, (folder / "log").read_text()
                time.sleep(0.1)
        yield port
    finally:
        process.terminate()
        process.wait(20)


class Source:
    """A crawler over a connection, and the tables that it makes."""

    def __init__(self, glue: Any, name: str, url: str, user: str) -> None:
        self.lake = Lake(glue, None, "", name)
        self.glue, self.name = glue, name
        login = {"USERNAME": user, "PASSWORD": "right"}
        self.connect(url, login)

    def connect(self, url: str, login: dict[str, str]) -> None:
        properties = {"JDBC_CONNECTION_URL": url, **login}
        given = {"Name": self.name, "ConnectionType": "JDBC", "ConnectionProperties": properties}
        with contextlib.suppress(self.glue.exceptions.EntityNotFoundException):
            self.glue.delete_connection(ConnectionName=self.name)
        self.glue.create_connection(ConnectionInput=given)

    def crawl(self, path: str, expected: str = "SUCCEEDED", **more: Any) -> dict[str, Any]:
        target = {"ConnectionName": self.name, "Path": path} | more.pop("Target", {})
        self.lake.crawler(config=None, Targets={"JdbcTargets": [target]}, **more)
        return self.lake.crawl(expected)


@pytest.fixture
def source(glue: Any, unique: str, postgres: int, shop: Any) -> Source:
    return Source(glue, unique, f"jdbc:postgresql://127.0.0.1:{postgres}/postgres", "postgres")


def test_a_schema_of_postgresql_becomes_tables(source: Source) -> None:
    source.crawl("postgres/shop/%", TablePrefix="pg_")
    lake = source.lake
    names = [f"pg_postgres_shop_{name}" for name in ("orders", "returns", "unpaid")]
    assert lake.tables() == names
    assert lake.columns(names[0]) == ORDERS
    table = lake.table(names[0])
    assert table["StorageDescriptor"]["Location"] == "postgres.shop.orders"
    parameters = table["Parameters"]
    assert (parameters["classification"], parameters["connectionName"]) == (
        "postgresql",
        source.name,
    )
    kinds = [lake.table(name)["Parameters"]["typeOfData"] for name in names]
    assert kinds == ["table", "table", "view"]


@pytest.mark.parametrize(
    ("path", "exclusions", "expected"),
    [
        ("postgres/shop/orders", [], ["orders"]),
        ("postgres/%/%s", [], ["orders", "returns", "stores"]),
        ("postgres", ["unpaid", "public/**"], ["orders", "returns"]),
        ("postgres/shop/%", ["%e%"], ["unpaid"]),
        ("elsewhere/%/%", [], []),
    ],
)
def test_paths_and_exclusions_choose_tables(
    source: Source, path: str, exclusions: list[str], expected: list[str]
) -> None:
    source.crawl(path, Target={"Exclusions": exclusions})
    found = [name.rpartition("_")[2] for name in source.lake.tables()]
    assert sorted(found) == expected


@pytest.mark.parametrize("behaviour", ["LOG", "DELETE_FROM_DATABASE", "DEPRECATE_IN_DATABASE"])
def test_changes_of_the_database_follow_the_policy(
    source: Source, shop: Any, behaviour: str
) -> None:
    policy = {"UpdateBehavior": "UPDATE_IN_DATABASE", "DeleteBehavior": behaviour}
    source.crawl("postgres/shop/%", SchemaChangePolicy=policy)
    shop.execute("DROP TABLE shop.returns; ALTER TABLE shop.orders ADD COLUMN late integer")
    source.crawl("postgres/shop/%", SchemaChangePolicy=policy)
    lake = source.lake
    assert lake.columns("postgres_shop_orders")["late"] == "int"
    gone = "postgres_shop_returns"
    assert (gone in lake.tables()) == (behaviour != "DELETE_FROM_DATABASE")
    if gone in lake.tables():
        marked = "DEPRECATED_BY_CRAWLER" in lake.table(gone)["Parameters"]
        assert marked == (behaviour == "DEPRECATE_IN_DATABASE")


def test_a_secret_logs_in_and_a_refused_login_is_named(
    source: Source, client: Any, ministack: str, postgres: int
) -> None:
    secrets = client("secretsmanager", ministack)
    login = json.dumps({"username": "postgres", "password": "right"})
    secrets.create_secret(Name=source.name, SecretString=login)
    url = f"jdbc:postgresql://127.0.0.1:{postgres}/postgres"
    source.connect(url, {"SECRET_ID": source.name})
    source.crawl("postgres/shop/orders")
    assert source.lake.tables() == ["postgres_shop_orders"]

    source.connect(url, {"USERNAME": "postgres", "PASSWORD": "wrong"})
    last = source.crawl("postgres/shop/orders", expected="FAILED")
    assert "does not let postgres into postgres" in last["ErrorMessage"]
    assert "wrong" not in last["ErrorMessage"]

    source.connect("jdbc:oracle://h:1521/x", {"USERNAME": "u", "PASSWORD": "p"})
    last = source.crawl("x/%", expected="FAILED")
    assert "which are the databases that are crawled here" in last["ErrorMessage"]


def test_a_database_of_mysql_becomes_tables(glue: Any, unique: str, mariadb: int) -> None:
    source = Source(glue, unique, f"jdbc:mysql://127.0.0.1:{mariadb}/tills", "root")
    source.crawl("tills/%")
    assert source.lake.tables() == ["tills_sales"]
    assert source.lake.columns("tills_sales") == {
        **{"id": "bigint", "at": "timestamp", "open": "boolean", "total": "decimal(12,2)"},
        **{"kind": "string", "note": "binary"},
    }
    assert source.lake.table("tills_sales")["Parameters"]["classification"] == "mysql"


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("postgresql", "int8", "bigint", 64, 0), "bigint"),
        (("postgresql", "numeric", "numeric", 60, 2), "decimal(38,2)"),
        (("postgresql", "_text", "ARRAY"), "string"),
        (("mysql", "bigint(20) unsigned", "bigint", 20, 0), "decimal(20,0)"),
        (("mysql", "bit(8)", "bit", 8), "binary"),
        (("mysql", "year(4)", "year"), "int"),
        (("mysql", "json", "json"), "string"),
    ],
)
def test_types(arguments: tuple[Any, ...], expected: str) -> None:
    assert glue_type(*arguments) == expected


def test_a_path_deeper_than_the_database_covers_nothing() -> None:
    assert not DatabaseTarget("c", "tills/public/sales").covers(("tills", "sales"))
