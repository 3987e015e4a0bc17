"""The way from a service of the front to MiniStack."""

import pytest

from include.local_aws.front.context import AwsError, Context


def test_forward_gives_ministacks_answer(context: Context, unique: str) -> None:
    """What one call creates, the next one returns."""
    context.forward("AWSGlue.CreateDatabase", {"DatabaseInput": {"Name": unique}})
    answer = context.forward("AWSGlue.GetDatabase", {"Name": unique})
    assert answer["Database"]["Name"] == unique


def test_forward_raises_ministacks_refusal(context: Context, unique: str) -> None:
    """Code, message and status arrive as an AwsError."""
    with pytest.raises(AwsError) as refused:
        context.forward("AWSGlue.GetDatabase", {"Name": unique})
    assert refused.value.code == "EntityNotFoundException"
    assert refused.value.status == 400
    assert unique in refused.value.message


def test_clients_are_shared(context: Context, bucket: str) -> None:
    """One client per service, and it reaches the buckets by path."""
    assert context.client("s3") is context.client("s3")
    context.client("s3").put_object(Bucket=bucket, Key="a", Body=b"1")
    assert context.client("s3").get_object(Bucket=bucket, Key="a")["Body"].read() == b"1"


def test_stops_run_once_newest_first(context: Context) -> None:
    """Services stop in the opposite order of their start."""
    stopped: list[str] = []
    context.on_shutdown(lambda: stopped.append("first"))
    context.on_shutdown(lambda: stopped.append("second"))
    context.shutdown()
    context.shutdown()
    assert stopped == ["second", "first"]
