"""Triggers and workflows, as they are defined."""

import time
from typing import Any

from include.local_aws import schedules
from include.local_aws.catalog.requests import page
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Context, Handler
from include.local_aws.triggers.chains import TRIGGER, Chains

WORKFLOW = "workflow"
TYPES = ("ON_DEMAND", "SCHEDULED", "CONDITIONAL")
STATES = ("SUCCEEDED", "STOPPED", "FAILED", "TIMEOUT", "ERROR", "CANCELLED")
KEPT = ("Name", "WorkflowName", "Type", "Schedule", "Predicate", "Actions", "Description")
UPDATED = ("Schedule", "Predicate", "Actions", "Description")


class Definitions:
    """The triggers and workflows of the account."""

    def __init__(self, context: Context, store: Documents, chains: Chains) -> None:
        self._context, self._store, self._chains = context, store, chains

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target."""
        return {
            "AWSGlue.CreateTrigger": self.create,
            "AWSGlue.GetTrigger": lambda body: {"Trigger": self.trigger(body)},
            "AWSGlue.GetTriggers": lambda body: self._paged(TRIGGER, "Triggers", body),
            "AWSGlue.ListTriggers": lambda body: self._names(TRIGGER, "TriggerNames", body),
            "AWSGlue.BatchGetTriggers": self._several_triggers,
            "AWSGlue.UpdateTrigger": self.update,
            "AWSGlue.DeleteTrigger": self.delete,
            "AWSGlue.StartTrigger": self.start,
            "AWSGlue.StopTrigger": self.stop,
            "AWSGlue.CreateWorkflow": self.create_workflow,
            "AWSGlue.GetWorkflow": lambda body: {"Workflow": self._found(WORKFLOW, body)},
            "AWSGlue.UpdateWorkflow": self.update_workflow,
            "AWSGlue.DeleteWorkflow": self.delete_workflow,
            "AWSGlue.ListWorkflows": lambda body: self._names(WORKFLOW, "Workflows", body),
        }

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateTrigger.

        Raises:
            AwsError: InvalidInputException; EntityNotFoundException: a job or a crawler that it
                is about, or its workflow, is not there; AlreadyExistsException.
        """
        trigger = {key: body[key] for key in KEPT if body.get(key)} | {"State": "CREATED"}
        if trigger.get("Type") not in TYPES:
            raise _invalid(f"not supported here: the trigger type {trigger.get('Type')!r}")
        if workflow := trigger.get("WorkflowName"):
            self._found(WORKFLOW, {"Name": workflow})
        self._check(trigger)
        if body.get("StartOnCreation"):
            if trigger["Type"] == "ON_DEMAND":
                raise _invalid("StartOnCreation cannot be given for an ON_DEMAND trigger")
            trigger["State"] = "ACTIVATED"
        if not trigger.get("Name"):
            raise _invalid("Name is missing from the request")
        if not self._store.add(TRIGGER, trigger["Name"], trigger):
            raise AwsError("AlreadyExistsException", f"the trigger {trigger['Name']} exists")
        return {"Name": trigger["Name"]}

    def _check(self, trigger: dict[str, Any]) -> None:
        """Refuse a trigger that could never do what it says."""
        kind = trigger["Type"]
        if not trigger.get("Actions"):
            raise _invalid("Actions is missing from the request")
        if kind == "SCHEDULED":
            schedules.parse(str(trigger.get("Schedule") or ""))
        elif trigger.get("Schedule"):
            raise _invalid(f"a trigger of type {kind} has no Schedule")
        if (kind == "CONDITIONAL") != bool((trigger.get("Predicate") or {}).get("Conditions")):
            raise _invalid("CONDITIONAL triggers, and they only, have a Predicate with Conditions")
        conditions = (trigger.get("Predicate") or {}).get("Conditions") or []
        for condition in conditions:
            if (condition.get("CrawlState") or condition.get("State")) not in STATES:
                raise _invalid(f"the condition {condition} names no final state")
        for item in (*trigger["Actions"], *conditions):
            if item.get("CrawlerName"):
                self._context.forward("AWSGlue.GetCrawler", {"Name": item["CrawlerName"]})
            elif item.get("JobName"):
                self._context.forward("AWSGlue.GetJob", {"JobName": item["JobName"]})
            else:
                raise _invalid(f"{item} names no job and no crawler")

    def trigger(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetTrigger.

        Raises:
            AwsError: EntityNotFoundException.
        """
        return self._found(TRIGGER, body)

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateTrigger."""
        given = body.get("TriggerUpdate") or {}
        changed = self.trigger(body) | {key: given[key] for key in UPDATED if key in given}
        self._check(changed)
        self._store.change(TRIGGER, changed["Name"], **changed)
        return {"Trigger": changed}

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteTrigger: no error if there is none, as on AWS."""
        self._store.delete(TRIGGER, str(body.get("Name")))
        return {"Name": body.get("Name")}

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """StartTrigger: fires one on demand, activates another."""
        trigger = self.trigger(body)
        if trigger["Type"] == "ON_DEMAND":
            self._chains.begin(trigger)
        else:
            self._store.change(TRIGGER, trigger["Name"], State="ACTIVATED")
        return {"Name": trigger["Name"]}

    def stop(self, body: dict[str, Any]) -> dict[str, Any]:
        """StopTrigger."""
        trigger = self.trigger(body)
        if trigger["Type"] == "ON_DEMAND":
            raise _invalid("an ON_DEMAND trigger cannot be stopped")
        self._store.change(TRIGGER, trigger["Name"], State="DEACTIVATED")
        return {"Name": trigger["Name"]}

    def create_workflow(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateWorkflow."""
        now = time.time()
        kept = ("Name", "Description", "DefaultRunProperties", "MaxConcurrentRuns")
        workflow = {key: body[key] for key in kept if body.get(key)}
        if not workflow.get("Name"):
            raise _invalid("Name is missing from the request")
        workflow |= {"CreatedOn": now, "LastModifiedOn": now}
        if not self._store.add(WORKFLOW, workflow["Name"], workflow):
            raise AwsError("AlreadyExistsException", f"the workflow {workflow['Name']} exists")
        return {"Name": workflow["Name"]}

    def update_workflow(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateWorkflow."""
        name = self._found(WORKFLOW, body)["Name"]
        kept = ("Description", "DefaultRunProperties", "MaxConcurrentRuns")
        given = {key: body[key] for key in kept if key in body}
        self._store.change(WORKFLOW, name, **given, LastModifiedOn=time.time())
        return {"Name": name}

    def delete_workflow(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteWorkflow, and its triggers."""
        name = str(body.get("Name"))
        self._store.delete(WORKFLOW, name)
        for trigger in self._store.all(TRIGGER):
            if trigger.get("WorkflowName") == name:
                self._store.delete(TRIGGER, trigger["Name"])
        return {"Name": name}

    def _found(self, kind: str, body: dict[str, Any]) -> dict[str, Any]:
        found = self._store.get(kind, str(body.get("Name")))
        if found is None:
            raise AwsError("EntityNotFoundException", f"there is no {kind} {body.get('Name')}")
        return found

    def _several_triggers(self, body: dict[str, Any]) -> dict[str, Any]:
        found = {name: self._store.get(TRIGGER, name) for name in body.get("TriggerNames") or []}
        missing = [name for name, trigger in found.items() if trigger is None]
        return {"Triggers": [item for item in found.values() if item], "TriggersNotFound": missing}

    def _paged(self, kind: str, member: str, body: dict[str, Any]) -> dict[str, Any]:
        rows, more = page(self._store.all(kind), body, 200)
        return {member: list(rows), **more}

    def _names(self, kind: str, member: str, body: dict[str, Any]) -> dict[str, Any]:
        rows, more = page([item["Name"] for item in self._store.all(kind)], body, 200)
        return {member: list(rows), **more}


def _invalid(reason: str) -> AwsError:
    return AwsError("InvalidInputException", reason)
