"""What happens to a request before it is executed and after it was answered.

Ordered faults befall it, its caller's policies are asked if they are enforced, and it is written
down in the call log.
"""

import base64
import json
import logging
import time
from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial

from include.local_aws.calls import Call, CallLog
from include.local_aws.faults import FaultRules
from include.local_aws.front import identity
from include.local_aws.front.context import AwsError, Context, Handler
from include.local_aws.front.resources import Request, request

log = logging.getLogger(__name__)


class DroppedError(Exception):
    """The connection is to be closed without an answer."""


class Gate:
    """Stands between the front's server and its handlers; shared by all threads.

    Args:
        context: MiniStack, region and account.
        handlers: the front's, which know the workgroup of a query.
        calls: where calls are written down; None: nowhere.
        rules: the faults that are ordered; None when there are none to be.
    """

    def __init__(
        self,
        context: Context,
        handlers: Mapping[str, Handler],
        calls: CallLog | None = None,
        rules: FaultRules | None = None,
    ) -> None:
        self.rules = rules
        self.enforced = context.enforced
        self.context = context
        self._handlers = handlers
        self._calls = calls
        self._callers: dict[str, str] = {}

    def describe(self, target: str, body: bytes) -> Request:
        """Name the action and the resources of a request."""
        try:
            data = json.loads(body or b"{}")
        except ValueError:
            data = {}
        data = data if isinstance(data, dict) else {}
        return request(target, data, self.context.region, self.context.account, self._work_group_of)

    def admit(
        self,
        wanted: Request,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> None:
        """Let a request pass, late if that was ordered.

        Raises:
            AwsError: a fault was ordered, or the caller may not do it.
            DroppedError: that was ordered.
        """
        fault = self.rules.take(wanted.service, wanted.action) if self.rules else None
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        elif fault is not None and fault.kind == "throttle":
            wait = {"Retry-After": str(fault.retry_after)}
            raise AwsError("ThrottlingException", "Rate exceeded", 400, headers=wait)
        elif fault is not None and fault.kind == "error":
            code = (
                "InternalServerException"
                if wanted.service == "athena"
                else "InternalServiceException"
            )
            raise AwsError(code, "a fault was ordered", 500)
        elif fault is not None:
            raise DroppedError
        if self.enforced and wanted.service:
            self._authorise(wanted, method, path, headers, body)

    def _authorise(
        self,
        wanted: Request,
        method: str,
        path: str,
        headers: Sequence[tuple[str, str]],
        body: bytes,
    ) -> None:
        """Have MiniStack check the signature and the policies of the caller."""
        signed = {
            "method": method,
            "path": path,
            "headers": list(headers),
            "body": base64.b64encode(body).decode(),
        }
        denied = identity.refusal(self.context.endpoint, wanted.service, wanted.checks, signed)
        if denied is not None:
            raise AwsError(*denied)

    def caller(self, wanted: Request, key: str) -> AbstractContextManager[None]:
        """Have an Athena request act as its caller, whose queries read what it may read."""
        chosen = None
        if self.enforced and wanted.service == "athena" and key.startswith("ASIA"):
            chosen = identity.known(self.context.endpoint, key)
        return identity.acting(chosen)

    def handler(self, wanted: Request, target: str) -> Handler | None:
        """Give what executes a request, None when it is passed on as it came.

        What was allowed here is MiniStack's to do, whose own rules for Glue and Athena know
        neither tables by their database nor crawlers: it is asked by the front itself.
        """
        found = self._handlers.get(target)
        if found is None and self.enforced and wanted.service:
            return partial(self.context.forward, target)
        return found

    def note(
        self,
        wanted: Request,
        key: str,
        status: int,
        error: str,
        request_id: str,
        seconds: float,
    ) -> None:
        """Write a call down; `key` is the caller's access key id."""
        if self._calls is None or not wanted.service:
            return
        resource = wanted.checks[-1][1] if wanted.checks else "*"
        self._calls.write(
            Call(
                service=wanted.service,
                action=wanted.action,
                resource=resource,
                role=self._caller(key),
                status=status,
                error=error,
                request_id=request_id,
                milliseconds=int(seconds * 1000),
            )
        )

    def _caller(self, key: str) -> str:
        """Give the ARN of an access key's owner, asked for once."""
        if not key.startswith(("ASIA", "AKIA")):
            return f"arn:aws:iam::{self.context.account}:root"
        if key not in self._callers:
            self._callers[key] = str(
                identity.ask(self.context.endpoint, "caller", {"key": key})["arn"]
            )
        return self._callers[key]

    def _work_group_of(self, kind: str, identity: str) -> str:
        """Give the workgroup of a query execution or named query, "*" if there is none."""
        handler = self._handlers.get(f"AmazonAthena.Get{kind}")
        if handler is None:
            return "*"
        try:
            return str(handler({f"{kind}Id": identity})[kind].get("WorkGroup") or "primary")
        except AwsError:
            return "*"


def access_key(headers: Iterable[tuple[str, str]]) -> str:
    """Give the access key id that a request is signed with, "" if it is not signed."""
    for name, value in headers:
        if name.lower() == "authorization" and "Credential=" in value:
            return value.partition("Credential=")[2].partition("/")[0]
    return ""
