"""The rulesets of Glue Data Quality follow the headers of the marts."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from include.infrastructure.rulesets import apply_rulesets
from include.lake.contracts import load_lake
from include.lake.dqdl import rulesets
from include.lake.marts import Mart, MartCheck, load_marts

# not the database that another test of this catalog deploys
LAKE = replace(load_lake(), gold_database="gold_of_rulesets")
STACK = "retail-lake-dev"
OTHER = "retail-lake-dev-2-daily_sales_fail"


@pytest.fixture
def glue(aws_and_front: Callable[[str], Any]) -> Any:
    client = aws_and_front("glue")
    client.create_database(DatabaseInput={"Name": LAKE.gold_database})
    client.create_table(DatabaseName=LAKE.gold_database, TableInput={"Name": "daily_sales"})
    client.create_data_quality_ruleset(Name=OTHER, Ruleset="Rules = [ RowCount > 0 ]")
    yield client
    client.delete_data_quality_ruleset(Name=OTHER)
    client.delete_database(Name=LAKE.gold_database)


def test_rulesets_follow_the_marts(glue: Any) -> None:
    mart = next(mart for mart in load_marts() if mart.name == "daily_sales")
    more = replace(mart, checks=(*mart.checks, MartCheck("busy", "fail", "count(*) > 1")))
    silent = replace(mart, checks=tuple(each for each in mart.checks if each.severity == "fail"))
    lines: list[str] = []
    wanted: list[list[Mart]] = [[mart], [mart], [more], [silent], []]
    for marts in wanted:
        apply_rulesets(glue, STACK, LAKE, marts, lines.append)
        texts = {
            f"{STACK}-{name}": text for each in marts for name, text in rulesets(LAKE, each).items()
        }
        names = [item["Name"] for item in glue.list_data_quality_rulesets()["Rulesets"]]
        assert {name for name in names if name.startswith(STACK)} == {*texts, OTHER}
        for name, text in texts.items():
            ruleset = glue.get_data_quality_ruleset(Name=name)
            assert ruleset["Ruleset"] == text
            assert ruleset["TargetTable"]["TableName"] == "daily_sales"
    assert lines[0].startswith(
        "2 rulesets of Glue Data Quality; DQDL has no rule for fresh, fresh_"
    )
    assert [line.split(" ", 1)[0] for line in lines] == ["2", "2", "2", "1", "0"]
