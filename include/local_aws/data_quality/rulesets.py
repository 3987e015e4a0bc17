"""Rulesets, and the check of their text."""

import json
import subprocess
import sys
import time
from typing import Any

from include.local_aws.catalog.requests import page
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Context, Handler
from include.local_aws.jobs.workspace import LIBRARY

KIND = "ruleset"
CHECK_SECONDS = 30


class Rulesets:
    """The rulesets of the account."""

    def __init__(self, context: Context, store: Documents) -> None:
        self._context = context
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target."""
        return {
            "AWSGlue.CreateDataQualityRuleset": self.create,
            "AWSGlue.GetDataQualityRuleset": lambda body: self.get(_name(body)),
            "AWSGlue.UpdateDataQualityRuleset": self.update,
            "AWSGlue.DeleteDataQualityRuleset": self.delete,
            "AWSGlue.ListDataQualityRulesets": self.listed,
        }

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateDataQualityRuleset.

        Raises:
            AwsError: InvalidInputException: the text is no ruleset; AlreadyExistsException;
                EntityNotFoundException: the target table is not there.
        """
        name, now = _name(body), time.time()
        check(str(body.get("Ruleset") or ""))
        target = body.get("TargetTable")
        if target:
            table = {"DatabaseName": target["DatabaseName"], "Name": target["TableName"]}
            self._context.forward("AWSGlue.GetTable", table)
        ruleset = {
            "Name": name,
            "Description": body.get("Description", ""),
            "Ruleset": body["Ruleset"],
            "CreatedOn": now,
            "LastModifiedOn": now,
        } | ({"TargetTable": target} if target else {})
        if not self._store.add(KIND, name, ruleset):
            raise AwsError("AlreadyExistsException", f"the ruleset {name} exists")
        return {"Name": name}

    def get(self, name: str) -> dict[str, Any]:
        """GetDataQualityRuleset.

        Raises:
            AwsError: EntityNotFoundException.
        """
        ruleset = self._store.get(KIND, name)
        if ruleset is None:
            raise AwsError("EntityNotFoundException", f"there is no ruleset {name}")
        return ruleset

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateDataQualityRuleset."""
        before = self.get(_name(body))
        given = {key: body[key] for key in ("Description", "Ruleset") if body.get(key) is not None}
        if "Ruleset" in given:
            check(given["Ruleset"])
        self._store.change(KIND, before["Name"], **given, LastModifiedOn=time.time())
        after = before | given
        return {key: after[key] for key in ("Name", "Description", "Ruleset")}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteDataQualityRuleset."""
        self.get(_name(body))
        self._store.delete(KIND, _name(body))
        return {}

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """ListDataQualityRulesets; filters: Name, Description and TargetTable."""
        asked = body.get("Filter") or {}
        unknown = set(asked) - {"Name", "Description", "TargetTable"}
        if unknown:
            raise AwsError(
                "InvalidInputException", f"not supported here: the filter {sorted(unknown)[0]}"
            )
        found = [
            {key: value for key, value in item.items() if key != "Ruleset"}
            for item in self._store.all(KIND)
            if all(item.get(key) == value for key, value in asked.items())
        ]
        rows, more = page(found, body)
        return {"Rulesets": list(rows), **more}


def _name(body: dict[str, Any]) -> str:
    if not body.get("Name"):
        raise AwsError("InvalidInputException", "Name is missing from the request")
    return str(body["Name"])


def check(ruleset: str) -> None:
    """Have the library, which scripts use and which is no part of this package, read a ruleset.

    Raises:
        AwsError: InvalidInputException: it is none, or has a rule that cannot be judged here.
    """
    answer = subprocess.run(
        [sys.executable, "-m", "awsgluedq", "check"],
        input=ruleset,
        cwd=LIBRARY,
        capture_output=True,
        text=True,
        timeout=CHECK_SECONDS,
        check=True,
    )
    error = json.loads(answer.stdout)["error"]
    if error:
        raise AwsError("InvalidInputException", f"the ruleset is not valid: {error}")
