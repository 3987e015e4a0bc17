"""A script as tutorials have them runs end to end: PostgreSQL, XML, the catalog, Spark SQL."""

import ast
import re
import shutil
import time
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import psycopg2
import pytest

from tests.unit.local_aws.crawlers.test_database_crawls import (
    MARIADB,
    mariadb,  # noqa: F401 - a fixture
)
from tests.unit.local_aws.jobs.whole_front import WholeFront
from tests.unit.local_aws.test_database import server

SCRIPT = Path(__file__).with_name("tutorial_script.py")
SHOP = """
CREATE SCHEMA shop;
CREATE TABLE shop.orders (
    id bigint PRIMARY KEY, price numeric(10,2), at timestamp, note text, sku text, raw jsonb);
INSERT INTO shop.orders VALUES
    (1, 9.50, '2024-05-01 10:00:00.25', 'first', 'A1', '{"a": [1]}'),
    (2, 10, '2024-05-02 11:00:00', NULL, 'A1', NULL),
    (3, 0.01, '2024-05-03 12:00:00', 'gr"ün', 'B2', NULL),
    (4, NULL, NULL, 'lost', 'none', NULL);
"""
FEED = """<feed>
  <product><sku>A1</sku><name>Mug</name><stock>3</stock></product>
  <product><sku>B2</sku><name>Cup &amp; saucer</name><stock>0</stock></product>
</feed>"""


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Any]:
    """A cursor of a PostgreSQL with the shop's orders, and its port."""
    folder = tmp_path / "state"
    try:
        with server(folder) as port:
            connection = psycopg2.connect(
                host="127.0.0.1", port=port, user="postgres", password="right", dbname="postgres"
            )
            connection.autocommit = True
            with connection.cursor() as cursor:
                cursor.execute(SHOP)
                yield port, cursor
            connection.close()
    finally:
        moved = folder / "moved-to"
        if moved.exists():
            shutil.rmtree(moved.read_text().strip())


def connect(glue: Any, name: str, address: str, user: str) -> None:
    """Create a Glue connection."""
    properties = {"JDBC_CONNECTION_URL": address, "USERNAME": user, "PASSWORD": "right"}
    connection = {"Name": name, "ConnectionType": "JDBC", "ConnectionProperties": properties}
    glue.create_connection(ConnectionInput=connection)


def test_a_tutorials_script(
    lake: WholeFront, shop: Any, unique: str, request: pytest.FixtureRequest
) -> None:
    port, cursor = shop
    glue = lake.glue
    connect(glue, unique, f"jdbc:postgresql://127.0.0.1:{port}/postgres", "postgres")
    arguments = {"--BUCKET": lake.bucket, "--DATABASE": lake.database, "--CONNECTION": unique}
    if MARIADB is not None:
        address = f"jdbc:mysql://127.0.0.1:{request.getfixturevalue('mariadb')}/tills"
        connect(glue, f"{unique}-tills", address, "root")
        arguments["--TILLS"] = f"{unique}-tills"
    targets = {"JdbcTargets": [{"ConnectionName": unique, "Path": "postgres/shop/orders"}]}
    glue.create_crawler(Name=unique, Role="role", DatabaseName=lake.database, Targets=targets)
    glue.start_crawler(Name=unique)
    while glue.get_crawler(Name=unique)["Crawler"]["State"] != "READY":
        time.sleep(0.1)
    lake.put("feed/deep/a.xml", FEED)
    job = lake.job(unique, SCRIPT, DefaultArguments={"--enable-glue-datacatalog": "true"})
    run = lake.run(job, arguments)
    assert run["JobRunState"] == "SUCCEEDED", run["log"]

    assert "|-- price: decimal" in run["log"]
    assert "|-- raw: string" in run["log"]
    keys = [key["Name"] for key in glue.get_table(DatabaseName=lake.database, Name="orders")[
        "Table"
    ]["PartitionKeys"]]  # fmt: skip
    assert keys == ["sku"]
    assert {key.split("/")[2] for key in lake.keys("lake/orders/")} == {
        "sku=A1",
        "sku=B2",
        "sku=none",
    }
    cursor.execute("SELECT sku, name, stock FROM shop.products ORDER BY sku")
    assert cursor.fetchall() == [("A1", "Mug", 3), ("B2", "Cup & saucer", 0)]
    cursor.execute("SELECT name, orders, revenue, latest::text FROM shop.summary ORDER BY name")
    assert cursor.fetchall() == [
        ("Cup & saucer", 1, Decimal("0.01"), "2024-05-03 12:00:00"),
        ("Mug", 2, Decimal("19.50"), "2024-05-02 11:00:00"),
    ]
    if MARIADB is not None:
        assert (
            "mysql types: struct<order_id:bigint,price:decimal(10,2),ordered_at:timestamp,"
            in (run["log"])
        )
        rows = re.search(r"mysql rows: (.*)", run["log"])
        assert rows is not None
        assert ast.literal_eval(rows[1]) == [
            ("1", "9.50", "2024-05-01 10:00:00.250000", "first", "A1"),
            ("2", "10.00", "2024-05-02 11:00:00", "None", "A1"),
            ("3", "0.01", "2024-05-03 12:00:00", 'gr"ün', "B2"),
            ("4", "None", "None", "lost", "none"),
        ]
