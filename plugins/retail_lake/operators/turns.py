"""One run at a time builds on what is published, so that no run builds in vain."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Lease
from retail_lake.triggers.turn import LeaseFreeTrigger


class TakeTurnOperator(AwsBaseOperator[DocumentsHook]):
    """Waits until no other run has the lease, deferred, and takes it for this run.

    A run that is cleared keeps its turn or takes it again. A turn that was never given back (all
    of Airflow went down) runs out after `lasts`.

    Args:
        lease: `s3://` address of the lease.
        lasts: how long a turn may take before others may start.
        longest_wait: how long to wait for a turn.
        poll_interval: seconds between two looks.
    """

    aws_hook_class = DocumentsHook
    template_fields: Sequence[str] = ("lease",)

    def __init__(
        self,
        *,
        lease: str,
        lasts: timedelta = timedelta(hours=6),
        longest_wait: timedelta = timedelta(hours=18),
        poll_interval: float = 5,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.lease = lease
        self.lasts = lasts
        self.longest_wait = longest_wait
        self.poll_interval = poll_interval

    def execute(self, context: Any) -> dict[str, Any]:
        """Take the turn, after waiting for it if need be.

        Returns:
            `holder`: this run, as the lease names it.
        """
        holder = holder_of(context)
        other = Lease(self.hook, self.lease).take(holder, self.lasts)
        if other is None:
            return {"holder": holder}
        self.log.info("It is the turn of %s, until %s at the latest", other.holder, other.until)
        self.defer(
            trigger=LeaseFreeTrigger(self.lease, holder, self.poll_interval, self.aws_conn_id),
            method_name="execute_complete",
            timeout=self.longest_wait,
        )

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Try again: another run may have been faster."""
        return self.execute(context)


class GiveTurnOperator(AwsBaseOperator[DocumentsHook]):
    """Gives the turn back, whatever became of the run; a teardown of `TakeTurnOperator`.

    Args:
        lease: `s3://` address of the lease.
    """

    aws_hook_class = DocumentsHook
    template_fields: Sequence[str] = ("lease",)

    def __init__(self, *, lease: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.lease = lease

    def execute(self, context: Any) -> None:
        """Give it back."""
        holder = holder_of(context)
        if not Lease(self.hook, self.lease).give_back(holder):
            self.log.warning("%s did not have the turn any more: it had run out", holder)


def holder_of(context: Any) -> str:
    """Return the name of the run in a lease."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}"
