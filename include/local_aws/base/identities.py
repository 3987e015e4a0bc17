"""Who a caller is, what it may do, and credentials for services that act in a role.

The front and the gateway ask here, on MiniStack's port, because MiniStack knows the keys, the
sessions and the policies, and evaluates them for S3 itself (AUTH=true): one evaluation for all.

    POST /_local_aws/caller     {"key": access key id} -> {"arn"}
    POST /_local_aws/authorise  a request and what it asks for -> {"allowed", "code", "message"}
    POST /_local_aws/session    {"role": ARN or name, "name": of the session} -> credentials
    POST /_local_aws/named      {"name": of a session, or "key"} -> its credentials, {} for none
    GET  /_local_aws/credentials/ROLE   a new session, in the words in which containers are told

They answer whoever can reach the loopback interface: the local AWS is no place for secrets.
"""

import base64
import json
import secrets
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import ministack.app as program
from ministack.core import iam_actions, iam_evaluator, responses, router
from ministack.services import iam, sts

from include.local_aws.base.asgi import Application, Message, Receive, Send, answer, whole_body

PREFIX = "/_local_aws/"
SESSION_SECONDS = 12 * 3600.0  # of a service: longer than any job may run here
NAME_LENGTH = 64  # of a session's name; ids of job runs are longer
Question = dict[str, Any]


class Identities:
    """An ASGI application that answers the questions and passes all else on."""

    def __init__(self, application: Application) -> None:
        self._application = application

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        """Serve a request."""
        if scope["type"] != "http" or not scope["path"].startswith(PREFIX):
            await self._application(as_if_encrypted(scope), receive, send)
            return
        name, _, role = scope["path"].removeprefix(PREFIX).partition("/")
        handler = ANSWERS.get(name)
        body = await whole_body(receive) or json.dumps({"role": role}).encode()
        status, found = 404, {"error": f"{scope['path']} is not known here"}
        if handler is not None:
            try:
                status, found = 200, handler(json.loads(body))
            except (ValueError, LookupError) as error:
                status, found = 400, {"error": f"{type(error).__name__}: {error}"}
        kind = {"Content-Type": "application/json"}
        await answer(send, status, json.dumps(found).encode(), kind)


def as_if_encrypted(scope: Message) -> Message:
    """Let the loopback interface count as TLS, which bucket policies ask for (SecureTransport)."""
    if scope["type"] != "http" or not program.AUTH:
        return scope
    return {**scope, "headers": [*scope["headers"], (b"x-forwarded-proto", b"https")]}


def caller(question: Question) -> dict[str, Any]:
    """Give the ARN of an access key's owner, "" if nobody owns it."""
    responses.set_request_account_id(question["key"])
    found = iam_evaluator.resolve_caller_identity(question["key"]) or {}
    return {"arn": found.get("userArn", "")}


def authorise(question: Question) -> dict[str, Any]:
    """Check a request's signature, and whether its caller may do all that it asks for.

    What a service asks for whoever it acts for comes without a request, with the key alone.
    """
    key, region = question.get("key", ""), responses.get_region()
    if not key:
        headers = [(name.encode(), value.encode("latin-1")) for name, value in question["headers"]]
        plain = {name.lower(): value for name, value in question["headers"]}
        path, _, text = question["path"].partition("?")
        query = parse_qs(text, keep_blank_values=True)
        key, region = (
            router.extract_access_key_id(plain, query),
            router.extract_region(plain, query),
        )
        iam_evaluator.pin_signed_request(question["method"], path, query, headers)
        iam_evaluator.pin_signed_body(base64.b64decode(question["body"]))
    responses.set_request_account_id(key or "test")
    iam_evaluator.pin_request_origin("127.0.0.1", True)
    for action, resource in question["checks"]:
        denied = iam_evaluator.enforce(key, action, question["service"], region, resource)
        if isinstance(denied, iam_evaluator.AuthError):
            code, _, message = iam_actions._auth_failure(
                question["service"], denied.code, denied.message, {"x-amz-target": "any"}
            )
            return {"allowed": False, "code": code, "message": message}
        if denied is not None:
            message = iam_actions.identity_denial_message(
                action, denied.principal_arn, resource, denied.decision == "Deny"
            )
            return {"allowed": False, "code": "AccessDeniedException", "message": message}
    return {"allowed": True, "code": "", "message": ""}


def session(question: Question) -> dict[str, Any]:
    """Let a service act in a role that exists (MiniStack trusts no service principal by itself).

    Raises:
        LookupError: there is no such role.
    """
    name = question["role"].rpartition("/")[2]
    account = question["role"].split(":")[4] if ":" in question["role"] else "000000000000"
    role = iam._roles.get_scoped(account, None, name)
    if role is None:
        raise LookupError(f"there is no role {question['role']}")
    key = "ASIA" + secrets.token_hex(8).upper()
    label = question["name"][:NAME_LENGTH]
    sts.register_session(
        key,
        {
            "Arn": f"arn:aws:sts::{account}:assumed-role/{name}/{label}",
            "UserId": f"{role.get('RoleId', name)}:{label}",
            "SecretAccessKey": secrets.token_urlsafe(30),
            "SessionToken": secrets.token_urlsafe(60),
            "Expiration": time.time() + SESSION_SECONDS,
            "AccountId": account,
            "PrincipalType": "AssumedRole",
            "SourceAccessKeyId": "",
            "SourcePrincipalArn": "",
            "SessionTags": [],
            "SessionPolicies": None,
        },
    )
    return _credentials(key)


def named(question: Question) -> dict[str, Any]:
    """Give the credentials of a session by its key, or of the newest by its name."""
    if "key" in question:
        return _credentials(question["key"]) if question["key"] in sts._sessions else {}
    found = [
        key
        for key, one in sts._sessions.items()
        if one["Arn"].rpartition("/")[2] == question["name"][:NAME_LENGTH]
        and one["Expiration"] > time.time()
    ]
    return _credentials(found[-1]) if found else {}


def container(question: Question) -> dict[str, Any]:
    """Give a session of a role as AWS_CONTAINER_CREDENTIALS_FULL_URI does, on ECS and on MWAA.

    Raises:
        LookupError: there is no such role.
    """
    given = session(question | {"name": question["role"].rpartition("/")[2]})
    ends = datetime.fromtimestamp(sts._sessions[given["key"]]["Expiration"], UTC)
    return {
        "AccessKeyId": given["key"],
        "SecretAccessKey": given["secret"],
        "Token": given["token"],
        "Expiration": ends.strftime("%Y-%m-%dT%H:%M:%SZ"),
    }


def _credentials(key: str) -> dict[str, Any]:
    found = sts._sessions[key]
    return {"key": key, "secret": found["SecretAccessKey"], "token": found["SessionToken"]}


ANSWERS: dict[str, Callable[[Question], dict[str, Any]]] = {
    "caller": caller,
    "authorise": authorise,
    "session": session,
    "named": named,
    "credentials": container,
}
