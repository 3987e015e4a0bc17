"""GetWorkGroup with the settings that nobody gave, which clients count on.

MiniStack keeps the work groups as they were requested.
"""

from typing import Any

from include.local_aws.front.context import AwsError, Context

PRIMARY = "primary"
ENGINE = {
    "SelectedEngineVersion": "AUTO",
    "EffectiveEngineVersion": "Athena engine version 3",
}


def invalid(message: str) -> AwsError:
    """Make the refusal of a bad request."""
    return AwsError("InvalidRequestException", message)


def work_group(context: Context, name: str) -> dict[str, Any]:
    """Give a work group with its whole configuration.

    One that was made without EnforceWorkGroupConfiguration enforces it; `primary`, which nobody
    made, does not (seen on AWS by moto#7946).

    Raises:
        AwsError: InvalidRequestException, there is none of that name.
    """
    try:
        found = context.forward("AmazonAthena.GetWorkGroup", {"WorkGroup": name})["WorkGroup"]
    except AwsError as error:
        raise invalid(f"WorkGroup {name} is not found.") from error
    given = found.get("Configuration") or {}
    given = {name: value for name, value in given.items() if value is not None}
    defaults = {
        "ResultConfiguration": {},
        "EnforceWorkGroupConfiguration": name != PRIMARY,
        "PublishCloudWatchMetricsEnabled": False,
        "RequesterPaysEnabled": False,
        "EnableMinimumEncryptionConfiguration": False,
    }
    engine = ENGINE | (given.get("EngineVersion") or {})
    configuration = defaults | given | {"EngineVersion": engine}
    group: dict[str, Any] = found | {"Configuration": configuration}
    group.pop("WorkGroupConfiguration", None)  # MiniStack's second copy: the API has no such member
    return group
