"""Queries that Trino refuses are refused here, by its names and in its words."""

import pytest

from tests.unit.local_aws.athena.conftest import Athena

REFUSED = [
    (
        "SELECT product, count(*) FROM sales",
        "EXPRESSION_NOT_AGGREGATE: 'product' must be an aggregate expression or appear in GROUP BY"
        " clause",
    ),
    (
        "SELECT count(*) FROM sales GROUP BY product HAVING quantity > 1",
        "EXPRESSION_NOT_AGGREGATE: 'quantity' must be an aggregate expression or appear in GROUP"
        " BY clause",
    ),
    (
        "SELECT count(*) FROM sales GROUP BY product HAVING nope > 1",
        "COLUMN_NOT_FOUND: line 1:52: Column 'nope' cannot be resolved",
    ),
    # only ORDER BY knows the names of the result
    (
        "SELECT count(*) AS n FROM sales GROUP BY product HAVING n > 1",
        "COLUMN_NOT_FOUND: line 1:57: Column 'n' cannot be resolved",
    ),
    (
        "SELECT product AS p, count(*) FROM sales GROUP BY p",
        "COLUMN_NOT_FOUND: line 1:51: Column 'p' cannot be resolved",
    ),
    (
        "SELECT id AS i FROM sales WHERE i = 1",
        "COLUMN_NOT_FOUND: line 1:33: Column 'i' cannot be resolved",
    ),
    (
        "SELECT count(*) AS n FROM sales GROUP BY 1",
        "EXPRESSION_NOT_SCALAR: GROUP BY clause cannot contain aggregations, window functions or"
        " grouping operations",
    ),
    (
        "SELECT id FROM sales WHERE count(*) > 1",
        "EXPRESSION_NOT_SCALAR: WHERE clause cannot contain aggregations, window functions or"
        " grouping operations",
    ),
    (
        "SELECT sum(count(*)) FROM sales",
        "NESTED_AGGREGATION: Cannot nest aggregations inside aggregation",
    ),
    ("SELECT length(id) FROM sales", "FUNCTION_NOT_FOUND: Unexpected parameters (bigint) for"),
    (
        "SELECT concat(product, id) FROM sales",
        "FUNCTION_NOT_FOUND: Unexpected parameters (varchar, bigint) for function concat",
    ),
    (
        "SELECT id FROM sales UNION ALL SELECT product FROM sales",
        "TYPE_MISMATCH: column 1 in UNION query has incompatible types: bigint, varchar",
    ),
    (
        "SELECT id FROM sales EXCEPT SELECT id, product FROM sales",
        "TYPE_MISMATCH: EXCEPT query has different number of fields: 1, 2",
    ),
    (
        "SELECT id FROM sales WHERE id IN (SELECT product FROM sales)",
        "TYPE_MISMATCH: Cannot apply operator: bigint = varchar",
    ),
    (
        "SELECT id FROM sales WHERE id = 1 AND product",
        "TYPE_MISMATCH: Logical expression term must evaluate to a boolean (actual: varchar)",
    ),
    (
        "SELECT id FROM sales WHERE quantity",
        "TYPE_MISMATCH: WHERE clause must evaluate to a boolean: actual type integer",
    ),
    (
        "SELECT (SELECT id FROM sales)",
        "SUBQUERY_MULTIPLE_ROWS: Scalar sub-query has returned multiple rows",
    ),
    (
        "SELECT id,\n  sales.nope FROM sales",
        "COLUMN_NOT_FOUND: line 2:3: Column 'sales.nope' cannot be resolved",
    ),
    ("SELECT s.id FROM sales", "COLUMN_NOT_FOUND: line 1:8: Column 's.id' cannot be resolved"),
    ("SELECT CAST('1x' AS integer)", "INVALID_CAST_ARGUMENT: Cannot cast '1x' to INT"),
    ("SELECT CAST('x' AS date)", "INVALID_CAST_ARGUMENT: Value cannot be cast to date: x"),
    ("SELECT DATE '2024-13-01'", "INVALID_CAST_ARGUMENT: Value cannot be cast to date: 2024-13-01"),
    ("SELECT CAST(300 AS tinyint)", "NUMERIC_VALUE_OUT_OF_RANGE: Out of range for tinyint: 300"),
    (
        "SELECT 2147483647 + 1",
        "NUMERIC_VALUE_OUT_OF_RANGE: integer addition overflow: 2147483647 + 1",
    ),
    ("SELECT date_parse('x', '%Y')", 'INVALID_FUNCTION_ARGUMENT: Invalid format: "x"'),
    ("SELECT json_parse('{')", "INVALID_FUNCTION_ARGUMENT: Cannot convert value to JSON: '{'"),
    (
        "CREATE TABLE made AS SELECT id, 1 FROM sales",
        "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 2",
    ),
    (
        "CREATE VIEW made AS SELECT count(*) FROM sales",
        "MISSING_COLUMN_NAME: line 1:1: Column name not specified at position 1",
    ),
]


def test_refusals(sales: Athena) -> None:
    told = {}
    for sql, _ in REFUSED:
        status = sales.wait(sales.start(sql))["Status"]
        told[sql] = str(status.get("StateChangeReason", status["State"]))
    assert {sql: told[sql] for sql, text in REFUSED if not told[sql].startswith(text)} == {}


@pytest.mark.parametrize(
    ("sql", "rows"),
    [
        ("SELECT 1 UNION ALL SELECT DECIMAL '2.5' ORDER BY 1", [("1.0",), ("2.5",)]),
        ("SELECT 'a' UNION ALL SELECT NULL", [("a",), (None,)]),
        ("SELECT DATE '2024-01-01' UNION SELECT TIMESTAMP '2024-01-01 00:00:00'", [
            ("2024-01-01 00:00:00.000",)
        ]),
        ("SELECT concat('a', 'b', NULL)", [(None,)]),
        ("SELECT concat(ARRAY[1], ARRAY[2])", [("[1, 2]",)]),
        ("SELECT id FROM sales WHERE true AND NOT (quantity > 1) ORDER BY id LIMIT 1", [("10",)]),
        # a name of the result does not hide the column
        ("SELECT 100 - quantity AS quantity, count(*) AS n FROM sales GROUP BY quantity"
         " HAVING max(quantity) = 3", [("97", "3")]),
        ("SELECT count(*) AS n FROM (SELECT product AS p FROM sales) t GROUP BY p HAVING p = 'b'",
         [("3",)]),
        ("SELECT 1 WHERE 1 IN (SELECT DECIMAL '1.0')", [("1",)]),
    ],
)  # fmt: skip
def test_what_trino_converts_is_not_refused(
    sales: Athena, sql: str, rows: list[tuple[str | None, ...]]
) -> None:
    assert sales.rows(sql) == rows
