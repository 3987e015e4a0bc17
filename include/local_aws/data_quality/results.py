"""Results of evaluations: of runs, and of jobs whose scripts evaluate."""

from typing import Any

from include.local_aws.catalog.requests import page
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Handler

KIND = "result"
SHOWN = ("ResultId", "DataSource", "JobName", "JobRunId", "StartedOn")
FILTERS = ("DataSource", "JobName", "JobRunId", "StartedAfter", "StartedBefore")


class Results:
    """The results of the account."""

    def __init__(self, store: Documents) -> None:
        self._store = store

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target; the put is not one of AWS's."""
        return {
            "AWSGlue.GetDataQualityResult": self.get,
            "AWSGlue.BatchGetDataQualityResult": self.several,
            "AWSGlue.ListDataQualityResults": self.listed,
            "LocalGlue.PutDataQualityResult": self.put,
        }

    def put(self, body: dict[str, Any]) -> dict[str, Any]:
        """Keep a result."""
        self._store.add(KIND, body["ResultId"], body)
        return {}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetDataQualityResult.

        Raises:
            AwsError: EntityNotFoundException.
        """
        found = self._store.get(KIND, str(body.get("ResultId")))
        if found is None:
            raise AwsError("EntityNotFoundException", f"there is no result {body.get('ResultId')}")
        return found

    def several(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchGetDataQualityResult."""
        asked = [str(item) for item in body.get("ResultIds") or []]
        found = {item: self._store.get(KIND, item) for item in asked}
        return {
            "Results": [item for item in found.values() if item],
            "ResultsNotFound": [name for name, item in found.items() if item is None],
        }

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """ListDataQualityResults, newest first."""
        asked = {key: value for key, value in (body.get("Filter") or {}).items() if value}
        if unknown := set(asked) - set(FILTERS):
            raise AwsError(
                "InvalidInputException", f"not supported here: the filter {sorted(unknown)[0]}"
            )
        after, before = asked.pop("StartedAfter", 0), asked.pop("StartedBefore", float("inf"))
        found = [
            {key: item[key] for key in SHOWN if key in item}
            for item in reversed(self._store.all(KIND))
            if all(item.get(key) == value for key, value in asked.items())
            and after <= item["StartedOn"] <= before
        ]
        rows, more = page(found, body)
        return {"Results": list(rows), **more}
