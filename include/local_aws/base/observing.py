"""Every call to MiniStack: delayed, refused or dropped if a test ordered it, and written down."""

import asyncio
import json
import time
import uuid
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

import ministack.app as program
from ministack.core import iam_actions, iam_evaluator, responses, router

from include.local_aws.base.asgi import (
    Application,
    Message,
    Peek,
    Receive,
    Replay,
    Send,
    answer,
    whole_body,
)
from include.local_aws.calls import Call, CallLog
from include.local_aws.faults import Fault, FaultRules

REFUSALS = {
    # protocol: fault -> status, code, message, as the services word them
    ("s3", "throttle"): (503, "SlowDown", "Please reduce your request rate."),
    ("s3", "error"): (500, "InternalError", "We encountered an internal error. Please try again."),
    ("query", "throttle"): (400, "Throttling", "Rate exceeded"),
    ("query", "error"): (500, "InternalFailure", "The request processing has failed."),
    ("json", "throttle"): (400, "ThrottlingException", "Rate exceeded"),
    ("json", "error"): (500, "InternalServerError", "The request processing has failed."),
}


class Observed:
    """An ASGI application over MiniStack's.

    Args:
        application: what it passes calls on to.
        calls: where they are written down.
        rules: the faults that are ordered; None when there are none to be.
    """

    def __init__(self, application: Application, calls: CallLog, rules: FaultRules | None) -> None:
        self._application = application
        self._calls = calls
        self._rules = rules

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or scope["path"].startswith(("/_ministack", "/_local_aws")):
            await self._application(scope, receive, send)
            return
        began = time.monotonic()
        headers = {
            name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]
        }
        asked = Peek(receive)
        fault = None
        if self._rules is not None:
            body = b"" if _is_s3(headers) else await whole_body(asked)
            call = describe(scope, headers, bytes(asked.body))
            fault = self._rules.take(call.service, call.action)
            receive = asked if _is_s3(headers) else Replay(body, receive)
        else:
            receive = asked

        async def told(message: Message) -> None:
            if message["type"] == "http.response.start":
                # before the answer: who has it finds its line
                self._note(describe(scope, headers, bytes(asked.body)), message, began)
            await send(message)

        if fault is None or await _befall(fault, headers, told):
            await self._application(scope, receive, told)

    def _note(self, call: Call, start: Message, began: float) -> None:
        """Write a call down whose answer begins."""
        given = {name.lower(): value.decode() for name, value in start["headers"]}
        call.status = start["status"]
        refused = str(call.status) if call.status >= 400 else ""
        call.error = given.get(b"x-amzn-errortype") or refused  # S3 says it in the body only
        call.request_id = given.get(b"x-amzn-requestid") or given.get(b"x-amz-request-id", "")
        call.milliseconds = int((time.monotonic() - began) * 1000)
        self._calls.write(call)


def _is_s3(headers: dict[str, str]) -> bool:
    return "/s3/aws4_request" in headers.get("authorization", "")


async def _befall(fault: Fault, headers: dict[str, str], send: Send) -> bool:
    """Do what a fault is; say whether the call is to be executed all the same."""
    if fault.kind == "slow":
        await asyncio.sleep(fault.seconds)
        return True
    if fault.kind == "drop":
        # an answer that is begun and never ended: the server closes the connection
        start = [(b"content-length", b"1000000")]
        await send({"type": "http.response.start", "status": 200, "headers": start})
        await send({"type": "http.response.body", "body": b" ", "more_body": True})
        return False
    protocol = "s3" if _is_s3(headers) else "json" if "x-amz-target" in headers else "query"
    status, code, message = REFUSALS[protocol, fault.kind]
    kind, body = (
        "text/xml",
        f"<Error><Code>{code}</Code><Message>{escape(message)}</Message></Error>",
    )
    if protocol == "query":
        body = f"<ErrorResponse>{body}</ErrorResponse>"
    elif protocol == "json":
        kind = "application/x-amz-json-1.1"
        body = json.dumps({"__type": code, "message": message})
    given = {"Content-Type": kind, "x-amzn-RequestId": str(uuid.uuid4()), "x-amzn-ErrorType": code}
    if fault.kind == "throttle":
        given["Retry-After"] = str(fault.retry_after)
    await answer(send, status, body.encode(), given)
    return False


def describe(scope: Message, headers: dict[str, str], body: bytes) -> Call:
    """Name a call with MiniStack's own routing.

    Args:
        scope: the ASGI request.
        headers: its headers, names in lower case.
        body: its beginning, in which the form or JSON of a small request is.
    """
    method, path = scope["method"], scope["path"]
    query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
    parameters = program._routing_params(method, path, headers, body, query)
    service = program.detect_service(method, path, headers, parameters)
    key = router.extract_access_key_id(headers, query)
    responses.set_request_account_id(key or "test")
    account, region = responses.get_account_id(), router.extract_region(headers, query)
    action = iam_actions.extract_iam_action(service, method, path, headers, body, parameters)
    resource = iam_actions.extract_resource_arn(
        service, method, path, headers, body, parameters, region, account
    )
    caller = iam_evaluator.resolve_caller_identity(key) or {}
    name = (action or "").partition(":")[2]
    return Call(service, name, resource, caller.get("userArn", ""))
