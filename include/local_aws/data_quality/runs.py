"""Evaluation runs: rulesets on a table of the catalog, each run in a process of its own."""

import json
import logging
import math
import shutil
import sys
import threading
import time
import uuid
from pathlib import Path
from typing import Any

from include.local_aws.catalog.requests import page, required
from include.local_aws.data_quality.results import Results
from include.local_aws.data_quality.rulesets import Rulesets
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import AwsError, Context, Handler
from include.local_aws.jobs import processes, workspace
from include.local_aws.jobs.run_log import RunLog

LOGGER = logging.getLogger(__name__)
KIND = "run"
ACTIVE = ("STARTING", "RUNNING", "STOPPING")
CRASHED = "the local AWS ended while this run was running"
KEPT = (
    "DataSource",
    "Role",
    "NumberOfWorkers",
    "AdditionalRunOptions",
    "RulesetNames",
    "AdditionalDataSources",
)
SHOWN = ("RunId", "Status", "StartedOn", "DataSource")
LOG_GROUP = "/aws-glue/data-quality"
POLL_SECONDS = 0.1


class EvaluationRuns:
    """The evaluation runs of the account.

    Args:
        context: Surroundings.
        store: Keeps the runs.
        rulesets: What is evaluated.
        results: Gets what comes of it.
        minute: Seconds in a minute of a run's timeout; tests have shorter ones.
    """

    def __init__(
        self,
        context: Context,
        store: Documents,
        rulesets: Rulesets,
        results: Results,
        minute: float = 60.0,
    ) -> None:
        self._context, self._store = context, store
        self._rulesets, self._results = rulesets, results
        self._minute = minute
        self._ends: dict[str, threading.Event] = {}
        self._threads: list[threading.Thread] = []
        self._closing = False
        for run in store.all(KIND):
            if run["Status"] in ACTIVE:
                self._finish(run["RunId"], "FAILED", CRASHED)

    def handlers(self) -> dict[str, Handler]:
        """The actions by their X-Amz-Target."""
        return {
            "AWSGlue.StartDataQualityRulesetEvaluationRun": self.start,
            "AWSGlue.GetDataQualityRulesetEvaluationRun": self.get,
            "AWSGlue.CancelDataQualityRulesetEvaluationRun": self.cancel,
            "AWSGlue.ListDataQualityRulesetEvaluationRuns": self.listed,
        }

    def close(self) -> None:
        """End all runs: they become FAILED."""
        self._closing = True
        for end in list(self._ends.values()):
            end.set()
        for thread in self._threads:
            thread.join(3 * processes.GRACE_SECONDS)

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """StartDataQualityRulesetEvaluationRun; the same ClientToken gives the same run.

        Raises:
            AwsError: EntityNotFoundException: a ruleset or a table is not there;
                InvalidInputException: something is missing from the request.
        """
        table = _table(required(body, "DataSource"))
        required(body, "Role")
        names = required(body, "RulesetNames")
        texts = {name: self._rulesets.get(name)["Ruleset"] for name in names}
        others = {
            alias: _table(source)
            for alias, source in (body.get("AdditionalDataSources") or {}).items()
        }
        for place in (table, *others.values()):
            asked = {"DatabaseName": place["DatabaseName"], "Name": place["TableName"]}
            self._context.forward("AWSGlue.GetTable", asked)
        run_id = f"dqrun-{uuid.uuid4().hex}"
        if token := body.get("ClientToken"):
            same = [run for run in self._store.all(KIND) if run.get("ClientToken") == token]
            if same:
                return {"RunId": same[0]["RunId"]}
        now = time.time()
        run = {key: body[key] for key in KEPT if body.get(key) is not None} | {
            "RunId": run_id,
            "Status": "STARTING",
            "StartedOn": now,
            "LastModifiedOn": now,
            "Timeout": int(body.get("Timeout") or 2880),
            "ClientToken": body.get("ClientToken"),
        }
        self._store.add(KIND, run_id, run)
        self._ends[run_id] = threading.Event()
        request = {"table": table, "sources": others, "rulesets": texts}
        thread = threading.Thread(target=self._work, args=(run, request), daemon=True)
        self._threads = [one for one in self._threads if one.is_alive()] + [thread]
        thread.start()
        return {"RunId": run_id}

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetDataQualityRulesetEvaluationRun.

        Raises:
            AwsError: EntityNotFoundException.
        """
        run = self._store.get(KIND, str(body.get("RunId")))
        if run is None:
            raise AwsError("EntityNotFoundException", f"there is no run {body.get('RunId')}")
        del run["ClientToken"]
        return run

    def cancel(self, body: dict[str, Any]) -> dict[str, Any]:
        """CancelDataQualityRulesetEvaluationRun: the run becomes STOPPED."""
        run = self.get(body)
        end = self._ends.get(run["RunId"])
        if end is None:
            raise AwsError("InvalidInputException", f"{run['RunId']} is {run['Status']}")
        self._store.change(KIND, run["RunId"], Status="STOPPING")
        end.set()
        return {}

    def listed(self, body: dict[str, Any]) -> dict[str, Any]:
        """ListDataQualityRulesetEvaluationRuns, newest first; filter: DataSource."""
        asked = {key: value for key, value in (body.get("Filter") or {}).items() if value}
        if unknown := set(asked) - {"DataSource"}:
            raise AwsError(
                "InvalidInputException", f"not supported here: the filter {sorted(unknown)[0]}"
            )
        found = [
            {key: run[key] for key in SHOWN}
            for run in reversed(self._store.all(KIND))
            if all(run.get(key) == value for key, value in asked.items())
        ]
        rows, more = page(found, body)
        return {"Runs": list(rows), **more}

    def _work(self, run: dict[str, Any], request: dict[str, Any]) -> None:
        run_id = run["RunId"]
        folder = self._context.state / "data_quality" / run_id
        try:
            status, error = self._evaluated(run, request, folder)
        except Exception as failure:
            # whatever broke here: the run did not do its work, and whoever waits must hear it
            LOGGER.exception("%s", run_id)
            status, error = "FAILED", f"{type(failure).__name__}: {failure}"
        shutil.rmtree(folder, ignore_errors=True)
        del self._ends[run_id]
        self._finish(run_id, status, error)

    def _evaluated(
        self, run: dict[str, Any], request: dict[str, Any], folder: Path
    ) -> tuple[str, str]:
        """Run the library; status of the run, and the error if there is one."""
        run_id = run["RunId"]
        for name in ("conf", "tmp", "files"):
            (folder / name).mkdir(parents=True)
        answer, asked = folder / "answer.json", folder / "request.json"
        asked.write_text(json.dumps(request | {"answer": str(answer)}), encoding="utf-8")
        environment = {
            **workspace.spark_environment(self._context, folder, run_id),
            # with the credentials of its role, where policies are enforced
            **self._context.session_environment(run["Role"], run_id),
        }
        command = (sys.executable, "-m", "awsgluedq", "evaluate", str(asked))
        file = self._context.state / "logs" / "data_quality" / f"{run_id}.log"
        with RunLog(file, run_id, self._context.client("logs"), LOG_GROUP) as log:
            process = processes.start(command, folder / "files", environment)
            try:
                log.follow(*processes.pipes(process))
                self._store.change(KIND, run_id, Status="RUNNING")
                deadline = time.monotonic() + run["Timeout"] * self._minute
                while process.poll() is None:
                    if self._ends[run_id].wait(POLL_SECONDS):
                        return ("FAILED", CRASHED) if self._closing else ("STOPPED", "")
                    if time.monotonic() > deadline:
                        return "TIMEOUT", f"the run took longer than {run['Timeout']} min"
            finally:
                processes.end(process.pid)
                code = process.wait()
            log.wait()
            if code:
                return "FAILED", log.failure(code)
        self._keep(run, json.loads(answer.read_text(encoding="utf-8")))
        return "SUCCEEDED", ""

    def _keep(self, run: dict[str, Any], found: dict[str, dict[str, Any]]) -> None:
        for name, result in found.items():
            about = {"DataSource": run["DataSource"], "RulesetName": name}
            self._results.put(result | about | {"RulesetEvaluationRunId": run["RunId"]})
        identities = [result["ResultId"] for result in found.values()]
        self._store.change(KIND, run["RunId"], ResultIds=identities)

    def _finish(self, run_id: str, status: str, error: str) -> None:
        run, now = self._store.get(KIND, run_id) or {}, time.time()
        fields = {"Status": status, "CompletedOn": now, "LastModifiedOn": now}
        fields |= {"ExecutionTime": math.ceil(now - run["StartedOn"])}
        if error:
            fields["ErrorString"] = error
        self._store.change(KIND, run_id, **fields)
        LOGGER.info("%s: %s %s", run_id, status, error)


def _table(source: dict[str, Any]) -> dict[str, Any]:
    table = source.get("GlueTable")
    if not table:
        raise AwsError("InvalidInputException", "not supported here: a DataSource but a GlueTable")
    return dict(table)
