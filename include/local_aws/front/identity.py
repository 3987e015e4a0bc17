"""Acting as somebody: a caller in its query, a crawler or a job run in its role.

Where policies are enforced, S3 and the catalog are asked with the credentials of whoever acts;
MiniStack knows the sessions and judges (include.local_aws.base.identities).
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from botocore.credentials import Credentials

ASK_SECONDS = 10
ACTING: ContextVar[Credentials | None] = ContextVar("acting", default=None)
"""Whose credentials count in this thread; None: the front's own."""


class IdentityError(Exception):
    """MiniStack cannot say who somebody is; the message has its words."""


def ask(endpoint: str, what: str, question: dict[str, Any]) -> dict[str, Any]:
    """Ask the stack's MiniStack something that is not AWS's business.

    Raises:
        IdentityError: it has no answer, for example because a role does not exist.
    """
    asked = urllib.request.Request(f"{endpoint}/_local_aws/{what}", json.dumps(question).encode())
    try:
        with urllib.request.urlopen(asked, timeout=ASK_SECONDS) as answer:
            found: dict[str, Any] = json.load(answer)
    except urllib.error.HTTPError as error:
        raise IdentityError(f"{what}: {error.read().decode(errors='replace')}") from error
    return found


def session(endpoint: str, role: str, name: str) -> Credentials:
    """Give new credentials of a role, by its ARN or name."""
    found = ask(endpoint, "session", {"role": role, "name": name})
    return Credentials(found["key"], found["secret"], found["token"])


def known(endpoint: str, key: str) -> Credentials | None:
    """Give the credentials of a session by its access key id; None for keys that are no session."""
    found = ask(endpoint, "named", {"key": key})
    return Credentials(found["key"], found["secret"], found["token"]) if found else None


def refusal(
    endpoint: str, service: str, checks: Sequence[tuple[str, str]], request: dict[str, Any]
) -> tuple[str, str] | None:
    """Say why something may not be done.

    Args:
        endpoint: of MiniStack.
        service: signing name.
        checks: (IAM action, ARN) that must all be allowed.
        request: the signed request (method, path, headers, body), or the key that acts.

    Returns:
        Code and message of the refusal, None when it may be done.
    """
    verdict = ask(endpoint, "authorise", {"service": service, "checks": checks, **request})
    return None if verdict["allowed"] else (verdict["code"], verdict["message"])


@contextmanager
def acting(credentials: Credentials | None) -> Iterator[None]:
    """Have these credentials count until the block ends."""
    token = ACTING.set(credentials)
    try:
        yield
    finally:
        ACTING.reset(token)
