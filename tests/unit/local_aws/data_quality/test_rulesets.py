"""Rulesets and evaluation runs through the Glue API."""

import json
import time
from typing import Any

import pytest

from tests.unit.local_aws.jobs.whole_front import FINAL, WholeFront

GOOD = 'Rules = [ RowCount > 0, # a comment\n IsComplete "id" where "day = \'a\'" ]'


@pytest.mark.parametrize(
    ("ruleset", "reason"),
    [
        ("", "the ruleset has no rules"),
        ("Rules = []", "the ruleset has no rules"),
        ("RowCount > 0", "line 1, column 10: '=' is expected"),
        ("Rules = [\n RowCount > ]", "line 2, column 13: ']' is not a value"),
        ('Rules = [ IsCmplete "id" ]', "there is no rule type 'IsCmplete'"),
        ("Rules = [ IsComplete ]", "IsComplete takes 1 quoted parameters"),
        ('Rules = [ IsComplete "id" > 1 ]', "IsComplete takes no condition"),
        ("Rules = [ RowCount ]", "RowCount needs a condition"),
        ('Rules = [ RowCount > "1" ]', "the condition of RowCount is about a number"),
        ('Rules = [ Mean "a" > 1 with threshold > 0.5 ]', "Mean takes no threshold"),
        ('Rules = [ ColumnCount > 1 where "x" ]', "ColumnCount takes no where"),
        ('Rules = [ ColumnValues "a" > NULL ]', "keywords can be compared with = and in only"),
        ("Rules = [ RowCount > avg(last(10)) ]", "not supported here: the dynamic rule with avg()"),
        ("Rules = [ RowCount > 2 * 3 ]", "not supported here: arithmetic"),
        ('Rules = [ DetectAnomalies "RowCount" ]', "not supported here: DetectAnomalies"),
        ("Analyzers = [ RowCount ]", "not supported here: the section 'Analyzers'"),
        ("Rules = [ (RowCount > 1) and (RowCount > 2) or (RowCount > 3) ]", "cannot be mixed"),
        ("Rules = [ RowCount > 1 ; ]", "';' cannot be read"),
    ],
)
def test_what_is_no_ruleset_is_refused(lake: WholeFront, ruleset: str, reason: str) -> None:
    with pytest.raises(lake.glue.exceptions.InvalidInputException) as error:
        lake.glue.create_data_quality_ruleset(Name="wrong", Ruleset=ruleset or " ")
    assert reason in str(error.value)
    with pytest.raises(lake.glue.exceptions.EntityNotFoundException):
        lake.glue.get_data_quality_ruleset(Name="wrong")


def test_rulesets_are_kept(lake: WholeFront) -> None:
    glue = lake.glue
    assert glue.create_data_quality_ruleset(Name="kept", Ruleset=GOOD)["Name"] == "kept"
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_data_quality_ruleset(Name="kept", Ruleset=GOOD)
    target = {"TableName": "none", "DatabaseName": lake.database}
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.create_data_quality_ruleset(Name="lost", Ruleset=GOOD, TargetTable=target)
    assert glue.get_data_quality_ruleset(Name="kept")["Ruleset"] == GOOD
    glue.update_data_quality_ruleset(Name="kept", Ruleset="Rules = [ RowCount = 1 ]")
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.update_data_quality_ruleset(Name="kept", Ruleset="Rules = [ RowCont = 1 ]")
    assert glue.get_data_quality_ruleset(Name="kept")["Ruleset"] == "Rules = [ RowCount = 1 ]"
    names = [item["Name"] for item in glue.list_data_quality_rulesets()["Rulesets"]]
    assert names == ["kept"]
    glue.delete_data_quality_ruleset(Name="kept")
    assert glue.list_data_quality_rulesets()["Rulesets"] == []
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.delete_data_quality_ruleset(Name="kept")


def source(lake: WholeFront, name: str, **options: str) -> dict[str, Any]:
    table = {"DatabaseName": lake.database, "TableName": name}
    return {"GlueTable": table | ({"AdditionalOptions": options} if options else {})}


