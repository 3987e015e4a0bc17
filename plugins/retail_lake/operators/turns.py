"""One run at a time builds on what is published, so that no run builds in vain."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.lease import Held, Lease
from retail_lake.refusals import FinalRefusals
from retail_lake.triggers.turn import LeaseFreeTrigger

TURN_LASTS = timedelta(hours=6)
LONGEST_WAIT = timedelta(hours=18)
POLL_SECONDS = 5.0


class TakeTurnOperator(FinalRefusals, AwsBaseOperator[DocumentsHook]):
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
        lasts: timedelta = TURN_LASTS,
        longest_wait: timedelta = LONGEST_WAIT,
        poll_interval: float = POLL_SECONDS,
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
        wait_for_turn(
            self,
            context,
            other,
            method_name="execute_complete",
            poll_interval=self.poll_interval,
            longest_wait=self.longest_wait,
        )

    def execute_complete(self, context: Any, event: dict[str, Any] | None = None) -> dict[str, Any]:
        """Try again: another run may have been faster."""
        return self.execute(context)


class GiveTurnOperator(FinalRefusals, AwsBaseOperator[DocumentsHook]):
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
            self.log.info("%s had given the turn back already, or it had run out", holder)


def wait_for_turn(
    operator: Any,
    context: Any,
    other: Held,
    *,
    method_name: str,
    kwargs: dict[str, Any] | None = None,
    poll_interval: float = POLL_SECONDS,
    longest_wait: timedelta = LONGEST_WAIT,
) -> NoReturn:
    """Defer an operator that has a `lease` until the other holder's turn is over."""
    operator.log.info("It is the turn of %s, until %s at the latest", other.holder, other.until)
    holder = holder_of(context)
    operator.defer(
        trigger=LeaseFreeTrigger(operator.lease, holder, poll_interval, operator.aws_conn_id),
        method_name=method_name,
        kwargs=kwargs,
        timeout=longest_wait,
    )
    raise AssertionError("defer() does not return")


def holder_of(context: Any) -> str:
    """Return the name of the run in a lease."""
    ti = context["ti"]
    return f"{ti.dag_id}/{ti.run_id}"
