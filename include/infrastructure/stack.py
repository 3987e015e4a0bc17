"""Applies a CloudFormation template through a change set, and says what happens while it does."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Say = Callable[[str], None]

NO_CHANGES = ("didn't contain changes", "No updates are to be performed")
LONGEST_PAUSE = 5.0


class DeploymentError(Exception):
    """The deployment stopped; the message names the resource, the reason and what to do."""


@dataclass(frozen=True)
class Stack:
    """State of a stack before a deployment.

    Attributes:
        status: CloudFormation status, "" if there is no such stack.
        parameters: names of the parameters it was deployed with.
        outputs: output key to value.
    """

    status: str
    parameters: frozenset[str]
    outputs: dict[str, str]

    @property
    def exists(self) -> bool:
        """Whether resources were ever created (a stack under review has none)."""
        return self.status not in ("", "REVIEW_IN_PROGRESS")


@dataclass(frozen=True)
class Change:
    """One line of a change set; `replacement` is "True", "Conditional", "False" or ""."""

    action: str
    resource_type: str
    logical_id: str
    replacement: str

    @classmethod
    def of(cls, change: Mapping[str, Any]) -> "Change":
        """Reads a ResourceChange of DescribeChangeSet."""
        return cls(
            action=change["Action"].lower(),
            resource_type=change["ResourceType"],
            logical_id=change["LogicalResourceId"],
            replacement=change.get("Replacement", "") if change["Action"] == "Modify" else "",
        )

    def describe(self) -> str:
        """Says it in words, replacements in capitals."""
        warning = {"True": " REPLACES the resource", "Conditional": " (may replace it)"}
        return (
            f"{self.action} {self.resource_type} {self.logical_id}"
            f"{warning.get(self.replacement, '')}"
        )


def read(cloudformation: Any, name: str) -> Stack:
    """Reads a stack's status, parameter names and outputs."""
    try:
        stack = cloudformation.describe_stacks(StackName=name)["Stacks"][0]
    except cloudformation.exceptions.ClientError as error:
        if "does not exist" in str(error):
            return Stack("", frozenset(), {})
        raise
    return Stack(
        status=stack["StackStatus"],
        parameters=frozenset(p["ParameterKey"] for p in stack.get("Parameters", [])),
        outputs={o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])},
    )


def apply(
    cloudformation: Any,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    say: Say,
    *,
    tags: Mapping[str, str] | None = None,
    dry_run: bool = False,
    timeout_seconds: float = 1800,
) -> dict[str, str]:
    """Creates or updates a stack; a template without changes is left alone.

    Args:
        cloudformation: boto3 client.
        name: stack name.
        template: template text, at most 51,200 bytes (CloudFormation's limit for a body).
        parameters: values to set; the stack keeps its previous value of every other parameter.
        say: receives one line per step.
        tags: stack tags, inherited by its resources.
        dry_run: print the changes and make none.
        timeout_seconds: how long to wait for the stack.

    Returns:
        The stack's outputs; those of before if `dry_run`.

    Raises:
        DeploymentError: the change set or a resource failed, or another deployment is under way.
    """
    before = read(cloudformation, name)
    if before.status == "ROLLBACK_COMPLETE":
        say(f"{name}: its first creation failed and left nothing; deleting it to start again")
        cloudformation.delete_stack(StackName=name)
        cloudformation.get_waiter("stack_delete_complete").wait(StackName=name)
        before = read(cloudformation, name)
    if before.status.endswith("_IN_PROGRESS") and before.exists:
        raise DeploymentError(f"{name} is {before.status}: wait for the other deployment to end.")
    change_set = _create_change_set(cloudformation, name, template, parameters, tags, before)
    changes = _changes(cloudformation, name, change_set, timeout_seconds)
    if not changes:
        say(f"{name}: up to date")
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        return before.outputs
    added = [change for change in changes if change.action == "add"]
    say(f"{name}: {len(changes)} changes, {len(added)} of them new resources")
    for change in changes:
        if dry_run or change.action != "add":
            say(f"{name}: {change.describe()}")
    if dry_run:
        cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
        if not before.exists:
            cloudformation.delete_stack(StackName=name)
        return before.outputs
    seen = {event["EventId"] for event in _events(cloudformation, name, set())}
    cloudformation.execute_change_set(StackName=name, ChangeSetName=change_set)
    changing = {name, *(change.logical_id for change in changes)}
    _follow(cloudformation, name, changing, seen, say, timeout_seconds)
    return read(cloudformation, name).outputs


