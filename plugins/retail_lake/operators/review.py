"""Ask a person before a release is published."""

import json
from collections.abc import Callable, Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk.exceptions import AirflowSkipException
from botocore.exceptions import BotoCoreError, ClientError

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Lease
from retail_lake.hooks.retries import NOTICE_RETRIES
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.notifications.failure_alert import SUBJECT_LENGTH
from retail_lake.operators.restatements import changes_address
from retail_lake.operators.turns import TURN_LASTS, holder_of, wait_for_turn
from retail_lake.refusals import FinalRefusals


class ReviewOperator(FinalRefusals, ApprovalOperator):
    """Shows what a release would change and waits for a person's yes; skipped if not asked for.

    Asked for by the run's parameter `review`. A rejection is an answer, not a failure: this task
    succeeds and what publishes is skipped, also if somebody clears it. So is what nobody answered
    in time. Clearing this task asks again.

    A person may take hours, so the run gives its turn back before it waits and, once approved,
    takes it again: other runs build and publish meanwhile. If one of them changed what this
    release was built from, publishing it is refused.

    Args:
        release: the release's id (templated).
        inputs: address of its input list, beside which the totals lie (templated).
        days: first and last business day of the run (templated).
        body_of: (totals, release, further paragraphs …) → the text to show, in Markdown.
        costs: the book of what the run costs, if there is one; its summary is shown.
        lease: `s3://` address of the turn's lease.
        alert_topic: SNS topic whose readers are told that the run waits.
        aws_conn_id: the Airflow connection.
    """

    template_fields: Sequence[str] = (
        *ApprovalOperator.template_fields,
        *("days", "inputs", "lease", "release"),
    )

    def __init__(
        self,
        *,
        release: str,
        inputs: str,
        days: tuple[str, str],
        body_of: Callable[..., str],
        lease: str,
        alert_topic: str,
        costs: RunCosts | None = None,
        aws_conn_id: str | None = "aws_default",
        **kwargs: Any,
    ) -> None:
        super().__init__(
            subject="Publish?",  # both are made in execute
            body="",
            defaults=self.REJECT,
            response_timeout=timedelta(hours=12),  # within the run's own limit
            **kwargs,
        )
        self.release = release
        self.inputs = inputs
        self.days = days
        self.body_of = body_of
        self.lease = lease
        self.alert_topic = alert_topic
        self.costs = costs
        self.aws_conn_id = aws_conn_id

    def execute(self, context: Any) -> Any:
        """Ask, and wait for the answer without a worker."""
        if not context["params"].get("review"):
            raise AirflowSkipException("the run was not asked to wait for a review")
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        changes = documents.read_document(changes_address(self.inputs))["changes"]
        self.subject = f"Publish {' to '.join(dict.fromkeys(self.days))}?"
        cost = self.costs.summary(self.release) if self.costs else None
        self.body = self.body_of(changes, self.release, cost)
        self.log.info("%s\n%s", self.subject, self.body)
        Lease(documents, self.lease).give_back(holder_of(context))
        self._tell(context)
        return super().execute(context)

    def execute_complete(self, context: Any, event: dict[str, Any]) -> Any:
        """Take the turn again if approved; else skip what publishes.

        Returns:
            The answer: `chosen_options`, `responded_by_user`, `responded_at`.
        """
        answer = super().execute_complete(context, event)  # a rejection does not return
        return self.approved(context, answer)

    def approved(self, context: Any, answer: Any, event: Any = None) -> Any:
        """Take the turn, after waiting for it if need be; return the answer."""
        hook = DocumentsHook(aws_conn_id=self.aws_conn_id)
        other = Lease(hook, self.lease).take(holder_of(context), TURN_LASTS)
        if other is not None:
            wait_for_turn(self, context, other, method_name="approved", kwargs={"answer": answer})
        return answer

    def _tell(self, context: Any) -> None:
        """Tell people; the review waits in the UI even if that fails."""
        message = {
            "notice": "review waits",
            "release": self.release,
            "days": self.days,
            "run_id": context["ti"].run_id,
            "url": self.generate_link_to_ui_from_context(context=context),
        }
        hook = AwsBaseHook(aws_conn_id=self.aws_conn_id, client_type="sns", config=NOTICE_RETRIES)
        client: Any = hook.get_conn()
        try:
            client.publish(
                TopicArn=self.alert_topic,
                Subject=f"Review waits: {self.subject}"[:SUBJECT_LENGTH],
                Message=json.dumps(message),
            )
        except (ClientError, BotoCoreError):
            self.log.exception("The notice that a review waits could not be sent")
