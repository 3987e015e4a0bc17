"""The book of what a release costs: written as AWS bills it, and asked before more is spent."""

import json
import logging
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cached_property
from typing import Any, Protocol

from airflow.sdk.exceptions import AirflowFailException

from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.documents import DocumentsHook

log = logging.getLogger(__name__)
Row = dict[str, Any]


class Tariff(Protocol):
    """Prices; each of them returns a charge, with its `kind` and `execution_id`."""

    def crawl(self, crawl: Mapping[str, Any], /) -> Any:
        """Price a crawl of ListCrawls."""

    def job_run(self, run: Mapping[str, Any], kind: Any, /) -> Any:
        """Price a JobRun that has ended; `kind` is what it was for: `glue_job` or `extract`."""

    def statement(self, execution: Mapping[str, Any], /) -> Any:
        """Price a QueryExecution that has ended."""

    def row(self, charge: Any, run_id: str, task_id: str, /) -> Row:
        """Return a charge as a row of the table."""


class BudgetRules(Protocol):
    """The pure decisions about money."""

    @property
    def tariff(self) -> Tariff:
        """The prices."""

    @property
    def table(self) -> tuple[str, str]:
        """(database, table) of the book, partitioned by release."""

    @property
    def pointer(self) -> tuple[str, str]:
        """(database, table) of the pointer, which names the releases to learn from."""

    def release_of_run(self, dag_id: str, run_id: str, day: date, /) -> str:
        """Return under which id a run is booked that opens no release."""

    def recent_releases(self, pointer: str, release: str, /) -> list[str]:
        """Return releases of the pointer to learn from."""

    def estimate(
        self, inputs: Mapping[str, Any], history: Sequence[tuple[Any, Any]], /
    ) -> dict[str, Any]:
        """Return what a release will cost."""

    def summary(self, rows: Sequence[Row], estimate: Mapping[str, Any], /) -> str:
        """Return what was spent and expected, for people."""

    def require(self, rows: Sequence[Row], estimate: Mapping[str, Any], step: Any, /) -> None:
        """Raise RuntimeError if a step would overspend."""


class CostsLayout(Protocol):
    """Where the book lies in the lake's bucket."""

    def inputs_key(self, release: str, /) -> str:
        """Return the key of a release's input list."""

    def estimate_key(self, release: str, /) -> str:
        """Return the key of what a release was expected to cost."""

    def run_costs_prefix(self, release: str, /) -> str:
        """Return the folder of what a release cost."""

    def run_cost_key(self, release: str, kind: str, execution_id: str, /) -> str:
        """Return the key of what one execution cost."""


class RunCosts:
    """What the release of a run costs; operators that make AWS work write here and ask here.

    One object per execution, named by AWS's id of it: writing it twice changes nothing, a failed
    attempt stays counted, and parallel tasks do not meet.

    Args:
        opened_by: the task that opened the release; None in a DAG that opens none: each of its runs
            is booked under an id of its own.
        bucket: the lake's bucket.
        layout: where the book lies in it.
        rules: the pure decisions.
    """

    def __init__(
        self,
        opened_by: str | None,
        bucket: str,
        layout: CostsLayout,
        rules: BudgetRules,
    ) -> None:
        self.opened_by = opened_by
        self.bucket = bucket
        self.layout = layout
        self.rules = rules

    def __repr__(self) -> str:
        """Return the same whenever it is asked: it is a part of the DAG's version."""
        return f"{type(self).__name__}({self.opened_by!r})"

    @cached_property
    def _documents(self) -> DocumentsHook:
        """One client for all that a task asks of the book: making one takes longer than a call."""
        return DocumentsHook()

    def crawled(self, ti: Any, crawl: Mapping[str, Any]) -> None:
        """Write down a crawl (of ListCrawls)."""
        self._write(ti, self.rules.tariff.crawl(crawl))

    def ran(self, ti: Any, run: Mapping[str, Any], kind: str = "glue_job") -> None:
        """Write down a job run that has ended, however it did."""
        self._write(ti, self.rules.tariff.job_run(run, kind))

    def queried(self, ti: Any, execution: Mapping[str, Any]) -> None:
        """Write down a statement that has ended, however it did."""
        self._write(ti, self.rules.tariff.statement(execution))

    def rows(self, release: str) -> list[Row]:
        """Return what a release has cost so far, in the order of the objects' names."""
        text = self._documents.read_lines(self._uri(self.layout.run_costs_prefix(release)))
        return [json.loads(line) for line in text.splitlines()]

    def estimated(self, release: str) -> dict[str, Any]:
        """Return what a release was expected to cost; empty if nothing was estimated."""
        address = self._uri(self.layout.estimate_key(release))
        known = self._documents.objects(address)
        return self._documents.read_document(address) if known else {}

    def summary(self, release: str) -> str:
        """Return in a sentence what a release has cost so far and was expected to."""
        return self.rules.summary(self.rows(release), self.estimated(release))

    def estimate(self, ti: Any, built: str) -> None:
        """Estimate what the run builds from its input list, keep that, and refuse to overspend.

        The estimate is pushed under the key `estimate`.

        Args:
            ti: the task that is about to build it.
            built: the release.

        Raises:
            AirflowFailException: it would cost more than the budget; a retry would not change that.
        """
        release = self._release(ti)
        documents = self._documents
        inputs = documents.read_document(self._uri(self.layout.inputs_key(built)))
        location = CatalogHook().table(*self.rules.pointer)["StorageDescriptor"]["Location"]
        earlier = self.rules.recent_releases(documents.read_lines(location), built)
        history = [
            (documents.read_document(self._uri(self.layout.inputs_key(each))), self.rows(each))
            for each in earlier
        ]
        estimate = self.rules.estimate(inputs, history)
        documents.write_document(self._uri(self.layout.estimate_key(release)), estimate)
        log.info("Estimated cost of %s: %s", release, estimate)
        ti.xcom_push(key="estimate", value=estimate)
        self._require(self.rows(release), estimate, "glue_job")

    def require_budget(self, ti: Any) -> None:
        """Refuse a statement if the run would overspend.

        Raises:
            AirflowFailException: naming what is spent, what is still to come, and the budget.
        """
        release = self._release(ti)
        self._require(self.rows(release), self.estimated(release), "athena")

    def _require(self, rows: list[Row], estimate: Mapping[str, Any], step: str) -> None:
        try:
            self.rules.require(rows, estimate, step)
        except RuntimeError as error:
            raise AirflowFailException(str(error)) from error

    def _write(self, ti: Any, charge: Any) -> None:
        release = self._release(ti)
        row = self.rules.tariff.row(charge, ti.run_id, ti.task_id)
        key = self.layout.run_cost_key(release, charge.kind, charge.execution_id)
        self._documents.write_text(
            self._uri(key), json.dumps(row, sort_keys=True) + "\n", "application/x-ndjson"
        )
        folder = self._uri(self.layout.run_costs_prefix(release))
        CatalogHook().register(*self.rules.table, [{"values": [release], "location": folder}])
        log.info("%s %s %s costs %s", row["kind"], row["execution_id"], row["state"], row["amount"])

    def _release(self, ti: Any) -> str:
        if self.opened_by is None:
            asked = ti.get_template_context()["dag_run"].run_after
            return self.rules.release_of_run(ti.dag_id, ti.run_id, asked.date())
        return str(ti.xcom_pull(task_ids=self.opened_by)["release"])

    def _uri(self, key: str) -> str:
        return f"s3://{self.bucket}/{key}"
