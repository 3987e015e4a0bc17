"""What a trigger starts, and what that triggers in turn.

A chain begins with a trigger that somebody starts or that is due. Conditional triggers look at the
runs of their own chain only, and fire once in it: a job that was started by hand fires nothing
("AWS Glue triggers": all jobs in a dependency chain descend from one schedule or on-demand
trigger).
"""

import dataclasses
import logging
import threading
import time
import uuid
from datetime import datetime
from typing import Any

from botocore.exceptions import BotoCoreError

from include.local_aws import schedules
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Context

LOGGER = logging.getLogger(__name__)
CHAIN, TRIGGER = "chain", "trigger"
TICK_SECONDS = 0.5
MOST_PROBLEMS = 8
"""So often in a row a chain cannot be looked at until it is given up: about a minute and a half."""
LONGEST_PAUSE = 30.0
FINAL = ("SUCCEEDED", "FAILED", "STOPPED", "TIMEOUT", "ERROR", "CANCELLED")
Node = dict[str, Any]


class Chains:
    """The chains of the account, and the thread that drives them.

    Args:
        context: The front itself is asked to start jobs and crawlers, as any client would.
        store: Triggers and chains.
    """

    def __init__(self, context: Context, store: Documents) -> None:
        self._front = dataclasses.replace(context, endpoint=context.front_url)
        self._store = store
        self._lock = threading.RLock()
        self._end = threading.Event()
        self._minutes = schedules.Minutes()
        self._open = {chain["Id"] for chain in store.all(CHAIN) if chain["Open"]}
        self._thread = threading.Thread(target=self._drive, name="triggers", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread; chains go on when the front is there again."""
        self._end.set()
        self._thread.join(10)

    def begin(self, trigger: dict[str, Any], run: dict[str, Any] | None = None) -> str:
        """Fire a trigger that begins a chain; the chain's id.

        Args:
            trigger: The trigger.
            run: The workflow run that the chain is, if it is one.
        """
        chain = {
            "Id": run["WorkflowRunId"] if run else f"chain_{uuid.uuid4().hex}",
            "Workflow": run["Name"] if run else trigger.get("WorkflowName", ""),
            "IsRun": run is not None,
            "Nodes": [],
            "Fired": [],
            "Open": True,
            "StartedOn": time.time(),
        }
        with self._lock:
            self._store.add(CHAIN, chain["Id"], chain)
            self._open.add(chain["Id"])
            self._fire(chain, trigger)
            self._save(chain)
        return str(chain["Id"])

    def get(self, identity: str) -> dict[str, Any] | None:
        """A chain."""
        return self._store.get(CHAIN, identity)

    def stop(self, identity: str) -> None:
        """Stop the runs of a chain; nothing more is started in it."""
        with self._lock:
            chain = self._store.get(CHAIN, identity) or {"Id": identity, "Nodes": []}
            for node in chain["Nodes"]:
                if node["State"] in FINAL:
                    continue
                if "JobName" in node:
                    ids = {"JobName": node["JobName"], "JobRunIds": [node["RunId"]]}
                    self._front.forward("AWSGlue.BatchStopJobRun", ids)
                else:
                    self._front.forward("AWSGlue.StopCrawler", {"Name": node["CrawlerName"]})
            self._save(chain | {"Stopped": True})

    def _drive(self) -> None:
        while not self._end.wait(TICK_SECONDS):
            if minute := self._minutes.begun():
                for trigger in self._store.all(TRIGGER):
                    self._start_if_due(trigger, minute)
            with self._lock:
                open_now = sorted(self._open)
            for identity in open_now:
                self._look_at(identity)

    def _start_if_due(self, trigger: dict[str, Any], minute: datetime) -> None:
        """Begin the chain of a scheduled trigger; a failure of one leaves the others alone."""
        if trigger["Type"] != "SCHEDULED" or trigger["State"] != "ACTIVATED":
            return
        try:
            if schedules.parse(trigger["Schedule"]).due(minute):
                self.begin(trigger)
        except Exception:  # the thread goes on: it drives all the others
            LOGGER.exception("trigger %s was due at %s and did not start", trigger["Name"], minute)

    def _look_at(self, identity: str) -> None:
        """Advance a chain; what goes wrong with it is tried again later, and not for ever."""
        with self._lock:
            chain = self._store.get(CHAIN, identity)
            if chain is None or not chain["Open"]:
                self._open.discard(identity)
                return
            if chain.get("LookAgain", 0) > time.time():
                return
            try:
                self._advance(chain)
            except Exception as error:  # the thread goes on: it drives all the others
                self._put_off(identity, error)

    def _put_off(self, identity: str, error: Exception) -> None:
        """Note that a chain could not be advanced; give it up when that was so too often."""
        chain = self._store.get(CHAIN, identity) or {"Id": identity, "Nodes": []}
        problems = chain.get("Problems", 0) + 1
        text = str(error) if isinstance(error, AwsError) else f"{type(error).__name__}: {error}"
        chain |= {"Problems": problems, "ErrorMessage": text}
        if problems < MOST_PROBLEMS:
            pause = min(TICK_SECONDS * 2**problems, LONGEST_PAUSE)
            LOGGER.warning("chain %s, again in %.0f s: %s", identity, pause, text)
            self._save(chain | {"LookAgain": time.time() + pause})
            return
        LOGGER.error("chain %s is given up", identity, exc_info=error)
        for node in chain["Nodes"]:
            if node["State"] not in FINAL:
                node |= {"State": "ERROR", "ErrorMessage": text}
        self._save(chain | {"Open": False, "CompletedOn": time.time(), "GivenUp": True})

    def _advance(self, chain: dict[str, Any]) -> None:
        """Look at the runs of a chain, and fire what they trigger."""
        for node in chain["Nodes"]:
            if node["State"] not in FINAL:
                node |= self._now(node)
        fired = False
        for trigger in self._store.all(TRIGGER):
            watching = trigger["Type"] == "CONDITIONAL" and trigger["State"] == "ACTIVATED"
            same = trigger.get("WorkflowName", "") == chain["Workflow"]
            if not watching or not same or trigger["Name"] in chain["Fired"]:
                continue
            if not chain.get("Stopped") and holds(trigger["Predicate"], chain["Nodes"]):
                self._fire(chain, trigger)
                fired = True
        if not fired and all(node["State"] in FINAL for node in chain["Nodes"]):
            chain |= {"Open": False, "CompletedOn": time.time()}
        self._save(chain | {"Problems": 0})

    def _now(self, node: Node) -> Node:
        """What has become of a run; one whose job or crawler was deleted is in ERROR."""
        try:
            return {"State": self._state(node)}
        except AwsError as error:
            if error.code != "EntityNotFoundException":
                raise
            return {"State": "ERROR", "ErrorMessage": str(error)}

    def _fire(self, chain: dict[str, Any], trigger: dict[str, Any]) -> None:
        """Start what a trigger starts; what cannot be started is a run in ERROR."""
        chain["Fired"].append(trigger["Name"])
        self._save(chain)  # at most once, whatever happens below
        for action in trigger["Actions"]:
            node: Node = {"Trigger": trigger["Name"], "State": "RUNNING", "StartedOn": time.time()}
            try:
                node |= self._started(chain, trigger["Name"], action)
            except (AwsError, BotoCoreError) as error:
                names = {key: action[key] for key in ("JobName", "CrawlerName") if key in action}
                node |= names | {"State": "ERROR", "ErrorMessage": str(error)}
                LOGGER.warning("trigger %s: %s", trigger["Name"], error)
            chain["Nodes"].append(node)
        self._save(chain)

    def _started(self, chain: dict[str, Any], trigger: str, action: dict[str, Any]) -> Node:
        if action.get("CrawlerName"):
            self._front.forward("AWSGlue.StartCrawler", {"Name": action["CrawlerName"]})
            return {"CrawlerName": action["CrawlerName"]}
        arguments = dict(action.get("Arguments") or {})
        if chain["IsRun"]:
            about = {"--WORKFLOW_NAME": chain["Workflow"], "--WORKFLOW_RUN_ID": chain["Id"]}
            arguments |= about
        kept = ("Timeout", "SecurityConfiguration", "NotificationProperty")
        request = {key: action[key] for key in kept if action.get(key)}
        request |= {"JobName": action["JobName"], "Arguments": arguments, "TriggerName": trigger}
        run = self._front.forward("AWSGlue.StartJobRun", request)
        return {"JobName": action["JobName"], "RunId": run["JobRunId"]}

    def _state(self, node: Node) -> str:
        """The state of a run now; of a retried one, its last attempt's."""
        if "CrawlerName" in node:
            asked = {"Name": node["CrawlerName"]}
            crawler = self._front.forward("AWSGlue.GetCrawler", asked)["Crawler"]
            last = crawler.get("LastCrawl") or {}
            ended = crawler["State"] == "READY" and last.get("StartTime", 0) >= (
                int(node["StartedOn"]) - 1
            )
            return str(last.get("Status", "FAILED")) if ended else "RUNNING"
        job = {"JobName": node["JobName"]}
        runs = self._front.forward("AWSGlue.GetJobRuns", job)["JobRuns"]
        retries = {run.get("PreviousRunId"): run["Id"] for run in runs}
        while node["RunId"] in retries:
            node["RunId"] = retries[node["RunId"]]
        run = self._front.forward("AWSGlue.GetJobRun", job | {"RunId": node["RunId"]})["JobRun"]
        state = run["JobRunState"]
        return str(state) if state in FINAL else "RUNNING"

    def _save(self, chain: dict[str, Any]) -> None:
        self._store.change(CHAIN, chain["Id"], **chain)


def holds(predicate: dict[str, Any], nodes: list[Node]) -> bool:
    """Whether the runs of a chain meet a trigger's conditions."""
    verdicts = [_met(condition, nodes) for condition in predicate["Conditions"]]
    return any(verdicts) if predicate.get("Logical") == "ANY" else all(verdicts)


def _met(condition: dict[str, Any], nodes: list[Node]) -> bool:
    key = "CrawlerName" if condition.get("CrawlerName") else "JobName"
    wanted = condition.get("CrawlState") or condition.get("State")
    return any(node.get(key) == condition[key] and node["State"] == wanted for node in nodes)
