"""What a run did, in numbers, for a person and for the demonstration."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator

COUNTS = ("rows_in", "silver", "quarantined", "duplicates")


def delivered(ledger: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
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
    """Asks the published tables for their totals and writes the run's report.

    Args:
        inputs: address of the release's input list (templated); the report is put beside it.
        manifest: address of the job's manifest (templated).
        job_task: the task that ran the job.
        statements: what was built → the tasks that ran Athena statements for it.
    """

    template_fields: Sequence[str] = (
        *ReleaseAthenaOperator.template_fields,
        "inputs",
        "manifest",
    )

    def __init__(
        self,
        *,
        inputs: str,
        manifest: str,
        job_task: str,
        statements: Mapping[str, Sequence[str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.inputs = inputs
        self.manifest = manifest
        self.job_task = job_task
        self.statements = statements

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Write and return the report.

        Returns:
            `release`, `run_id`, `affected_days`, `ledger` (the job's account of every file),
            `rows` (the same per arrival day and dataset: rows_in = silver + quarantined +
            duplicates, files), `quarantine` (reasons), `totals` (rows of the
            query), `statements` (per task: bytes scanned and milliseconds), `bytes_scanned` (per
            thing built, summed over its statements, and `total`), `job` and `seconds` of the run
            so far.
        """
        ti = context["ti"]
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        manifest = documents.read_document(self.manifest)
        own = super().result(context, execution)
        facts = {
            task: ti.xcom_pull(task_ids=task)
            for tasks in self.statements.values()
            for task in tasks
        }
        facts[ti.task_id] = own
        scanned = {
            name: sum(facts[task]["bytes_scanned"] for task in tasks)
            for name, tasks in self.statements.items()
        }
        scanned |= {ti.task_id: own["bytes_scanned"]}
        started = context["dag_run"].start_date
        report = {
            "release": manifest["release"],
            "run_id": ti.run_id,
            "affected_days": manifest["affected_days"],
            "ledger": manifest["ledger"],
            "rows": delivered(manifest["ledger"]),
            "quarantine": manifest["quarantine"],
            "totals": self.rows(execution),
            "statements": {
                task: {name: fact[name] for name in ("bytes_scanned", "milliseconds")}
                for task, fact in facts.items()
            },
            "bytes_scanned": {**scanned, "total": sum(scanned.values())},
            "job": ti.xcom_pull(task_ids=self.job_task),
            "seconds": round((datetime.now(UTC) - started).total_seconds(), 1) if started else None,
        }
        documents.write_document(f"{self.inputs.rpartition('/')[0]}/report.json", report)
        self.log.info("%s", json.dumps(report, indent=2, default=str))
        return report
