"""ResultReuseConfiguration: a SELECT that ran not long ago is answered by its stored result.

As in Athena, nobody looks whether the data changed in between; that is what the caller allows.
"""

import re
import time
from typing import Any

from include.local_aws.athena.files import split_location
from include.local_aws.athena.store import Store
from include.local_aws.front.context import AwsError

MAX_MINUTES = 10_080
DEFAULT_MINUTES = 60
UNSTABLE = re.compile(
    r"\b(now|rand|random|uuid|shuffle|current_date|current_time|current_timestamp|localtime|"
    r"localtimestamp)\b",
    re.IGNORECASE,
)
"""Functions that give something else each time; their queries are always run."""


def allowed_age(request: dict[str, Any]) -> int | None:
    """Give the greatest age of a result in minutes that a request allows, None for no reuse.

    Raises:
        AwsError: InvalidRequestException, the age is not from 0 to 10080.
    """
    configuration = request.get("ResultReuseConfiguration") or {}
    by_age = configuration.get("ResultReuseByAgeConfiguration") or {}
    if not by_age.get("Enabled"):
        return None
    minutes = int(by_age.get("MaxAgeInMinutes", DEFAULT_MINUTES))
    if not 0 <= minutes <= MAX_MINUTES:
        text = f"MaxAgeInMinutes must be from 0 to {MAX_MINUTES}"
        raise AwsError("InvalidRequestException", text)
    return minutes


def reuse(
    execution: dict[str, Any], minutes: int, store: Store, s3: Any, fingerprint: str
) -> dict[str, Any] | None:
    """Finish an execution with the result of an earlier one, if there is one to be reused.

    Args:
        execution: a new SELECT; changed in place when a result is reused.
        minutes: greatest age of the earlier execution.
        store: executions on disk.
        s3: boto3 client; a result that was deleted is not reused.
        fingerprint: of the request.

    Returns:
        The private details of the earlier execution, None when the query must run.
    """
    if UNSTABLE.search(execution["Query"]):
        return None
    now = time.time()
    found = store.latest(fingerprint, now - minutes * 60)
    if found is None:
        return None
    earlier, details = found
    location = earlier["ResultConfiguration"]["OutputLocation"]
    bucket, key = split_location(location)[0], location.split("/", 3)[3]
    if not s3.list_objects_v2(Bucket=bucket, Prefix=key, MaxKeys=1).get("Contents"):
        return None
    execution["ResultConfiguration"]["OutputLocation"] = location
    execution["Status"] |= {"State": "SUCCEEDED", "CompletionDateTime": now}
    execution["Statistics"] |= {
        "TotalExecutionTimeInMillis": 0,
        "QueryQueueTimeInMillis": 0,
        "ServiceProcessingTimeInMillis": 0,
        "ResultReuseInformation": {"ReusedPreviousResult": True},
    }
    return details
