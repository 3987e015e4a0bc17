"""What an error of a call to AWS says of the call."""

from botocore.exceptions import ClientError, HTTPClientError


def error_code(error: ClientError) -> str:
    """Return the service's error code, e.g. `EntityNotFoundException`."""
    return str(error.response.get("Error", {}).get("Code", ""))


def is_unanswered(error: BaseException) -> bool:
    """Say whether AWS may have done what was asked: no answer, or an error of its own."""
    if isinstance(error, ClientError):
        return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)) >= 500
    return isinstance(error, HTTPClientError)


def is_passing(error: BaseException) -> bool:
    """Say whether the same call may succeed a little later."""
    throttled = isinstance(error, ClientError) and "throttl" in error_code(error).lower()
    return throttled or is_unanswered(error)