def ended(lake: WholeFront, run_id: str) -> dict[str, Any]:
    """The run when it has ended."""
    deadline = time.monotonic() + 120
    while True:
        run: dict[str, Any] = lake.glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)
        if run["Status"] in FINAL:
            return run
        assert time.monotonic() < deadline, run
        time.sleep(0.1)


def test_a_run_judges_a_table(lake: WholeFront) -> None:
    glue = lake.glue
    storage = {
        "Columns": [{"Name": "id", "Type": "bigint"}],
        "Location": f"s3://{lake.bucket}/orders/",
        "SerdeInfo": {"SerializationLibrary": "org.openx.data.jsonserde.JsonSerDe"},
    }
    keys = [{"Name": "day", "Type": "string"}]
    table = {"Name": "orders", "StorageDescriptor": storage, "PartitionKeys": keys}
    glue.create_table(DatabaseName=lake.database, TableInput=table)
    for day, identities in (("a", (1, 2)), ("b", (2, None))):
        lines = "".join(json.dumps({"id": number}) + "\n" for number in identities)
        address = lake.put(f"orders/day={day}/x.json", lines).removesuffix("x.json")
        part = {"Values": [day], "StorageDescriptor": {**storage, "Location": address}}
        glue.create_partition(DatabaseName=lake.database, TableName="orders", PartitionInput=part)
    texts = {"one": GOOD, "two": 'Rules = [ IsComplete "id", RowCountMatch "whole" = 0.5 ]'}
    for name, text in texts.items():
        glue.create_data_quality_ruleset(Name=name, Ruleset=text)
    request: dict[str, Any] = {
        "DataSource": source(lake, "orders", pushDownPredicate="day = 'b'"),
        "Role": "role",
        "RulesetNames": ["one", "two"],
        "AdditionalDataSources": {"whole": source(lake, "orders")},
        "ClientToken": "once",
    }
    run_id = glue.start_data_quality_ruleset_evaluation_run(**request)["RunId"]
    assert glue.start_data_quality_ruleset_evaluation_run(**request)["RunId"] == run_id
    run = ended(lake, run_id)
    assert run["Status"] == "SUCCEEDED", run
    assert run["RulesetNames"] == ["one", "two"]
    assert run["ExecutionTime"] > 0
    one, two = (glue.get_data_quality_result(ResultId=item) for item in run["ResultIds"])
    assert [rule["Result"] for rule in one["RuleResults"]] == ["PASS", "FAIL"]
    # no row of day b is of day a: there is nothing to judge
    assert one["RuleResults"][1]["EvaluationMessage"] == "there are no values to judge"
    assert [rule["Result"] for rule in two["RuleResults"]] == ["FAIL", "PASS"]
    assert two["RuleResults"][0]["EvaluatedMetrics"] == {"Column.id.Completeness": 0.5}
    assert (two["RulesetName"], two["Score"]) == ("two", 0.5)
    runs = glue.list_data_quality_ruleset_evaluation_runs()["Runs"]
    assert [item["RunId"] for item in runs] == [run_id]


def test_what_is_not_there_cannot_be_judged(lake: WholeFront) -> None:
    glue = lake.glue
    glue.create_data_quality_ruleset(Name="any", Ruleset=GOOD)
    for table, rulesets in (("none", ["any"]), ("orders", ["none"])):
        with pytest.raises(glue.exceptions.EntityNotFoundException):
            glue.start_data_quality_ruleset_evaluation_run(
                DataSource=source(lake, table), Role="role", RulesetNames=rulesets
            )


def test_a_run_can_be_cancelled(lake: WholeFront) -> None:
    glue = lake.glue
    run_id = glue.start_data_quality_ruleset_evaluation_run(
        DataSource=source(lake, "orders"), Role="role", RulesetNames=["any"]
    )["RunId"]
    glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
    assert ended(lake, run_id)["Status"] == "STOPPED"
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.cancel_data_quality_ruleset_evaluation_run(RunId=run_id)
    assert not (lake.context.state / "data_quality" / run_id).exists()
