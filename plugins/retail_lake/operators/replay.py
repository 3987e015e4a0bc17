"""Find quarantined rows, and tell which of them would pass now."""

import json
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator

COUNTS = ("quarantined", "would_pass", "gone")


class ReplayRules(Protocol):
    """The pure decisions about a replay."""

    def found(self, params: Mapping[str, Any], /) -> str:
        """Return the query for the rows asked for, by dataset, ingest_date and reason."""

    def judged(self, params: Mapping[str, Any], release: str, /) -> str:
        """Return the query for the same with `would_pass` and `gone`, as a release judged them."""

    def manifest_keys(self, objects: Any, /) -> list[str]:
        """Return the keys of those objects that describe an extract."""

    def release(self, dag_id: str, run_id: str, try_number: int, days: Any, /) -> str:
        """Return the id of what one attempt to judge files of those arrival days builds."""

    def inputs(
        self, release: str, bucket: str, listings: Any, manifests: Any, erased: Any, /
    ) -> dict[str, Any]:
        """Return the input list of a release that judges the files and is never published."""

    def runs(self, days: Sequence[date], run_id: str, /) -> list[dict[str, Any]]:
        """Return `conf` and `trigger_run_id` of the runs that rebuild those arrival days."""


class ReplayLayout(Protocol):
    """Where deliveries and input lists lie in the lake's bucket."""

    ERASURES_PREFIX: str

    def bronze_prefix(self, dataset: str, ingest_date: date, /) -> str:
        """Return the folder of a day's delivery."""

    def inputs_key(self, release: str, /) -> str:
        """Return the key of a release's input list."""


class FindQuarantinedOperator(ReleaseAthenaOperator):
    """Finds the published quarantined rows that are asked for, and lists their files for the job.

    The run's parameters say which: `dataset`, `reason`, `from_date`, `to_date`. The list names the
    files of the datasets and arrival days that have such rows, under a release of this run that is
    never published.

    Args:
        rules: the pure decisions.
        bucket: the lake's bucket.
        layout: where things lie.
    """

    def __init__(
        self,
        *,
        rules: ReplayRules,
        bucket: str,
        layout: ReplayLayout,
        **kwargs: Any,
    ) -> None:
        super().__init__(query="", **kwargs)  # made in execute, from the parameters
        self.rules = rules
        self.bucket = bucket
        self.layout = layout

    def execute(self, context: Any) -> Any:
        """Find them.

        Returns:
            The statement's facts, `from_date` and `to_date` (arrival days), `release`, `inputs`
            (address of its input list) and `rows` (dataset, ingest_date, reason, quarantined).

        Raises:
            AirflowFailException: a parameter is not what it should be.
            AirflowSkipException: there are none.
        """
        try:
            self.query = self.rules.found(context["params"])
        except ValueError as error:
            raise AirflowFailException(str(error)) from error
        return super().execute(context)

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """List the files and return what `execute` promises."""
        facts = super().result(context, execution)
        rows = self.rows(execution)
        if not rows:
            raise AirflowSkipException("no published row is quarantined as asked; nothing to judge")
        ti = context["ti"]
        days = sorted({date.fromisoformat(str(row["ingest_date"])) for row in rows})
        try:
            release = self.rules.release(ti.dag_id, ti.run_id, ti.try_number, days)
        except ValueError as error:
            raise AirflowFailException(f"{error}: narrow it by from_date and to_date") from error
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        listings: dict[str, dict[date, Any]] = {}
        for row in rows:
            dataset, day = str(row["dataset"]), date.fromisoformat(str(row["ingest_date"]))
            if day not in listings.setdefault(dataset, {}):
                prefix = self.layout.bronze_prefix(dataset, day)
                listings[dataset][day] = documents.objects(f"s3://{self.bucket}/{prefix}")
        manifests = {
            key: documents.read_document(f"s3://{self.bucket}/{key}")
            for by_day in listings.values()
            for objects in by_day.values()
            for key in self.rules.manifest_keys(objects)
        }
        erased = documents.names(f"s3://{self.bucket}/{self.layout.ERASURES_PREFIX}")
        document = self.rules.inputs(release, self.bucket, listings, manifests, erased)
        address = f"s3://{self.bucket}/{self.layout.inputs_key(release)}"
        documents.write_document(address, document)
        window = {"from_date": days[0].isoformat(), "to_date": days[-1].isoformat()}
        return {**facts, **window, "release": release, "inputs": address, "rows": rows}


class ReplayVerdictOperator(ReleaseAthenaOperator):
    """Tells per dataset, arrival day and reason how many quarantined rows would pass now.

    Args:
        rules: the pure decisions.
        release: that the files were judged in (templated).
    """

    template_fields: Sequence[str] = (*ReleaseAthenaOperator.template_fields, "release")

    def __init__(self, *, rules: ReplayRules, release: str, **kwargs: Any) -> None:
        super().__init__(query="", **kwargs)  # made in execute, from the parameters
        self.rules = rules
        self.release = release

    def execute(self, context: Any) -> Any:
        """Compare.

        Returns:
            What rebuilds the days that have rows which would pass: `conf` and `trigger_run_id` of
            each run; none in a dry run. Pushed under the key `verdict`: the statement's facts,
            `rows` (dataset, ingest_date, reason, quarantined, would_pass, gone), their sums,
            `dry_run` and `days` (arrival days with rows that would pass).
        """
        self.query = self.rules.judged(context["params"], self.release)
        return super().execute(context)

    def execute_complete(self, context: Any, *event: Any, **state: Any) -> Any:
        """Push the verdict and return the runs: a task can only be mapped over what is returned."""
        verdict = super().execute_complete(context, *event, **state)
        runs = verdict.pop("runs")
        context["ti"].xcom_push(key="verdict", value=verdict)
        return runs

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Return the verdict and the runs."""
        facts = super().result(context, execution)
        rows: list[dict[str, Any]] = [
            {**row, **{name: int(str(row[name])) for name in COUNTS}}
            for row in self.rows(execution)
        ]
        days = sorted({row["ingest_date"] for row in rows if row["would_pass"]})
        dry_run = bool(context["params"]["dry_run"])
        verdict = {
            "rows": rows,
            **{name: sum(row[name] for row in rows) for name in COUNTS},
            "days": days,
            "dry_run": dry_run,
        }
        self.log.info("%s", json.dumps(verdict, indent=2))
        wanted = [] if dry_run else [date.fromisoformat(day) for day in days]
        return {**facts, **verdict, "runs": self.rules.runs(wanted, context["ti"].run_id)}
