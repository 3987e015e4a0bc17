"""The calls that reached the local AWS: who did what to which resource, and how it ended."""

from include.local_aws.calls.log import Call, CallLog

__all__ = ["Call", "CallLog"]
