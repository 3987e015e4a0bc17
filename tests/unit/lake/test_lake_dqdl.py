"""The rulesets for Glue Data Quality say what the project's own checks say.

That Glue comes to the same verdicts is tested in tests/integration/test_data_quality.py.
"""

import re

from include.lake.checks import check_names
from include.lake.contracts import load_lake
from include.lake.dqdl import NOT_IN_DQDL, evaluation, rules, rulesets
from include.lake.marts import load_marts

LAKE = load_lake()
MARTS = {mart.name: mart for mart in load_marts()}
RELEASE = "r20260702_bbbbbbbbbbbb"


def test_every_check_has_its_rule_or_a_reason_why_not() -> None:
    for mart in MARTS.values():
        without = {
            name
            for name in check_names(LAKE, mart)
            if any(re.fullmatch(f"{prefix}(_.*)?", name) for prefix in NOT_IN_DQDL)
        }
        assert without, "every mart warns of what is not fresh"
        assert set(rules(LAKE, mart)) == set(check_names(LAKE, mart)) - without


def test_rules_are_written_as_glue_reads_them() -> None:
    found = rules(LAKE, MARTS["daily_sales"])
    assert found["not_null_revenue"] == '(RowCount = 0) or (IsComplete "revenue")'
    assert found["range_returns"] == '(RowCount = 0) or (ColumnValues "returns" <= 0)'
    assert found["accepted_channel"] == (
        '(RowCount = 0) or (ColumnValues "channel" in '
        '["marketplace", "store", "vendor", "web", "wholesale"])'
    )
    assert found["grain_unique"] == (
        '(RowCount = 0) or (CustomSql "SELECT count(*) - '
        'count(DISTINCT struct(sale_date, channel)) FROM primary" = 0)'
    )
    assert found["reconciles_units"] == (
        'CustomSql "SELECT count(*) FROM (SELECT sale_date, sum(units) AS total FROM primary '
        "GROUP BY sale_date) AS gold FULL OUTER JOIN (SELECT sale_date, sum(quantity) AS total "
        "FROM silver GROUP BY sale_date) AS silver ON gold.sale_date = silver.sale_date "
        'WHERE coalesce(gold.total, 0) <> coalesce(silver.total, 0)" = 0'
    )
    assert rules(LAKE, MARTS["top_products"])["range_position"] == (
        '(RowCount = 0) or ((ColumnValues "position" >= 1) and (ColumnValues "position" <= 10))'
    )


def test_a_ruleset_per_severity() -> None:
    found = rulesets(LAKE, MARTS["top_products"])
    assert list(found) == ["top_products_fail", "top_products_warn"]
    assert found["top_products_fail"].startswith("Rules = [\n    CustomSql")
    assert found["top_products_warn"].count("CustomSql") == 1
    assert "LEFT ANTI JOIN products" in found["top_products_warn"]
    assert list(rulesets(LAKE, MARTS["regional_sales"])) == ["regional_sales_fail"]


def test_an_evaluation_reads_one_release() -> None:
    options = {"pushDownPredicate": f"release = '{RELEASE}'"}
    sales = {"DatabaseName": "retail_silver", "TableName": "sales", "AdditionalOptions": options}
    asked = evaluation(LAKE, MARTS["daily_sales"], RELEASE)
    assert asked["DataSource"]["GlueTable"]["TableName"] == "daily_sales"
    assert asked["AdditionalDataSources"] == {"silver": {"GlueTable": sales}}
    assert set(evaluation(LAKE, MARTS["top_products"], RELEASE)["AdditionalDataSources"]) == {
        "silver",
        "products",
    }