def pauses(timeout_seconds: float) -> Iterator[float]:
    """Sleeps between yields, 0.1 s at first and `LONGEST_PAUSE` at last, until the time is up."""
    deadline = time.monotonic() + timeout_seconds
    pause = 0.1
    while time.monotonic() < deadline:
        yield pause
        time.sleep(pause)
        pause = min(pause * 1.5, LONGEST_PAUSE)


def _create_change_set(
    cloudformation: Any,
    name: str,
    template: str,
    parameters: Mapping[str, str],
    tags: Mapping[str, str] | None,
    before: Stack,
) -> str:
    declared = {
        p["ParameterKey"]
        for p in cloudformation.get_template_summary(TemplateBody=template)["Parameters"]
    }
    if unknown := sorted(set(parameters) - declared):
        raise DeploymentError(
            f"{name}: the template has no parameter {', '.join(unknown)}; "
            f"it has {', '.join(sorted(declared))}."
        )
    kept = (declared & before.parameters) - set(parameters) if before.exists else set()
    change_set = f"deploy-{time.time_ns()}"
    cloudformation.create_change_set(
        StackName=name,
        ChangeSetName=change_set,
        ChangeSetType="UPDATE" if before.exists else "CREATE",
        TemplateBody=template,
        Parameters=[{"ParameterKey": k, "ParameterValue": v} for k, v in parameters.items()]
        + [{"ParameterKey": k, "UsePreviousValue": True} for k in sorted(kept)],
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Tags=[{"Key": k, "Value": v} for k, v in (tags or {}).items()],
    )
    return change_set


def _changes(cloudformation: Any, name: str, change_set: str, timeout: float) -> list[Change]:
    """Waits for the change set; empty if there is nothing to change."""
    for _ in pauses(timeout):
        answer = cloudformation.describe_change_set(StackName=name, ChangeSetName=change_set)
        if answer["Status"] == "FAILED":
            reason = answer.get("StatusReason", "no reason given")
            if any(text in reason for text in NO_CHANGES):
                return []
            cloudformation.delete_change_set(StackName=name, ChangeSetName=change_set)
            raise DeploymentError(f"{name}: the change set was refused: {reason}")
        if answer["Status"] == "CREATE_COMPLETE":
            break
    else:
        raise DeploymentError(f"{name}: no change set after {timeout:.0f} s; see its console page.")
    changes = list(answer["Changes"])
    while token := answer.get("NextToken"):
        answer = cloudformation.describe_change_set(
            StackName=name, ChangeSetName=change_set, NextToken=token
        )
        changes += answer["Changes"]
    return [Change.of(change["ResourceChange"]) for change in changes]


def _follow(
    cloudformation: Any, name: str, changing: set[str], seen: set[str], say: Say, timeout: float
) -> None:
    """Waits for the stack to settle, repeating events of what changes; raises on failure.

    The stack's own events tell the end: its status may for a moment still be that of before.
    """
    failures: list[str] = []
    for _ in pauses(timeout):
        for event in _events(cloudformation, name, seen):
            seen.add(event["EventId"])
            status, kind = event["ResourceStatus"], event["ResourceType"]
            line = f"{status} {kind} {event['LogicalResourceId']}"
            if status.endswith("_FAILED"):
                reason = event.get("ResourceStatusReason", "no reason given")
                say(f"{name}: {line}: {reason}")
                if "cancelled" not in reason:
                    failures.append(f"{line}: {reason}")
            elif status.endswith("_COMPLETE") and event["LogicalResourceId"] in changing:
                say(f"{name}: {line}")
            if (kind, event["LogicalResourceId"]) != ("AWS::CloudFormation::Stack", name):
                continue
            if status in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
                return
            if not status.endswith("_IN_PROGRESS"):
                raise DeploymentError(
                    f"{name} ended as {status}:\n  "
                    + "\n  ".join(failures or ["no failed event; see the stack's console page"])
                )
    raise DeploymentError(f"{name} is still not done after {timeout:.0f} s; see its console page.")


def _events(cloudformation: Any, name: str, seen: set[str]) -> Sequence[Mapping[str, Any]]:
    """Events not seen before, oldest first."""
    fresh: list[Mapping[str, Any]] = []
    for page in cloudformation.get_paginator("describe_stack_events").paginate(StackName=name):
        for event in page["StackEvents"]:
            if event["EventId"] in seen:
                return fresh[::-1]
            fresh.append(event)
    return fresh[::-1]
