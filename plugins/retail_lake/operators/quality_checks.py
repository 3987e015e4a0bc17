"""Run a table's checks in one statement; anything but a plain "passed" is a failure."""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator

COLUMNS = ("check_name", "severity", "observed", "passed")


@dataclass(frozen=True)
class CheckResult:
    """One check's verdict; `observed` is what the query saw, as text."""

    check_name: str
    severity: str
    observed: str
    passed: bool


def verdicts(rows: Sequence[dict[str, str | None]]) -> list[CheckResult]:
    """Read the check query's rows strictly.

    A missing or unknown severity counts as `fail`, a missing or unreadable `passed` as not passed,
    and a query without rows as one failed check: a check that cannot tell has failed.
    """
    if not rows:
        return [CheckResult("checks_ran", "fail", "the check query returned no rows", False)]
    return [
        CheckResult(
            check_name=row.get("check_name") or "(unnamed)",
            severity="warn" if row.get("severity") == "warn" else "fail",
            observed="NULL" if row.get("observed") is None else str(row["observed"]),
            passed=row.get("passed") == "true",
        )
        for row in rows
    ]


class QualityChecksOperator(ReleaseAthenaOperator):
    """Runs one check query, keeps its results and fails naming every failed check.

    The query returns one row per check: check_name, severity (`fail` or `warn`), observed (text),
    passed (boolean). A failed `warn` is logged; a failed `fail` fails the task without a retry,
    because the same data would be checked again. A query that cannot run fails the task too.

    Args:
        release: the release that is checked (templated).
        results: address of the JSON Lines object that keeps the results (templated).
        results_table: (database, table), partitioned by release, in which the folder of the results
            is registered.
        labels: fields added to every result row (templated), e.g. which table was checked.
    """

    template_fields: Sequence[str] = (
        *ReleaseAthenaOperator.template_fields,
        "labels",
        "release",
        "results",
    )

    def __init__(
        self,
        *,
        release: str,
        results: str,
        results_table: tuple[str, str],
        labels: dict[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.release = release
        self.results = results
        self.results_table = results_table
        self.labels = labels or {}

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Judge the rows, store them, and fail if a `fail` check did not pass.

        Returns:
            The statement's facts, `checks`: {name: passed} and `observed`: {name: text}.

        Raises:
            AirflowFailException: naming every failed check with its observed value.
        """
        facts = super().result(context, execution)
        found = verdicts(self.rows(execution))
        self._keep(found)
        for check in found:
            level = self.log.info if check.passed else self.log.warning
            level("%s %s: observed %s", check.severity, check.check_name, check.observed)
        failed = [check for check in found if not check.passed and check.severity == "fail"]
        if failed:
            raise AirflowFailException(
                f"{len(failed)} of {len(found)} checks failed: "
                + "; ".join(f"{check.check_name} (observed {check.observed})" for check in failed)
            )
        return {
            **facts,
            "checks": {check.check_name: check.passed for check in found},
            "observed": {check.check_name: check.observed for check in found},
        }

    def _keep(self, found: Sequence[CheckResult]) -> None:
        lines = [json.dumps({**self.labels, **asdict(check)}, sort_keys=True) for check in found]
        DocumentsHook(aws_conn_id=self.aws_conn_id).write_text(
            self.results, "\n".join(lines) + "\n", "application/x-ndjson"
        )
        partition = {"values": [self.release], "location": f"{self.results.rpartition('/')[0]}/"}
        CatalogHook(aws_conn_id=self.aws_conn_id).register(*self.results_table, [partition])
