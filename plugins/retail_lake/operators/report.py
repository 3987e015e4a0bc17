"""What a run did, for people: a page in the lake that the UI links to, and a document."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime
from typing import Any, Protocol

from airflow.providers.common.compat.sdk import BaseOperatorLink, XCom

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator
from retail_lake.pages import run_report

COUNTS = ("rows_in", "silver", "quarantined", "duplicates")
LINK_KEY = "report_url"
Row = dict[str, Any]


class ReportRules(Protocol):
    """The pure decisions about the page."""

    def query(self, first: str, last: str, /) -> str:
        """Return the query for what was sold, by first and last business day."""

    def page(self, facts: Mapping[str, Any], /) -> dict[str, Any]:
        """Return what the page says."""


class ReportLayout(Protocol):
    """Where the page and what it tells of lie in the lake's bucket."""

    def report_key(self, release: str, /) -> str:
        """Return the key of the page."""

    def quality_results_prefix(self, release: str, /) -> str:
        """Return the folder of the checks' results."""

    def restatements_prefix(self, release: str, sale_date: date, /) -> str:
        """Return the folder of a release's restatements of a business day."""


class RunReportLink(BaseOperatorLink):
    """The page, in the S3 console; with an S3 that has none, by an address signed for a week.

    The console asks who somebody is, so the link gives nothing away. Airflow keeps links in XCom
    since 3.0, made when the task ends: a signed address of AWS would be a secret there, and would
    run out with the role's credentials.
    """

    name = "Run report"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        """Return the address that the task has pushed; empty if it has not come that far."""
        return str(XCom.get_value(key=LINK_KEY, ti_key=ti_key) or "")


def delivered(ledger: Sequence[Mapping[str, Any]]) -> list[Row]:
    """Sum the job's per-file accounts: one dict per arrival day and dataset, and the files."""
    sums: dict[tuple[str, str], Counter[str]] = {}
    for line in ledger:
        counter = sums.setdefault((str(line["ingest_date"]), str(line["dataset"])), Counter())
        counter.update({name: int(line[name]) for name in COUNTS} | {"files": 1})
    return [
        {
            "ingest_date": day,
            "dataset": dataset,
            **{name: counter[name] for name in (*COUNTS, "files")},
        }
        for (day, dataset), counter in sorted(sums.items())
    ]


class ReportOperator(ReleaseAthenaOperator):
    """Asks the published tables for what was sold and writes the run's report.

    Args:
        release: the release's id (templated).
        days: first and last business day of the run (templated).
        inputs: address of its input list (templated); `report.json` is put beside it.
        manifest: address of the job's manifest (templated).
        restated: business days with restatements (templated).
        bucket: the lake's bucket.
        layout: where things lie in it.
        rules: the pure decisions.
    """

    template_fields: Sequence[str] = (
        *ReleaseAthenaOperator.template_fields,
        *("days", "inputs", "manifest", "release", "restated"),
    )
    operator_extra_links = (  # type: ignore[assignment]
        RunReportLink(),
        *ReleaseAthenaOperator.operator_extra_links,
    )
    within_budget = False  # all is published: to say what it cost is worth a statement

    def __init__(
        self,
        *,
        release: str,
        days: tuple[str, str],
        inputs: str,
        manifest: str,
        restated: Any,
        bucket: str,
        layout: ReportLayout,
        rules: ReportRules,
        **kwargs: Any,
    ) -> None:
        super().__init__(query="", **kwargs)  # made in execute, from the days
        self.release = release
        self.days = days
        self.inputs = inputs
        self.manifest = manifest
        self.restated = restated
        self.bucket = bucket
        self.layout = layout
        self.rules = rules

    def execute(self, context: Any) -> Any:
        """Ask what was sold, and write the report.

        Returns:
            `release`, `run_id`, `affected_days`, `ledger` (the job's account of every file), `rows`
            (the same per arrival day and dataset: rows_in = silver + quarantined + duplicates,
            files), `quarantine` (reasons), `bytes_scanned` (per table, over all statements, and
            `total`), `costs` (rows of the book), `estimate`, `page` (its address) and `seconds` of
            the run so far.
        """
        self.query = self.rules.query(*self.days)
        return super().execute(context)

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Write the page and the document; return what `execute` promises."""
        ti, now = context["ti"], datetime.now(UTC)
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        manifest = documents.read_document(self.manifest)
        costs = self.costs.rows(self.release) if self.costs else []
        report = {
            "release": self.release,
            "run_id": ti.run_id,
            **{name: manifest[name] for name in ("affected_days", "ledger", "quarantine")},
            "costs": costs,
            "estimate": self.costs.estimated(self.release) if self.costs else {},
        }
        page = self.rules.page(
            {
                **report,
                "days": self.days,
                "sales": self.rows(execution),
                "checks": self._checks(documents),
                "restatements": self._restatements(documents),
                "written": f"{now:%Y-%m-%d %H:%M} UTC",
            }
        )
        address = f"s3://{self.bucket}/{self.layout.report_key(self.release)}"
        documents.write_page(address, run_report.render(page))
        ti.xcom_push(key=LINK_KEY, value=documents.link(address))
        started = context["dag_run"].start_date
        report |= {
            "page": address,
            "rows": delivered(manifest["ledger"]),
            "bytes_scanned": _scanned(costs),
            "seconds": round((now - started).total_seconds(), 1) if started else None,
        }
        documents.write_document(f"{self.inputs.rpartition('/')[0]}/report.json", report)
        self.log.info("%s", json.dumps(report, indent=2, default=str))
        return report

    def _checks(self, documents: DocumentsHook) -> list[Row]:
        """Return the results of the last attempt to check each mart (`<mart>-<attempt>.jsonl`)."""
        folder = f"s3://{self.bucket}/{self.layout.quality_results_prefix(self.release)}"
        last: dict[str, int] = {}
        for name in documents.names(folder, ".jsonl"):
            mart, _, attempt = name.rpartition("-")
            last[mart] = max(last.get(mart, 0), int(attempt))
        texts = [documents.read_text(f"{folder}{mart}-{last[mart]}.jsonl") for mart in sorted(last)]
        return [json.loads(line) for text in texts for line in text.splitlines()]

    def _restatements(self, documents: DocumentsHook) -> list[Row]:
        prefixes = [
            self.layout.restatements_prefix(self.release, date.fromisoformat(day))
            for day in self.restated
        ]
        texts = [documents.read_lines(f"s3://{self.bucket}/{prefix}") for prefix in prefixes]
        return [json.loads(line) for text in texts for line in text.splitlines()]


def _scanned(costs: Sequence[Row]) -> dict[str, int]:
    scanned: Counter[str] = Counter()
    for row in costs:
        if row["unit"] == "bytes":
            scanned[row["table_name"]] += int(float(row["quantity"]))
    return {**scanned, "total": scanned.total()}
