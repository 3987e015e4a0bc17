"""Run a Glue job once per attempt and believe what it wrote, not its state alone."""

import json
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any, ClassVar

from airflow.providers.amazon.aws.links.glue import GlueJobRunDetailsLink
from airflow.providers.amazon.aws.operators.glue import GlueJobOperator
from airflow.providers.amazon.aws.triggers.glue import GlueJobCompleteTrigger
from airflow.providers.amazon.aws.utils import validate_execute_complete_event
from airflow.sdk.exceptions import AirflowException
from botocore.config import Config
from botocore.exceptions import ClientError, HTTPClientError

from retail_lake.attempts import attempt_token, chain_start
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.errors import error_code, is_unanswered
from retail_lake.hooks.retries import ADAPTIVE_RETRIES, SINGLE_ATTEMPT, attempts
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.refusals import FinalRefusals

ACTIVE = ("STARTING", "RUNNING", "STOPPING", "WAITING")
LOOK_UP_PAGES = 2
PAGE = 50


class OwnGlueRunOperator(FinalRefusals, GlueJobOperator):
    """Starts a Glue job run of its own, waits for it deferred, and checks what it wrote.

    House defaults over the provider's operator, and why:

    - Names only. Infrastructure owns the job; nothing here creates or rewrites it, so there is no
      `script_location` and no GetJob/CreateJob.
    - Every attempt passes its own run token in the arguments; the job writes below names with
      that token and, last of all, a document. A second run can therefore double nothing.
    - What a retry does with an earlier run (found by a look-up of at most two pages):
      *in the same chain of attempts* a run that is active, or that succeeded and left its document,
      is taken over (the worker or the triggerer was lost, Glue was not); *from before a clear* an
      active run is stopped and a new one is started, because clear means "do it again".
    - After the wait, JobRunState is read again and must be SUCCEEDED (STOPPED is not), and the
      document must exist and carry the run's token.
    - The wait has its own limit; the provider gives up after 75 minutes while Glue goes on.
    - What a run took goes into the book of costs, whatever became of it.

    A subclass says with which arguments the job runs, where the document lies, and what follows
    from it.

    Args:
        job_name: the job.
        bucket: the lake's bucket.
        job_timeout: longest wait for one run.
        waiter_delay: seconds between two looks.
        costs: the book, if there is one.
    """

    template_fields: Sequence[str] = ("job_name", "run_job_kwargs", "script_args")
    cost_kind: ClassVar[str] = "glue_job"

    def __init__(
        self,
        *,
        job_name: str,
        bucket: str,
        job_timeout: timedelta = timedelta(hours=4),
        waiter_delay: int = 5,
        costs: RunCosts | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        kwargs.setdefault("stop_job_run_on_kill", True)
        super().__init__(
            job_name=job_name,
            waiter_delay=waiter_delay,
            waiter_max_attempts=int(job_timeout.total_seconds() // waiter_delay),
            deferrable=True,
            **kwargs,
        )
        self.bucket = bucket
        self.job_timeout = job_timeout
        self.costs = costs

    def arguments(self) -> dict[str, str]:
        """Return the arguments of the run; the token is added as `--run_token`."""
        return dict(self.script_args)

    def identity(self) -> tuple[str, ...]:
        """Return what else decides what the run does, for its token."""
        return ()

    def require_budget(self, ti: Any) -> None:
        """Refuse to start a run that would cost too much."""

    def document_key(self, token: str) -> str:
        """Return where the run of a token writes its document, last of all."""
        raise NotImplementedError

    def finish(self, run: dict[str, Any], address: str, document: dict[str, Any]) -> Any:
        """Do what follows from a document that carries the token of its run.

        Returns:
            The task's result.
        """
        raise NotImplementedError

    def failure(self, run: dict[str, Any]) -> AirflowException:
        """Return what to raise for a run that has ended without success."""
        return AirflowException(
            f"Glue job {self.job_name} run {run['Id']} ended {run['JobRunState']}: "
            f"{run.get('ErrorMessage') or 'no error message'}"
        )

    def execute(self, context: Any) -> Any:
        """Start or take over a run and defer until it has ended.

        Returns:
            As `execute_complete`.
        """
        ti = context["ti"]
        run = self._run_to_take_over(ti)
        if run is None:
            self.require_budget(ti)
            self._job_run_id = self._start(ti)
        else:
            self._job_run_id = run["Id"]
            self.log.info("Taking over run %s, which is %s", run["Id"], run["JobRunState"])
        ti.xcom_push(
            key="aws_run",
            value={"service": "glue", "job_name": self.job_name, "run_id": self._job_run_id},
        )
        GlueJobRunDetailsLink.persist(
            context=context,
            operator=self,
            region_name=self.hook.conn_region_name,
            aws_partition=self.hook.conn_partition,
            job_name=self.job_name,
            job_run_id=self._job_run_id,
        )
        self.defer(
            trigger=GlueJobCompleteTrigger(
                job_name=self.job_name,
                run_id=str(self._job_run_id),
                waiter_delay=self.waiter_delay,
                waiter_max_attempts=self.waiter_max_attempts,
                aws_conn_id=self.aws_conn_id,
                region_name=self.region_name,
                botocore_config=self.botocore_config,
            ),
            method_name="execute_complete",
            timeout=self.job_timeout + timedelta(minutes=10),
        )

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> Any:
        """Require SUCCEEDED and the document; return what `finish` makes of it."""
        run_id = validate_execute_complete_event(event)["run_id"]
        run = self._client.get_job_run(JobName=self.job_name, RunId=run_id)["JobRun"]
        state = run["JobRunState"]
        if state in ACTIVE:
            raise AirflowException(
                f"Glue job {self.job_name} run {run_id} is still {state}: the wait ended without "
                f"it ({(event or {}).get('message', 'no message')}); a retry takes it over"
            )
        if self.costs:
            self.costs.ran(context["ti"], run, self.cost_kind)
        if state != "SUCCEEDED":
            raise self.failure(run)
        address = self._address(run_token(run))
        return self.finish(run, address, self._document(address, run_token(run)))

    def on_kill(self) -> None:
        """Stop the run that this process has started and not yet handed to the triggerer."""
        if self._job_run_id:
            super().on_kill()  # type: ignore[no-untyped-call]

    @property
    def _client(self) -> Any:
        return self.hook.conn

    def _token(self, ti: Any, try_number: int) -> str:
        arguments = json.dumps(self.arguments(), sort_keys=True)
        return attempt_token(ti, try_number, *self.identity(), self.job_name, arguments)[:16]

    def _start(self, ti: Any) -> str:
        token = self._token(ti, ti.try_number)
        run_id = attempts(self.log)(self._start_once, token)
        self.log.info("Started %s run %s, token %s", self.job_name, run_id, token)
        return run_id

    def _start_once(self, token: str) -> str:
        """Start the run of a token, or find it if an answer was lost.

        The client itself must not repeat StartJobRun: by then the run may have ended, and Glue
        would start a second one.
        """
        arguments = {**self.arguments(), "--run_token": token}
        config = self.hook.config.merge(Config(**SINGLE_ATTEMPT))
        client: Any = self.hook.get_client_type(config=config)
        try:
            answer = client.start_job_run(
                JobName=self.job_name, Arguments=arguments, **self.run_job_kwargs
            )
        except (ClientError, HTTPClientError) as error:
            busy = isinstance(error, ClientError) and (
                error_code(error) == "ConcurrentRunsExceededException"
            )
            if not busy and not is_unanswered(error):
                raise
            own = [run for run in self._recent_runs() if run_token(run) == token]
            if own:
                return str(own[0]["Id"])
            if busy:
                raise AirflowException(
                    f"Glue job {self.job_name} is already running for somebody else and allows no "
                    "further run; a retry tries again"
                ) from error
            raise
        return str(answer["JobRunId"])

    def _recent_runs(self) -> list[dict[str, Any]]:
        pages = self._client.get_paginator("get_job_runs").paginate(
            JobName=self.job_name,
            PaginationConfig={"MaxItems": LOOK_UP_PAGES * PAGE, "PageSize": PAGE},
        )
        return [run for page in pages for run in page["JobRuns"]]

    def _run_to_take_over(self, ti: Any) -> dict[str, Any] | None:
        first = chain_start(ti)
        same_chain = {self._token(ti, number) for number in range(first, ti.try_number + 1)}
        before_clear = {self._token(ti, number) for number in range(1, first)}
        recent = self._recent_runs()
        abandoned = [
            run["Id"]
            for run in recent
            if run_token(run) in before_clear and run["JobRunState"] in ACTIVE
        ]
        if abandoned:
            self._stop(abandoned)
        mine = [run for run in recent if run_token(run) in same_chain]
        for run in mine:
            if run["JobRunState"] in ("STARTING", "RUNNING", "WAITING"):
                return run
        for run in mine:
            if run["JobRunState"] == "SUCCEEDED" and self._has_document(run_token(run)):
                return run
        return None

    def _stop(self, run_ids: list[str]) -> None:
        self.log.info("Stopping runs of a cleared attempt: %s", run_ids)
        self._client.batch_stop_job_run(JobName=self.job_name, JobRunIds=run_ids)
        for _ in range(60):
            states = {
                self._client.get_job_run(JobName=self.job_name, RunId=run_id)["JobRun"][
                    "JobRunState"
                ]
                for run_id in run_ids
            }
            if states.isdisjoint(ACTIVE):
                return
            time.sleep(5)
        raise AirflowException(f"runs {run_ids} of {self.job_name} have not stopped in 5 minutes")

    def _address(self, token: str) -> str:
        return f"s3://{self.bucket}/{self.document_key(token)}"

    def _has_document(self, token: str) -> bool:
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        return bool(documents.objects(self._address(token)))

    def _document(self, address: str, token: str) -> dict[str, Any]:
        try:
            document = DocumentsHook(aws_conn_id=self.aws_conn_id).read_document(address)
        except AirflowException as error:
            raise AirflowException(
                f"Glue job {self.job_name} says SUCCEEDED but did not write its manifest: {error}"
            ) from error
        if document.get("run_token") != token:
            raise AirflowException(
                f"{address} is of run token {document.get('run_token')}, not {token}"
            )
        return document


def run_token(run: dict[str, Any]) -> str:
    """Return the token that a run was started with."""
    return str((run.get("Arguments") or {}).get("--run_token", ""))
