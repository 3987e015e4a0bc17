"""What requests about job runs have in common: settings, pages."""

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any

from include.local_aws.front.context import AwsError
from include.local_aws.jobs.execution import SHELL_CAPACITY, WORKER_DPUS

MOST_PER_PAGE = 200


def settings(job: dict[str, Any], body: dict[str, Any]) -> dict[str, Any]:
    """The definition with what the request says instead."""
    if body.get("MaxCapacity") is not None and (
        body.get("WorkerType") or body.get("NumberOfWorkers")
    ):
        raise AwsError(
            "InvalidInputException",
            "MaxCapacity cannot be given together with WorkerType or NumberOfWorkers",
        )
    if body.get("WorkerType", "G.1X") not in WORKER_DPUS:
        raise AwsError("InvalidInputException", f"WorkerType {body['WorkerType']!r} is unknown")
    _check_shell(job, body)
    if body.get("Timeout") is not None and int(body["Timeout"]) < 1:
        raise AwsError("InvalidInputException", "Timeout must be at least 1 minute")
    given = {key: value for key, value in body.items() if value is not None}
    if "MaxCapacity" in given:
        job = {key: job[key] for key in job if key not in ("WorkerType", "NumberOfWorkers")}
    return {**job, **given}


def _check_shell(job: dict[str, Any], body: dict[str, Any]) -> None:
    """A pythonshell job has no workers, and one of two capacities."""
    if (job.get("Command") or {}).get("Name") != "pythonshell":
        return
    if body.get("WorkerType") or body.get("NumberOfWorkers"):
        raise AwsError("InvalidInputException", "a pythonshell job has no workers")
    if body.get("MaxCapacity") not in (None, SHELL_CAPACITY, 1, 1.0):
        raise AwsError("InvalidInputException", f"MaxCapacity must be {SHELL_CAPACITY} or 1")


def text(body: dict[str, Any], key: str) -> str:
    """A required text."""
    value = body.get(key)
    if not isinstance(value, str) or not value:
        raise AwsError("InvalidInputException", f"{key} is required")
    return value


def page_size(body: dict[str, Any]) -> int:
    """MaxResults, checked."""
    size = int(body.get("MaxResults") or MOST_PER_PAGE)
    if not 1 <= size <= MOST_PER_PAGE:
        raise AwsError("InvalidInputException", f"MaxResults must be 1 to {MOST_PER_PAGE}")
    return size


def token(position: int) -> str:
    """The NextToken for a position."""
    return urlsafe_b64encode(str(position).encode()).decode()


def position(token: str | None) -> int | None:
    """The position that a NextToken stands for."""
    if token is None:
        return None
    try:
        return int(urlsafe_b64decode(token))
    except (ValueError, binascii.Error) as error:
        raise AwsError("InvalidInputException", "NextToken is not one of ours") from error
