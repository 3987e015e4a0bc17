"""Actions of the local Glue that AWS keeps inside the service."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any


class LocalServiceError(Exception):
    """The service refused; what it says is its reason."""


def call(target: str, body: Mapping[str, Any]) -> None:
    """Call an action, such as `LocalGlue.CommitJobBookmark`.

    Raises:
        LocalServiceError: The action was refused.
    """
    request = urllib.request.Request(
        os.environ["AWS_ENDPOINT_URL_GLUE"],
        data=json.dumps(body).encode(),
        headers={"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"},
    )
    try:
        urllib.request.urlopen(request, timeout=60).close()
    except urllib.error.HTTPError as error:
        answer = json.loads(error.read() or b"{}")
        reason = f"{answer.get('__type', error.code)}: {answer.get('Message', '')}"
        raise LocalServiceError(reason) from error
