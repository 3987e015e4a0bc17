"""Run one Athena statement once per attempt, and report what it scanned."""

import time
from collections.abc import Sequence
from datetime import timedelta
from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.links.athena import AthenaQueryResultsLink
from airflow.providers.amazon.aws.operators.athena import AthenaOperator
from airflow.providers.amazon.aws.triggers.athena import AthenaTrigger
from airflow.providers.amazon.aws.utils import validate_execute_complete_event
from airflow.sdk.exceptions import AirflowException

from retail_lake import lineage
from retail_lake.attempts import attempt_token
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.refusals import FinalRefusals

UNFINISHED = ("QUEUED", "RUNNING")


class ReleaseAthenaOperator(FinalRefusals, AthenaOperator):
    """Runs a statement with an idempotency token of its own and fails with Athena's reason.

    House defaults over the provider's operator, and why:

    - `client_request_token` is made of (dag, run, task, attempt, SQL): a statement that is
      submitted again after a crash is the same execution, a retry or a clear is a new one.
    - Looks every 2 s, not every 30. A statement that ends within `patience` is waited for in the
      worker, which is cheaper than a deferral's two process starts; a longer one is deferred.
    - The state is read again at the end: only SUCCEEDED is success, everything else fails with
      StateChangeReason, also after a deferral.
    - What a statement scanned goes into the run's book of costs, whatever became of it, and a
      statement that would spend more than the budget is not begun.

    Args:
        query: the statement (templated).
        outputs: facts to hand on in the result (templated), e.g. the name of the table made.
        patience: how long to wait in the worker before deferring.
        query_timeout: longest wait for the statement.
        costs: the book, if there is one.

    Attributes:
        within_budget: whether to ask the book first.
    """

    within_budget = True

    template_fields: Sequence[str] = ("catalog", "database", "outputs", "query", "workgroup")

    def __init__(
        self,
        *,
        query: str,
        database: str,
        workgroup: str,
        outputs: dict[str, str] | None = None,
        sleep_time: int = 2,
        patience: timedelta = timedelta(seconds=10),
        query_timeout: timedelta = timedelta(minutes=45),
        costs: RunCosts | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        super().__init__(
            query=query,
            database=database,
            workgroup=workgroup,
            sleep_time=sleep_time,
            max_polling_attempts=int(query_timeout.total_seconds() // sleep_time),
            deferrable=True,
            **kwargs,
        )
        self.outputs = outputs or {}
        self.patience = patience
        self.query_timeout = query_timeout
        self.costs = costs
        self.done: Sequence[dict[str, Any]] = ()

    def execute(self, context: Any) -> Any:
        """Submit the statement and wait for it, deferred if it takes longer than `patience`.

        Returns:
            As `result`.
        """
        return self._run(context, 0, [])

    def queries(self) -> list[str]:
        """Return the statements to run, one after the other; the same whenever it is asked."""
        return [self.query]

    def _run(self, context: Any, number: int, done: list[dict[str, Any]]) -> Any:
        """Run one of the statements, and those after it."""
        ti = context["ti"]
        if self.costs and self.within_budget:
            self.costs.require_budget(ti)
        query = self.queries()[number]
        self.client_request_token = attempt_token(ti, ti.try_number, self.workgroup, query)
        self.query_execution_id = self.hook.run_query(
            query,
            {"Database": self.database, "Catalog": self.catalog},
            self.result_configuration,
            self.client_request_token,
            self.workgroup,
        )
        ti.xcom_push(
            key="aws_run",
            value={"service": "athena", "query_execution_id": self.query_execution_id},
        )
        AthenaQueryResultsLink.persist(
            context=context,
            operator=self,
            region_name=self.hook.conn_region_name,
            aws_partition=self.hook.conn_partition,
            query_execution_id=self.query_execution_id,
        )
        deadline = time.monotonic() + self.patience.total_seconds()
        while self.hook.check_query_status(self.query_execution_id) in UNFINISHED:
            if time.monotonic() >= deadline:
                self.defer(
                    trigger=AthenaTrigger(
                        query_execution_id=self.query_execution_id,
                        waiter_delay=self.sleep_time,
                        waiter_max_attempts=self.max_polling_attempts,
                        aws_conn_id=self.aws_conn_id,
                        region_name=self.region_name,
                        verify=self.verify,
                        botocore_config=self.botocore_config,
                    ),
                    method_name="execute_complete",
                    kwargs={"number": number, "done": done},
                    timeout=self.query_timeout + timedelta(minutes=5),
                )
            time.sleep(0.5)
        event = {"status": "success", "value": self.query_execution_id}
        return self.execute_complete(context, event, number, done)

    def execute_complete(
        self,
        context: Any,
        event: dict[str, Any] | None = None,
        number: int = 0,
        done: Sequence[dict[str, Any]] = (),
    ) -> Any:
        """Require SUCCEEDED; run what comes next, or return `result`.

        Args:
            context: the task's context.
            event: of the trigger, or of the worker's own wait.
            number: which of the statements ended.
            done: facts of those before it.
        """
        self.query_execution_id = str(validate_execute_complete_event(event)["value"])
        execution = self.hook.get_query_info(self.query_execution_id)["QueryExecution"]
        status = execution["Status"]
        if status["State"] in UNFINISHED:
            raise AirflowException(
                f"Athena query {self.query_execution_id} is still {status['State']} after "
                f"{self.query_timeout}: {(event or {}).get('message', 'no message')}"
            )
        if self.costs:
            self.costs.queried(context["ti"], execution)
        if status["State"] != "SUCCEEDED":
            raise AirflowException(
                f"Athena query {self.query_execution_id} ended {status['State']}: "
                f"{status.get('StateChangeReason') or 'no reason given'}"
            )
        if number + 1 < len(self.queries()):  # of a table that is built in several statements
            return self._run(context, number + 1, [*done, self._facts(execution)])
        self.done = done
        return self.result(context, execution)

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Return the facts for XCom.

        Args:
            context: the task's context.
            execution: Athena's QueryExecution of the last statement, SUCCEEDED.

        Returns:
            `query_execution_id`, and what `outputs` says; `bytes_scanned` and `milliseconds` of
            all statements together.
        """
        facts = self._facts(execution)
        for name in ("bytes_scanned", "milliseconds"):
            facts[name] += sum(before[name] for before in self.done)
        return {**facts, **self.outputs}

    def _facts(self, execution: dict[str, Any]) -> dict[str, Any]:
        statistics = execution.get("Statistics", {})
        facts = {
            "query_execution_id": execution["QueryExecutionId"],
            "bytes_scanned": int(statistics.get("DataScannedInBytes", 0)),
            "milliseconds": int(statistics.get("TotalExecutionTimeInMillis", 0)),
        }
        self.log.info("Athena query succeeded: %s", facts)
        return facts

    def get_openlineage_dataset(self, database: str, table: str) -> Any:
        """Return a table or a view that a statement names, None for what is neither.

        The provider's own asks for a location, which a view has not.
        """
        if not self._tables.has_table(database, table):
            return None
        return lineage.Datasets("", self._tables).table(f"{database}.{table}")

    @cached_property
    def _tables(self) -> CatalogHook:
        """One client for all tables of a statement: making one takes longer than a call."""
        return CatalogHook(aws_conn_id=self.aws_conn_id, region_name=self.region_name)

    def rows(self, execution: dict[str, Any]) -> list[dict[str, str | None]]:
        """Return the result of a SELECT: one dict per row, every value as text, NULL as None."""
        client: Any = self.hook.get_conn()
        paginator = client.get_paginator("get_query_results")
        pages = paginator.paginate(QueryExecutionId=execution["QueryExecutionId"])
        lines = [
            [cell.get("VarCharValue") for cell in row["Data"]]
            for page in pages
            for row in page["ResultSet"]["Rows"]
        ]
        if not lines:
            return []
        header = [str(name) for name in lines[0]]
        return [dict(zip(header, line, strict=True)) for line in lines[1:]]
