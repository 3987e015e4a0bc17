"""Runs of workflows: a run is the chain that its start trigger begins."""

import time
import uuid
from typing import Any

from include.local_aws.catalog.requests import page
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Handler
from include.local_aws.triggers.chains import TRIGGER, Chains
from include.local_aws.triggers.definitions import WORKFLOW

RUN = "workflow run"
COUNTED = {
    "SucceededActions": "SUCCEEDED",
    "FailedActions": "FAILED",
    "StoppedActions": "STOPPED",
    "TimeoutActions": "TIMEOUT",
    "RunningActions": "RUNNING",
    "ErroredActions": "ERROR",
}


class WorkflowRuns:
    """The workflow runs of the account."""

    def __init__(self, store: Documents, chains: Chains) -> None:
        self._store, self._chains = store, chains

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target."""
        return {
            "AWSGlue.StartWorkflowRun": self.start,
            "AWSGlue.GetWorkflowRun": lambda body: {"Run": self.get(body)},
            "AWSGlue.GetWorkflowRuns": self.listed,
            "AWSGlue.StopWorkflowRun": self.stop,
            "AWSGlue.GetWorkflowRunProperties": self.properties,
            "AWSGlue.PutWorkflowRunProperties": self.put_properties,
        }

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """StartWorkflowRun.

        Raises:
            AwsError: EntityNotFoundException; InvalidInputException: nothing in the workflow
                begins it; ConcurrentRunsExceededException.
        """
        name = str(body.get("Name"))
        workflow = self._store.get(WORKFLOW, name)
        if workflow is None:
            raise AwsError("EntityNotFoundException", f"there is no workflow {name}")
        first = [
            trigger
            for trigger in self._store.all(TRIGGER)
            if trigger.get("WorkflowName") == name and trigger["Type"] != "CONDITIONAL"
        ]
        if len(first) != 1:
            raise AwsError(
                "InvalidInputException", f"{name} has {len(first)} start triggers: it needs one"
            )
        active = [run for run in self._of(name) if self._shown(run)["Status"] == "RUNNING"]
        if len(active) >= int(workflow.get("MaxConcurrentRuns") or 10**6):
            raise AwsError("ConcurrentRunsExceededException", f"{name} runs {len(active)} times")
        identity = f"wr_{uuid.uuid4().hex}{uuid.uuid4().hex}"
        run = {
            "Name": name,
            "WorkflowRunId": identity,
            "StartedOn": time.time(),
            "WorkflowRunProperties": (workflow.get("DefaultRunProperties") or {})
            | (body.get("RunProperties") or {}),
        }
        self._store.add(RUN, identity, run)
        self._chains.begin(first[0], run)
        return {"RunId": identity}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetWorkflowRun.

        Raises:
            AwsError: EntityNotFoundException; InvalidInputException: a graph is asked for.
        """
        if body.get("IncludeGraph"):
            raise AwsError("InvalidInputException", "not supported here: IncludeGraph")
        return self._shown(self._stored(body))

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetWorkflowRuns, newest first."""
        runs = [self._shown(run) for run in reversed(self._of(str(body.get("Name"))))]
        rows, more = page(runs, body)
        return {"Runs": list(rows), **more}

    def stop(self, body: dict[str, Any]) -> dict[str, Any]:
        """StopWorkflowRun: what runs is stopped, nothing more is started."""
        run = self.get(body)
        if run["Status"] != "RUNNING":
            raise AwsError("IllegalWorkflowStateException", f"the run is {run['Status']}")
        self._chains.stop(run["WorkflowRunId"])
        return {}

    def properties(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetWorkflowRunProperties."""
        return {"RunProperties": self._stored(body)["WorkflowRunProperties"]}

    def put_properties(self, body: dict[str, Any]) -> dict[str, Any]:
        """PutWorkflowRunProperties: adds to what is there."""
        run = self._stored(body)
        merged = run["WorkflowRunProperties"] | (body.get("RunProperties") or {})
        self._store.change(RUN, run["WorkflowRunId"], WorkflowRunProperties=merged)
        return {}

    def _of(self, name: str) -> list[dict[str, Any]]:
        return [run for run in self._store.all(RUN) if run["Name"] == name]

    def _stored(self, body: dict[str, Any]) -> dict[str, Any]:
        run = self._store.get(RUN, str(body.get("RunId")))
        if run is None or run["Name"] != body.get("Name"):
            raise AwsError(
                "EntityNotFoundException",
                f"the workflow {body.get('Name')} has no run {body.get('RunId')}",
            )
        return run

    def _shown(self, run: dict[str, Any]) -> dict[str, Any]:
        """A run with what has become of its chain."""
        chain = self._chains.get(run["WorkflowRunId"]) or {"Open": True, "Nodes": []}
        states = [node["State"] for node in chain["Nodes"]]
        counts = {name: states.count(state) for name, state in COUNTED.items()}
        over = "STOPPED" if chain.get("Stopped") else "COMPLETED"
        over = "ERROR" if chain.get("GivenUp") else over
        shown = run | {
            "Status": "RUNNING" if chain["Open"] else over,
            "Statistics": {"TotalActions": len(states), **counts},
        }
        if chain.get("GivenUp"):
            shown["ErrorMessage"] = chain["ErrorMessage"]
        return shown | ({} if chain["Open"] else {"CompletedOn": chain["CompletedOn"]})
