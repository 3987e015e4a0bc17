"""How policies are evaluated: statements of a role, what is asked for, and the verdict.

The evaluation is MiniStack's; what is tested is that a service which acts for somebody gets the
verdict that AWS's evaluation logic gives ("Policy evaluation logic", IAM User Guide).
"""

import json
from typing import Any

import pytest

from tests.unit.local_aws.iam.conftest import Guarded

TABLE = "arn:aws:glue:us-east-1:000000000000:table/shop/orders"
TRUST = json.dumps({"Version": "2012-10-17", "Statement": []})


def allow(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": actions, "Resource": resources} | more


def deny(actions: Any, resources: Any = "*", **more: Any) -> dict[str, Any]:
    return allow(actions, resources, **more) | {"Effect": "Deny"}


def unlike(statement: dict[str, Any], member: str) -> dict[str, Any]:
    """Turn Action into NotAction, or Resource into NotResource."""
    kept = {key: value for key, value in statement.items() if key != member}
    return kept | {f"Not{member}": statement[member]}


@pytest.fixture
def verdict(guarded: Guarded, unique: str) -> Any:
    """Asks whether a role with these statements may do an action on a table."""
    iam = guarded.root("iam")
    iam.create_role(RoleName=unique, AssumeRolePolicyDocument=TRUST)

    def ask(statements: list[dict[str, Any]], action: str, boundary: str = "") -> bool:
        document = {"Version": "2012-10-17", "Statement": statements}
        if statements:
            iam.put_role_policy(
                RoleName=unique, PolicyName="p", PolicyDocument=json.dumps(document)
            )
        if boundary:
            limit = {"Version": "2012-10-17", "Statement": [allow(boundary)]}
            arn = iam.create_policy(PolicyName=unique, PolicyDocument=json.dumps(limit))
            iam.put_role_permissions_boundary(
                RoleName=unique, PermissionsBoundary=arn["Policy"]["Arn"]
            )
        key = guarded.session(unique)["aws_access_key_id"]
        question = {"service": "glue", "key": key, "checks": [[action, TABLE]]}
        status, found = guarded.ask(guarded.url, "POST", "/_local_aws/authorise", question)
        assert status == 200, found
        if not found["allowed"]:
            assert (found["code"], action in found["message"]) == ("AccessDeniedException", True)
            assert TABLE in found["message"]
        return bool(found["allowed"])

    return ask


@pytest.mark.parametrize(
    ("statements", "action", "expected"),
    [
        ([], "glue:GetTable", False),
        ([allow("glue:GetTable", TABLE)], "glue:GetTable", True),
        ([allow("GLUE:gettable", TABLE)], "glue:GetTable", True),
        ([allow("glue:GetTable", TABLE.upper())], "glue:GetTable", False),
        ([allow("glue:GetTable", TABLE)], "glue:GetTables", False),
        ([allow("glue:Get*", TABLE)], "glue:GetTables", True),
        ([allow("glue:GetTable?", TABLE)], "glue:GetTable", False),
        ([allow(["glue:GetTable", "glue:UpdateTable"], "*")], "glue:UpdateTable", True),
        ([allow("glue:*", "arn:aws:glue:*:*:table/shop/ord*")], "glue:GetTable", True),
        ([allow("glue:*", "arn:aws:glue:*:*:table/shop/")], "glue:GetTable", False),
        ([allow("glue:*"), deny("glue:DeleteTable")], "glue:GetTable", True),
        ([allow("glue:*"), deny("glue:DeleteTable")], "glue:DeleteTable", False),
        ([deny("*", TABLE), allow("*")], "glue:GetTable", False),
        ([unlike(allow("glue:Delete*"), "Action")], "glue:GetTable", True),
        ([unlike(allow("glue:Delete*"), "Action")], "glue:DeleteTable", False),
        ([allow("*"), unlike(deny("glue:Get*"), "Action")], "glue:GetTable", True),
        ([allow("*"), unlike(deny("glue:Get*"), "Action")], "glue:DeleteTable", False),
        ([unlike(allow("glue:*", TABLE), "Resource")], "glue:GetTable", False),
        ([unlike(allow("glue:*", TABLE + "2"), "Resource")], "glue:GetTable", True),
        (
            [allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "us-east-1"}})],
            "glue:GetTable",
            True,
        ),
        (
            [allow("*", Condition={"StringEquals": {"aws:RequestedRegion": "eu-west-1"}})],
            "glue:GetTable",
            False,
        ),
        (
            [allow("*", Condition={"StringLike": {"aws:PrincipalAccount": "00000000000?"}})],
            "glue:GetTable",
            True,
        ),
        (
            [allow("*"), deny("*", Condition={"Bool": {"aws:SecureTransport": "false"}})],
            "glue:GetTable",
            True,
        ),
        ([allow("*", Condition={"StringEquals": {"s3:prefix": "a"}})], "glue:GetTable", False),
        (
            [allow("*", Condition={"StringEqualsIfExists": {"s3:prefix": "a"}})],
            "glue:GetTable",
            True,
        ),
    ],
)
def test_statements(
    verdict: Any, statements: list[dict[str, Any]], action: str, expected: bool
) -> None:
    assert verdict(statements, action) is expected


def test_a_boundary_limits_what_a_policy_allows(verdict: Any) -> None:
    assert verdict([allow("glue:*")], "glue:GetTable", boundary="glue:Get*")
    assert not verdict([], "glue:DeleteTable")
