"""Record that a person is to be forgotten, and tell which days hold rows of theirs."""

from collections.abc import Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator


class ErasureRules(Protocol):
    """The pure decisions about an erasure."""

    def found(self, token: str, /) -> str:
        """Return the query for a person's published rows: dataset, ingest_date, found."""

    def runs(self, days: list[date], run_id: str, /) -> Sequence[dict[str, Any]]:
        """Return `conf` and `trigger_run_id` of the runs that rebuild those arrival days."""


class ErasureLayout(Protocol):
    """Where requests lie in the lake's bucket."""

    def erasure_key(self, token: str, /) -> str:
        """Return the key of a person's request."""


class RequestErasureOperator(ReleaseAthenaOperator):
    """Writes the request of the run's parameter `customer_token`, and finds the days to rebuild.

    The request comes first, so that whatever is built from then on honours it. With `dry_run`
    nothing is written.

    Args:
        rules: the pure decisions.
        bucket: the lake's bucket.
        layout: where things lie.
    """

    def __init__(
        self, *, rules: ErasureRules, bucket: str, layout: ErasureLayout, **kwargs: Any
    ) -> None:
        super().__init__(query="", **kwargs)  # made in execute, from the parameters
        self.rules = rules
        self.bucket = bucket
        self.layout = layout

    def execute(self, context: Any) -> Any:
        """Record and find.

        Returns:
            What rebuilds the days: `conf` and `trigger_run_id` of each run; none in a dry run.
            Pushed under the key `found`: the statement's facts, `rows` (dataset, ingest_date,
            found), `days` and `dry_run`.
        """
        token = str(context["params"]["customer_token"])
        try:
            self.query = self.rules.found(token)
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
        if not context["params"]["dry_run"]:
            address = f"s3://{self.bucket}/{self.layout.erasure_key(token)}"
            request = {"run_id": context["ti"].run_id, "requested_at": datetime.now(UTC)}
            DocumentsHook(aws_conn_id=self.aws_conn_id).write_document(address, request)
        return super().execute(context)

    def execute_complete(self, context: Any, *event: Any, **state: Any) -> Any:
        """Push what was found, and return the runs: only that can be mapped over."""
        found = super().execute_complete(context, *event, **state)
        runs = found.pop("runs")
        context["ti"].xcom_push(key="found", value=found)
        return runs

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Return what was found and the runs."""
        facts = super().result(context, execution)
        rows = self.rows(execution)
        days = sorted({str(row["ingest_date"]) for row in rows})
        dry_run = bool(context["params"]["dry_run"])
        self.log.info("Rows of the person lie in %s; arrival days: %s", rows, days)
        wanted = [] if dry_run else [date.fromisoformat(day) for day in days]
        runs = self.rules.runs(wanted, context["ti"].run_id)
        return {**facts, "rows": rows, "days": days, "dry_run": dry_run, "runs": runs}
