"""The sources' databases on a real PostgreSQL: filled by day, read by users who may only read."""

from contextlib import closing
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg2
import psycopg2.errors
import pytest

from include.laptop import sources, stack, tills
from tests.unit.infrastructure.conftest import database

__all__ = ["database"]

CUSTOMERS = "customer_id,name,email,region,segment,registered_at,updated_at\n"
STOCK = "store_id,product_id,stock_date,on_hand,on_order,counted_at\n"


@pytest.fixture
def laptop(database: dict[str, str], tmp_path: Path) -> stack.Laptop:
    names = {"HOST": "PGHOST", "PORT": "PGPORT", "USER": "PGUSER", "PASSWORD": "PGPASSWORD"}
    exports = {f"LOCAL_RDS_{name}": database[variable] for name, variable in names.items()}
    found = SimpleNamespace(
        aws=SimpleNamespace(exports=lambda: exports),
        tills_password="it's secret",
        sources=sources.at(tmp_path / "sources"),
    )
    return cast(stack.Laptop, found)


def rows(laptop: stack.Laptop, name: str, user: str, password: str, sql: str) -> list[Any]:
    """Rows of a query as one of the readers."""
    exports = laptop.aws.exports()
    with closing(
        psycopg2.connect(
            host=exports["LOCAL_RDS_HOST"],
            port=exports["LOCAL_RDS_PORT"],
            user=user,
            password=password,
            dbname=name,
        )
    ) as connection:
        cursor = connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall()


def test_days_are_loaded_twice_and_read_by_their_readers(
    laptop: stack.Laptop, tmp_path: Path
) -> None:
    tills.create_databases(laptop)
    tills.create_databases(laptop)  # as at every start
    for name in ("inventory_levels", "customers"):
        tmp_path.joinpath(name).mkdir()
    stock = tmp_path / "inventory_levels" / "2026-03-28.csv"
    counted = "2026-03-28 21:00:00+00:00"
    stock.write_text(f"{STOCK}S1,P1,2026-03-28,5,0,{counted}\nS1,P2,2026-03-28,7,0,{counted}\n")
    assert tills.ring_up(laptop, stock) == 2
    stock.write_text(f"{STOCK}S1,P1,2026-03-28,99,0,{counted}\n")
    assert tills.ring_up(laptop, stock) == 0  # a count that is there stays
    known = tmp_path / "customers" / "2026-03-28.csv"
    since = "2026-01-01 00:00:00+00:00,2026-01-01 00:00:00+00:00"
    known.write_text(f"{CUSTOMERS}C1,Zoë,,North,Consumer,{since}\n")
    assert tills.ring_up(laptop, known) == 1
    known.write_text(f"{CUSTOMERS}C1,Zoë,,South,Consumer,{since}\nC2,Bo,,,Consumer,{since}\n")
    assert tills.ring_up(laptop, known) == 2  # a customer who moved is updated

    reader = (stack.TILLS_DATABASE, stack.TILLS_USER, laptop.tills_password)
    found = rows(laptop, *reader, "SELECT product_id, on_hand FROM public.inventory_levels")
    assert sorted(found) == [("P1", 5), ("P2", 7)]
    reader = ("customers", sources.CUSTOMERS_USER, laptop.sources.customers_password)
    found = rows(laptop, *reader, "SELECT customer_id, region, email FROM customers ORDER BY 1")
    assert found == [("C1", "South", None), ("C2", None, None)]
    with pytest.raises(psycopg2.errors.InsufficientPrivilege):
        rows(laptop, *reader, "DELETE FROM customers RETURNING 1")
    with pytest.raises(psycopg2.OperationalError, match="permission denied for database"):
        rows(laptop, stack.TILLS_DATABASE, *reader[1:], "SELECT 1")


def test_a_folder_that_is_no_table_is_refused(laptop: stack.Laptop, tmp_path: Path) -> None:
    with pytest.raises(KeyError, match="sales"):
        tills.ring_up(laptop, tmp_path / "sales" / "2026-03-28.csv")
