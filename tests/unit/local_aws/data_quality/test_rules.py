"""Every rule type on a good table and on a bad one, in one job; verdicts are worked out by hand."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront

SCRIPT = Path(__file__).with_name("rules_script.py")
SCHEMA = "id long, amount double, country string, day string, code string"
GOOD = [
    [1, 1.0, "US", "2024-01-01", "a1"],
    [2, 2.0, "CA", "2024-01-02", "b2"],
    [3, 3.0, "US", "2024-01-03", "c3"],
    [4, 6.0, "UK", "2024-01-04", "d4"],
]
BAD = [
    [1, 1.0, "US", "2024-01-01", "a1"],
    [1, -2.0, None, "not a day", ""],
    [None, None, "XX", "2024-01-03", "  "],
]
# rule -> verdict on GOOD, verdict on BAD
RULES: dict[str, tuple[bool, bool]] = {
    'IsComplete "id"': (True, False),
    'IsComplete "id" where "country = \'US\'"': (True, True),
    'Completeness "id" > 0.6': (True, True),
    'Completeness "id" between 0.5 and 1.0': (False, True),  # 1.0 is outside, 2/3 inside
    'IsUnique "id"': (True, False),
    'Uniqueness "id" = 0.0': (False, True),
    'IsPrimaryKey "id"': (True, False),
    'IsPrimaryKey "id" "amount"': (True, False),  # different, but not complete
    'UniqueValueRatio "country" > 0.6': (True, True),  # 2 of 3; 2 of 2
    'DistinctValuesCount "country" = 3': (True, False),
    f'Entropy "country" between 1.03 and {math.log(3)}': (True, False),
    'ColumnValues "amount" > 0': (True, False),
    'ColumnValues "amount" > 0 with threshold > 0.3': (True, True),
    'ColumnValues "amount" > 0 with threshold > 0.34': (True, False),
    'ColumnValues "amount" between 1 and 6': (False, False),  # ends are outside
    'ColumnValues "amount" between 0.99 and 6.01': (True, False),
    'ColumnValues "amount" not between 4 and 5': (True, True),  # null passes
    'ColumnValues "country" in ["US", "CA", "UK"]': (True, False),
    'ColumnValues "country" in ["US", "CA", "UK", "XX", NULL]': (True, True),
    'ColumnValues "country" not in ["XX"]': (True, False),
    'ColumnValues "country" not in ["YY"]': (True, True),  # null passes
    'ColumnValues "country" not in ["YY", NULL]': (True, False),
    'ColumnValues "country" != "YY"': (True, True),
    'ColumnValues "country" != NULL': (True, False),
    'ColumnValues "code" != EMPTY': (True, False),
    'ColumnValues "code" != WHITESPACES_ONLY': (True, False),
    'ColumnValues "country" matches "[A-Z]{2}"': (True, False),  # null does not match
    'ColumnValues "code" matches "[a-z]"': (False, False),  # the whole value has to match
    'ColumnValues "code" not matches "[0-9]+"': (True, True),
    'ColumnValues "id" in [1, 2, 3, 4]': (True, False),
    'ColumnValues "day" > "2023-12-31"': (True, True),  # texts in the order of texts
    'ColumnValues "at" > (now() - 2 days)': (True, False),
    'ColumnLength "country" = 2': (True, False),  # a null is as long as an empty text
    'ColumnLength "code" < 3': (True, True),
    'ColumnDataType "day" = "DATE"': (True, False),
    'ColumnDataType "day" = "DATE" with threshold > 0.5': (True, True),
    'ColumnDataType "day" = "STRING"': (True, True),
    'ColumnDataType "amount" = "STRING"': (False, False),
    'ColumnCorrelation "id" "amount" > 0.9': (True, False),
    "ColumnCount = 6": (True, True),
    'ColumnExists "id"': (True, True),
    'ColumnExists "nothing"': (False, False),
    'ColumnNamesMatchPattern "[a-z]+"': (True, True),
    'IsComplete "nothing"': (False, False),
    "RowCount > 3": (True, False),
    "RowCount = 2 where \"country = 'US'\"": (True, False),
    'Mean "amount" = 3.0': (True, False),
    'Sum "amount" = 12': (True, False),
    'StandardDeviation "amount" between 1.87 and 1.88': (True, False),  # of the population
    'CustomSql "select count(*) from primary where amount < 0" = 0': (True, False),
    'CustomSql "select id from primary where id < 5"': (True, False),
    'CustomSql "select id from primary where id < 5" with threshold > 0.6': (True, True),
    'CustomSql "select count(*) from reference" = 4': (True, True),
    'CustomSql "select nonsense"  = 4': (False, False),
    'DataFreshness "at" <= 24 hours': (True, False),
    'ReferentialIntegrity "country" "reference.country" = 1.0': (True, False),
    'ReferentialIntegrity "id,country" "reference.{id,country}" >= 0.3': (True, True),
    'ReferentialIntegrity "id" "elsewhere.id" = 1.0': (False, False),
    'RowCountMatch "reference" = 1.0': (True, False),
    'SchemaMatch "reference" = 1.0': (True, True),
    'DatasetMatch "reference" "id" "amount,country" >= 0.5': (True, False),
    'DatasetMatch "reference" "id" "amount->amount" >= 0.3': (True, True),
    'AggregateMatch "sum(amount)" "sum(reference.amount)" > 0.9': (True, False),
    'AggregateMatch "avg(id)" "avg(reference.id)" between 0.3 and 0.5': (False, True),
    '(IsComplete "id") and (IsUnique "id")': (True, False),
    '(IsComplete "id") or (RowCount < 4)': (True, True),
    '(RowCount > 3) or ((IsComplete "code") and (IsUnique "code"))': (True, True),
}


@pytest.fixture(scope="module")
def run(lake: WholeFront) -> dict[str, Any]:
    """The run of the script; it fails on purpose at its end."""
    case = {"schema": SCHEMA, "tables": {"good": GOOD, "bad": BAD}, "rules": list(RULES)}
    files = lake.put("rules.json", json.dumps(case))
    # a few rows: what Spark spends on planning is all the time there is
    names = ("sql.shuffle.partitions=1", "default.parallelism=1", "sql.adaptive.enabled=false")
    settings = " --conf ".join(f"spark.{name}" for name in (*names, "sql.codegen.wholeStage=false"))
    arguments = {"--extra-files": files, "--conf": settings}
    job = lake.job("rules", SCRIPT, DefaultArguments=arguments)
    return lake.run(job)


def lines(run: dict[str, Any], start: str) -> list[Any]:
    """What the script printed after this word."""
    found = [line for line in run["log"].splitlines() if line.startswith(start)]
    assert found, run["log"]
    return [json.loads(line.removeprefix(start)) for line in found]


@pytest.fixture(scope="module")
def outcomes(run: dict[str, Any]) -> dict[tuple[str, str], list[Any]]:
    return {(table, rule): rest for table, rule, *rest in lines(run, "outcome: ")}


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("table", ["good", "bad"])
def test_a_rule(outcomes: dict[tuple[str, str], list[Any]], table: str, rule: str) -> None:
    outcome, reason, metrics = outcomes[table, " ".join(rule.split())]
    assert (outcome == "Passed") is RULES[rule][table == "bad"], (reason, metrics)
    assert (reason is None) == (outcome == "Passed")


def test_metrics_and_reasons(outcomes: dict[tuple[str, str], list[Any]]) -> None:
    _, reason, metrics = outcomes["bad", 'IsComplete "id"']
    assert metrics == {"Column.id.Completeness": pytest.approx(2 / 3)}
    assert reason == "Value: 0.6666666666666666 does not meet the constraint requirement!"
    assert outcomes["good", 'Entropy "country" between 1.03 and 1.0986122886681098'][2] == {
        "Column.country.Entropy": pytest.approx(0.5 * math.log(2) + 2 * 0.25 * math.log(4))
    }
    assert outcomes["good", 'IsComplete "nothing"'][1] == (
        "Input data does not include column nothing!"
    )


def test_rows_say_which_rules_they_fail(run: dict[str, Any]) -> None:
    complete, unique, positive = 'IsComplete "id"', 'IsUnique "id"', 'ColumnValues "amount" > 0'
    assert sorted(lines(run, "row: "), key=str) == sorted(
        [
            [1, 1.0, "Failed", [unique], ["RowCount > 1"]],
            [1, -2.0, "Failed", [unique, positive], ["RowCount > 1"]],
            [None, None, "Failed", [complete, positive], ["RowCount > 1"]],
        ],
        key=str,
    )


def test_apply_gives_a_row_per_rule(run: dict[str, Any]) -> None:
    assert (
        "root\n|-- Rule: string\n|-- Outcome: string\n|-- FailureReason: string\n"
        "|-- EvaluatedMetrics: map\n|    |-- keyType: string\n|    |-- valueType: double\n"
    ) in run["log"]


def test_an_empty_table_meets_no_rule_about_values(run: dict[str, Any]) -> None:
    assert lines(run, "empty: ") == [["Passed", "Failed", "Failed", "Failed", "Failed"]]


def test_an_unknown_rule_is_an_error(run: dict[str, Any]) -> None:
    assert run["JobRunState"] == "FAILED"
    assert "IsComplet \"id\": there is no rule type 'IsComplet'" in run["ErrorMessage"]


def test_results_are_published(run: dict[str, Any], lake: WholeFront) -> None:
    listed = lake.glue.list_data_quality_results(Filter={"JobName": "rules"})["Results"]
    assert len(listed) == 2
    results = lake.glue.batch_get_data_quality_result(
        ResultIds=[item["ResultId"] for item in listed] + ["none"]
    )
    assert results["ResultsNotFound"] == ["none"]
    bad, good = results["Results"]
    assert (bad["EvaluationContext"], good["EvaluationContext"]) == ("bad", "good")
    assert bad["JobRunId"] == run["Id"]
    for number, (result, _) in enumerate(((good, "good"), (bad, "bad"))):
        passed = [rule["Result"] == "PASS" for rule in result["RuleResults"]]
        assert passed == [verdicts[number] for verdicts in RULES.values()]
        assert result["Score"] == pytest.approx(sum(passed) / len(passed))
    again = lake.glue.get_data_quality_result(ResultId=good["ResultId"])
    assert again["RuleResults"][0]["EvaluatedMetrics"] == {"Column.id.Completeness": 1.0}
