"""Predicates of a query as the catalog's Expression: only what means the same there."""

import pytest
from sqlglot import exp, parse_one

from include.local_aws.athena.catalog_filter import expression
from tests.unit.local_aws.athena.conftest import JSON, Athena

KEYS = {"d": "DATE", "r": "VARCHAR", "n": "INTEGER", "x": "DECIMAL(9,2)"}


@pytest.mark.parametrize(
    ("predicate", "expected"),
    [
        ("t.r = 'a''b'", "r = 'a''b'"),
        ("'a' < t.r", "r > 'a'"),
        ("t.d >= CAST('2024-05-01' AS DATE)", "d >= '2024-05-01'"),
        (
            "t.d BETWEEN CAST('2024-05-01' AS DATE) AND CAST('2024-05-02' AS DATE)",
            "d BETWEEN '2024-05-01' AND '2024-05-02'",
        ),
        ("t.n IN (1, 2)", "n IN (1, 2)"),
        ("(t.r = 'a' OR t.n = 1)", "(r = 'a' OR n = 1)"),
        ("(t.r = 'a' OR upper(t.r) = 'B')", None),
        ("(t.r = 'a' AND upper(t.r) = 'B') OR t.n = 1", "((r = 'a') OR n = 1)"),
        ("NOT t.r = 'a'", None),
        ("t.r IN ('a', NULL)", None),
        ("t.n IN (SELECT 1)", None),
        ("t.r = t.d", None),
        ("t.n = 1.5", None),
        ("t.n = '1'", None),
        ("t.r = 1", None),
        ("t.x = 1", None),
        ("t.other = 'a'", None),
        ("t.d = CAST('1.5.2024' AS DATE)", None),
        ("t.d = CAST(t.r AS DATE)", None),
        ("t.r LIKE 'a%'", None),
    ],
)
def test_translation(predicate: str, expected: str | None) -> None:
    tree = parse_one(predicate, read="duckdb")
    assert isinstance(tree, exp.Expression)
    assert expression([tree], KEYS) == expected


def test_an_expression_is_not_longer_than_the_catalog_takes() -> None:
    long = [parse_one(f"t.r <> '{'a' * 900}{n}'", read="duckdb") for n in range(4)]
    assert len(str(expression(long, KEYS))) < 2048


def test_values_that_are_not_of_the_keys_type_are_named(engine: Athena) -> None:
    engine.table("t", [("a", "int")], [("n", "int")], serde=JSON)
    engine.put("t/n=1/a.json", '{"a": 7}')
    for value in ("1", "x"):
        engine.partition("t", [value], f"t/n={value}")
    assert engine.fails("SELECT a FROM t WHERE n = 1").startswith("HIVE_INVALID_PARTITION_VALUE")
