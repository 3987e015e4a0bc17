"""Tell what a release changes of numbers that readers have seen already."""

import json
from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any, Protocol

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator


class RestatementRules(Protocol):
    """The pure decisions about restatements."""

    @property
    def table(self) -> tuple[str, str]:
        """(database, table) that keeps them, partitioned by (day, release)."""

    def statement(
        self,
        staged: Mapping[str, str],
        base: str,
        affected_days: Collection[date],
        release: str,
        window: tuple[date, date],
        /,
        *,
        unseen: bool,
    ) -> str | None:
        """Return the query for what a release changes; None if there is nothing to compare."""

    def documents(self, rows: Any, /) -> Mapping[date, Sequence[Mapping[str, Any]]]:
        """Return the rows to keep by business day, from those of the query."""

    def totals(self, rows: Any, /) -> Sequence[Mapping[str, Any]]:
        """Return what becomes of each mart's business day, from the rows of the query."""


class RestatementsLayout(Protocol):
    """Where restatements lie in the lake's bucket."""

    def restatements_prefix(self, release: str, sale_date: date, /) -> str:
        """Return the folder of a release's restatements of a business day."""


class RestatementsOperator(ReleaseAthenaOperator):
    """Compares what a release built with what is published, and keeps every value that differs.

    One query over the business days that readers have seen, and none if there are no such days.
    The rows are registered under the release; readers see them when the release is published. The
    same release makes the same rows, so a second execution changes nothing.

    In a run whose parameter `review` is set, the same query also counts the days that nobody has
    seen yet, and the totals of all days are put beside the input list, for the review.

    Args:
        release: the release's id (templated).
        inputs: address of its input list (templated).
        manifest: address of its job's manifest (templated).
        base_location: folder of the pointer that it was built on (templated).
        staged: mart → `database.table` that holds it (templated).
        bucket: the lake's bucket.
        layout: where things lie.
        rules: the pure decisions.
    """

    template_fields: Sequence[str] = (
        *ReleaseAthenaOperator.template_fields,
        *("base_location", "inputs", "manifest", "release", "staged"),
    )

    def __init__(
        self,
        *,
        release: str,
        inputs: str,
        manifest: str,
        base_location: str,
        staged: dict[str, str],
        bucket: str,
        layout: RestatementsLayout,
        rules: RestatementRules,
        **kwargs: Any,
    ) -> None:
        super().__init__(query="", **kwargs)  # made in execute, from the documents
        self.release = release
        self.inputs = inputs
        self.manifest = manifest
        self.base_location = base_location
        self.staged = staged
        self.bucket = bucket
        self.layout = layout
        self.rules = rules

    def execute(self, context: Any) -> Any:
        """Compare.

        Returns:
            The statement's facts (none scanned if there was nothing to compare) and `restated`:
            how many values by business day. Those days are pushed under the key `days`.
        """
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        days = documents.read_document(self.inputs)["window"]
        affected = documents.read_document(self.manifest)["affected_days"]
        query = self.rules.statement(
            self.staged,
            documents.read_lines(self.base_location),
            [date.fromisoformat(day) for day in affected],
            self.release,
            (date.fromisoformat(days["from"]), date.fromisoformat(days["to"])),
            unseen=bool(context["params"].get("review")),
        )
        if query is None:
            self._keep_totals(context, [])
            self.log.info("None of the days of %s has been published before", self.release)
            context["ti"].xcom_push(key="days", value=[])
            return {"bytes_scanned": 0, "milliseconds": 0, "restated": {}}
        self.query = query
        return super().execute(context)

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Keep the rows and return what `execute` promises."""
        facts = super().result(context, execution)
        compared = self.rows(execution)
        self._keep_totals(context, compared)
        found = self.rules.documents(compared)
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        partitions = []
        for day, rows in found.items():
            prefix = self.layout.restatements_prefix(self.release, day)
            folder = f"s3://{self.bucket}/{prefix}"
            text = "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in rows)
            documents.write_text(f"{folder}restatements.jsonl", text, "application/x-ndjson")
            partitions.append({"values": [day.isoformat(), self.release], "location": folder})
        CatalogHook(aws_conn_id=self.aws_conn_id).register(*self.rules.table, partitions)
        restated = {day.isoformat(): len(rows) for day, rows in found.items()}
        self.log.info("%s restates: %s", self.release, restated or "nothing")
        context["ti"].xcom_push(key="days", value=list(restated))
        return {**facts, "restated": restated}

    def _keep_totals(self, context: Any, rows: Sequence[Mapping[str, Any]]) -> None:
        if context["params"].get("review"):
            document = {"release": self.release, "changes": list(self.rules.totals(rows))}
            documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
            documents.write_document(changes_address(self.inputs), document)


def changes_address(inputs: str) -> str:
    """Return where the totals for a review lie, by the address of the release's input list."""
    return f"{inputs.rpartition('/')[0]}/changes.json"
