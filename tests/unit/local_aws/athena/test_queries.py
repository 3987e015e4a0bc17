"""SELECT over catalog tables: only registered partitions, declared types, true bytes."""

from tests.unit.local_aws.athena.conftest import Athena


def test_select_groups_and_orders_over_all_partitions(sales: Athena) -> None:
    found = sales.rows(
        "SELECT product, sum(quantity) AS units, sum(amount) AS revenue, count(*) AS n "
        "FROM sales GROUP BY product ORDER BY product"
    )
    assert found == [
        ("a", "12", "15.45", "6"),
        ("b", "6", "6.00", "3"),
        (None, "-3", "-3.00", "3"),
    ]
