"""Gives Glue Data Quality the marts' checks, as rulesets of their tables.

Like the catalog's tables they follow from the headers of the marts, so the template has none.
"""

import re
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from include.infrastructure.stack import Say
from include.lake import dqdl
from include.lake.checks import check_names

if TYPE_CHECKING:
    from include.lake.contracts import Lake
    from include.lake.marts import Mart


def apply_rulesets(
    glue: Any, stack_name: str, lake: "Lake", marts: Iterable["Mart"], say: Say
) -> None:
    """Creates missing rulesets, updates those that differ, deletes those of checks that are gone.

    Args:
        glue: boto3 client.
        stack_name: what the names of the deployment's rulesets begin with.
        lake: the contracts.
        marts: the gold tables, which exist.
        say: receives one line, which names the checks that have no rule.
    """
    current = _current(glue, stack_name)
    wanted, without = set(), set()
    for mart in marts:
        for each, text in dqdl.rulesets(lake, mart).items():
            name = f"{stack_name}-{each}"
            wanted.add(name)
            if name not in current:
                target = {"DatabaseName": lake.gold_database, "TableName": mart.name}
                glue.create_data_quality_ruleset(Name=name, Ruleset=text, TargetTable=target)
            elif glue.get_data_quality_ruleset(Name=name)["Ruleset"] != text:
                glue.update_data_quality_ruleset(Name=name, Ruleset=text)
        without |= check_names(lake, mart).keys() - dqdl.rules(lake, mart).keys()
    for name in current - wanted:
        glue.delete_data_quality_ruleset(Name=name)
    say(
        f"{len(wanted)} rulesets of Glue Data Quality; DQDL has no rule for "
        f"{', '.join(sorted(without)) or 'nothing'}"
    )


def _current(glue: Any, stack_name: str) -> set[str]:
    """Names of the deployment's rulesets; marts have no dash, names of deployments may."""
    ours = re.compile(rf"{re.escape(stack_name)}-[a-z0-9_]+_(fail|warn)")
    found: set[str] = set()
    more: dict[str, str] = {}
    while True:  # the client has no paginator for these
        page = glue.list_data_quality_rulesets(**more)
        found |= {item["Name"] for item in page["Rulesets"]}
        if not page.get("NextToken"):
            return {name for name in found if ours.fullmatch(name)}
        more = {"NextToken": page["NextToken"]}
