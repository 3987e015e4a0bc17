"""Tell people through SNS that a task or a run failed, and why."""

import json
import logging
import re
from typing import Any
from zoneinfo import ZoneInfo

from retail_lake.hooks.retries import NOTICE_RETRIES

log = logging.getLogger(__name__)

SUBJECT_LENGTH = 100  # SNS's limit; ASCII without line breaks
ERROR_LENGTH = 4000
SECRET = re.compile(r"(?i)\b(password|passwd|pwd|secret|token)\b(['\"]?\s*[=:]\s*)\S+")
DEFERRAL_ERRORS = ("TaskDeferralError", "TaskDeferralTimeout")


class FailureAlert:
    """A failure callback for a task or a DAG.

    Publishes a JSON message with what failed, the business days, the attempt, the real error text
    and the link to the log. It never raises: an alert that cannot be sent is logged, because the
    pipeline's outcome does not depend on it.

    Args:
        topic_arn: the SNS topic.
        window_task: task whose result holds `from_date` and `to_date` of the run, if any does.
        time_zone: zone of the business day, for a run that failed before that task.
        aws_conn_id: the Airflow connection.
    """

    def __init__(
        self,
        topic_arn: str,
        window_task: str | None,
        time_zone: str,
        aws_conn_id: str | None = "aws_default",
    ) -> None:
        self.topic_arn = topic_arn
        self.window_task = window_task
        self.time_zone = time_zone
        self.aws_conn_id = aws_conn_id

    def __call__(self, context: Any) -> None:
        """Send the alert of a failed task or run."""
        try:
            subject, message = self.message(context)
            self._client("sns").publish(
                TopicArn=self.topic_arn, Subject=subject, Message=json.dumps(message, default=str)
            )
        except Exception:
            log.exception("The alert could not be sent to %s", self.topic_arn)

    def message(self, context: Any) -> tuple[str, dict[str, Any]]:
        """Return the subject and the message for a failure's context."""
        ti = context.get("ti")
        dag_id = ti.dag_id if ti is not None else context["dag"].dag_id
        run_id = ti.run_id if ti is not None else context["run_id"]
        # Airflow gives the reason only to a DAG's callback; `ti` is then merely its last task.
        is_run = "reason" in context
        failed = dag_id if is_run or ti is None else f"{dag_id}.{ti.task_id}"
        error = str(context["reason"]) if is_run else self._error(context, ti)
        message = {
            "failed": "dag_run" if is_run else "task",
            "dag_id": dag_id,
            "run_id": run_id,
            "task_id": ti.task_id if ti is not None else None,
            "window": self._window(context, ti),
            "try_number": ti.try_number if ti is not None else None,
            "error": SECRET.sub(r"\1\2***", error)[:ERROR_LENGTH],
            "log_url": getattr(ti, "log_url", None),
        }
        days = "..".join(dict.fromkeys(str(day) for day in message["window"].values()))
        subject = re.sub(r"[^\x20-\x7e]", "?", f"{failed} failed for {days}")
        return subject[:SUBJECT_LENGTH], message

    def _error(self, context: Any, ti: Any) -> str:
        exception = context.get("exception")
        text = str(exception) if exception else "the task ended without an error of its own"
        if type(exception).__name__ not in DEFERRAL_ERRORS:
            return text
        # A deferred failure arrives as just "Trigger failure" (airflow#64095).
        return f"{text}; {self._aws_reason(ti)}"

    def _aws_reason(self, ti: Any) -> str:
        try:
            run = ti.xcom_pull(task_ids=ti.task_id, key="aws_run") or {}
            if run.get("service") == "glue":
                answer = self._client("glue").get_job_run(
                    JobName=run["job_name"], RunId=run["run_id"]
                )["JobRun"]
                reason = answer.get("ErrorMessage", "no error message")
                return f"Glue run {run['run_id']} is {answer['JobRunState']}: {reason}"
            if run.get("service") == "athena":
                answer = self._client("athena").get_query_execution(
                    QueryExecutionId=run["query_execution_id"]
                )["QueryExecution"]
                status = answer["Status"]
                reason = status.get("StateChangeReason", "no reason given")
                return f"Athena query {run['query_execution_id']} is {status['State']}: {reason}"
        except Exception as error:
            log.exception("The reason of the failure could not be read")
            return f"its reason could not be read: {error}"
        return "the task had started nothing on AWS"

    def _window(self, context: Any, ti: Any) -> dict[str, str | None]:
        opened = None
        try:
            if ti is not None and self.window_task:
                opened = ti.xcom_pull(task_ids=self.window_task)
        except Exception:
            log.exception("The run's window could not be read")
        if opened:
            return {"from": opened["from_date"], "to": opened["to_date"]}
        params = context.get("params") or {}
        start = context.get("data_interval_start")
        day = start.astimezone(ZoneInfo(self.time_zone)).date().isoformat() if start else None
        first = params.get("from_date") or day
        return {"from": first, "to": params.get("to_date") or first}

    def _client(self, service: str) -> Any:
        # Imported here: a DAG makes its callbacks when it is parsed.
        from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook

        return AwsBaseHook(
            aws_conn_id=self.aws_conn_id, client_type=service, config=NOTICE_RETRIES
        ).get_conn()
