"""Change sets: what they print, when they refuse, and what a failure says."""

from collections.abc import Callable
from typing import Any

import pytest

from include.infrastructure import stack
from include.infrastructure.stack import DeploymentError

ONE_BUCKET = """
Parameters:
  Name: {Type: String}
Resources:
  Box: {Type: AWS::S3::Bucket, Properties: {BucketName: !Ref Name}}
Outputs:
  Box: {Value: !Ref Box}
"""
# the emulator creates a secret, then finds that the alarm has no comparison
BROKEN = """
Resources:
  Kept: {Type: AWS::SNS::Topic, Properties: {TopicName: broken-topic}}
  Alarm:
    Type: AWS::CloudWatch::Alarm
    DependsOn: Kept
    Properties: {MetricName: m, Namespace: n, EvaluationPeriods: 1}
"""

Clients = Callable[[str], Any]


def buckets(aws: Clients) -> set[str]:
    return {bucket["Name"] for bucket in aws("s3").list_buckets()["Buckets"]}


def test_dry_run_of_a_new_stack_leaves_nothing(aws: Clients) -> None:
    lines: list[str] = []
    cloudformation = aws("cloudformation")
    outputs = stack.apply(
        cloudformation, "dry", ONE_BUCKET, {"Name": "dry-box"}, lines.append, dry_run=True
    )
    assert outputs == {}
    assert "dry: add AWS::S3::Bucket Box" in lines
    assert "dry-box" not in buckets(aws)
    assert not stack.read(cloudformation, "dry").exists


def test_created_then_replaced(aws: Clients) -> None:
    cloudformation = aws("cloudformation")
    lines: list[str] = []
    first = stack.apply(cloudformation, "box", ONE_BUCKET, {"Name": "box-one"}, lines.append)
    assert first == {"Box": "box-one"}
    assert "box: CREATE_COMPLETE AWS::S3::Bucket Box" in lines
    lines.clear()
    second = stack.apply(cloudformation, "box", ONE_BUCKET, {"Name": "box-two"}, lines.append)
    assert second == {"Box": "box-two"}
    assert lines[1].startswith("box: modify AWS::S3::Bucket Box ")
    assert "replace" in lines[1].lower()


def test_a_parameter_that_the_template_has_not_is_refused(aws: Clients) -> None:
    with pytest.raises(DeploymentError, match=r"no parameter Nmae; it has Name"):
        stack.apply(aws("cloudformation"), "typo", ONE_BUCKET, {"Nmae": "x"}, print)


def test_a_failure_names_the_resource_and_can_be_repeated(aws: Clients) -> None:
    cloudformation = aws("cloudformation")
    for _ in range(2):
        with pytest.raises(DeploymentError, match=r"AWS::CloudWatch::Alarm Alarm: .*Comparison"):
            stack.apply(cloudformation, "broken", BROKEN, {}, print)
    mended = BROKEN.replace(
        "EvaluationPeriods: 1",
        "EvaluationPeriods: 1, Threshold: 1, ComparisonOperator: GreaterThanThreshold",
    )
    stack.apply(cloudformation, "broken", mended, {}, print)
    assert stack.read(cloudformation, "broken").status == "CREATE_COMPLETE"
