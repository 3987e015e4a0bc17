"""The actions of Amazon Athena that run queries."""

import base64
import hashlib
import json
import re
import time
import uuid
from typing import Any

from botocore.exceptions import ClientError

from include.local_aws.athena.files import split_location
from include.local_aws.athena.results import data_row, read_rows
from include.local_aws.athena.reuse import allowed_age, reuse
from include.local_aws.athena.runner import Runner
from include.local_aws.athena.statements import classify
from include.local_aws.athena.store import UNFINISHED, Store
from include.local_aws.athena.types import Column, result_column
from include.local_aws.athena.work_groups import ENGINE, PRIMARY, invalid, work_group
from include.local_aws.front.context import Context

MAX_QUERY_BYTES = 262_144
MAX_ROWS = 1000
MAX_PARAMETER = 1024
MAX_IDS = 50
PLACE = re.compile(r"^s3://[^/]+(/.*)?$")


class Service:
    """Handlers of the Athena actions.

    Args:
        context: surroundings.
        store: executions on disk.
        runner: executes queries.
    """

    def __init__(self, context: Context, store: Store, runner: Runner) -> None:
        self._context = context
        self._store = store
        self._runner = runner

    def start(self, request: dict[str, Any]) -> dict[str, Any]:
        """StartQueryExecution."""
        query = request.get("QueryString") or ""
        if not query.strip() or len(query.encode()) > MAX_QUERY_BYTES:
            raise invalid(f"QueryString must have 1 to {MAX_QUERY_BYTES} bytes")
        parameters = request.get("ExecutionParameters") or []
        if any(not 1 <= len(text) <= MAX_PARAMETER for text in parameters):
            raise invalid(f"ExecutionParameters must have 1 to {MAX_PARAMETER} characters each")
        token = request.get("ClientRequestToken")
        if token is not None and not 32 <= len(token) <= 128:
            raise invalid("ClientRequestToken must have 32 to 128 characters")
        name = request.get("WorkGroup") or PRIMARY
        configuration = self._work_group(name)["Configuration"]
        enforced = bool(configuration["EnforceWorkGroupConfiguration"])
        results = dict(configuration["ResultConfiguration"])
        if not enforced:
            results = {**results, **(request.get("ResultConfiguration") or {})}
        output = results.get("OutputLocation")
        if not output:
            raise invalid(
                "No output location provided. An output location is required either through the "
                "Workgroup result configuration setting or as an API input."
            )
        if not PLACE.match(output):
            raise invalid(f"outputLocation is not a valid S3 path: {output}")
        bucket = split_location(output)[0]
        try:
            self._context.client("s3").get_bucket_location(Bucket=bucket)
        except ClientError as error:
            raise invalid(f"Unable to verify/create output bucket {bucket}") from error
        place = request.get("QueryExecutionContext") or {}
        catalog = place.get("Catalog") or "AwsDataCatalog"
        if catalog.lower() != "awsdatacatalog":
            raise invalid(f"not supported here: the data catalog {catalog}")
        statement = classify(query)
        identity = str(uuid.uuid4())
        folder = output if output.endswith("/") else output + "/"
        extension = "csv" if statement.kind in {"select", "execute"} else "txt"
        execution = {
            "QueryExecutionId": identity,
            "Query": query,
            "StatementType": statement.type,
            "SubstatementType": statement.subtype,
            "ResultConfiguration": {**results, "OutputLocation": f"{folder}{identity}.{extension}"},
            "QueryExecutionContext": {
                "Database": str(place.get("Database") or "default").strip("`"),
                "Catalog": catalog.lower(),
            },
            "Status": {"State": "QUEUED", "SubmissionDateTime": time.time()},
            "Statistics": {"EngineExecutionTimeInMillis": 0, "DataScannedInBytes": 0},
            "WorkGroup": name,
            "EngineVersion": ENGINE,
        }
        if parameters:
            execution["ExecutionParameters"] = parameters
        key = [query, parameters, place, name, request.get("ResultConfiguration")]
        fingerprint = hashlib.sha256(json.dumps(key, sort_keys=True).encode()).hexdigest()
        minutes = allowed_age(request)
        details = None
        if minutes is not None:
            execution["ResultReuseConfiguration"] = request["ResultReuseConfiguration"]
            if statement.kind == "select":
                s3 = self._context.client("s3")
                details = reuse(execution, minutes, self._store, s3, fingerprint)
        try:
            known = self._store.add(execution, token, fingerprint)
        except KeyError as error:
            raise invalid("Idempotent parameters do not match") from error
        if known is not None:
            return {"QueryExecutionId": known}
        if details is not None:
            self._store.update(execution, details, ("SUCCEEDED",))
            return {"QueryExecutionId": identity}
        self._runner.submit(
            identity,
            output=folder,
            enforced=enforced,
            cutoff=configuration.get("BytesScannedCutoffPerQuery"),
        )
        return {"QueryExecutionId": identity}

    def _work_group(self, name: str) -> dict[str, Any]:
        """Give a work group that queries may run in."""
        found = work_group(self._context, name)
        if found.get("State") == "DISABLED":
            raise invalid(f"WorkGroup {name} is disabled.")
        return found

    def _find(self, request: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        identity = request.get("QueryExecutionId") or ""
        found = self._store.get(identity)
        if found is None:
            raise invalid(f"QueryExecution {identity} was not found")
        return found

    def get(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetQueryExecution."""
        return {"QueryExecution": _shown(self._find(request)[0])}

    def batch_get(self, request: dict[str, Any]) -> dict[str, Any]:
        """BatchGetQueryExecution."""
        identities = request.get("QueryExecutionIds") or []
        if not 1 <= len(identities) <= MAX_IDS:
            raise invalid(f"QueryExecutionIds must have 1 to {MAX_IDS} members")
        found, missing = [], []
        for identity in identities:
            entry = self._store.get(identity)
            if entry:
                found.append(_shown(entry[0]))
            else:
                missing.append({
                    "QueryExecutionId": identity,
                    "ErrorCode": "INVALID_INPUT",
                    "ErrorMessage": f"QueryExecution {identity} was not found",
                })  # fmt: skip
        return {"QueryExecutions": found, "UnprocessedQueryExecutionIds": missing}

    def work_group(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetWorkGroup."""
        return {"WorkGroup": work_group(self._context, request.get("WorkGroup") or PRIMARY)}

    def update_work_group(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateWorkGroup; the limit of bytes is taken off too, which MiniStack does not."""
        changes = dict(request.get("ConfigurationUpdates") or {})
        if changes.get("RemoveBytesScannedCutoffPerQuery"):
            changes["BytesScannedCutoffPerQuery"] = None
        asked = request | ({"ConfigurationUpdates": changes} if changes else {})
        return self._context.forward("AmazonAthena.UpdateWorkGroup", asked)

    def delete_work_group(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteWorkGroup: with what is in it only if that is asked for."""
        name = request.get("WorkGroup") or PRIMARY
        named = self._context.forward("AmazonAthena.ListNamedQueries", {"WorkGroup": name})
        filled = self._store.ids(name) or named.get("NamedQueryIds")
        if filled and not request.get("RecursiveDeleteOption") and name != PRIMARY:
            raise invalid(f"WorkGroup {name} is not empty")
        return self._context.forward("AmazonAthena.DeleteWorkGroup", request)

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListQueryExecutions, newest first."""
        name = request.get("WorkGroup") or PRIMARY
        self._work_group(name)
        identities = self._store.ids(name)
        start = _offset(request)
        end = start + min(int(request.get("MaxResults") or MAX_IDS), MAX_IDS)
        answer: dict[str, Any] = {"QueryExecutionIds": identities[start:end]}
        if end < len(identities):
            answer["NextToken"] = _token(end)
        return answer

    def stop(self, request: dict[str, Any]) -> dict[str, Any]:
        """StopQueryExecution; a query that ended stays as it ended."""
        execution, _ = self._find(request)
        if execution["Status"]["State"] in UNFINISHED:
            self._runner.stop(execution["QueryExecutionId"])
        return {}

    def statistics(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetQueryRuntimeStatistics, without stages."""
        execution, details = self._find(request)
        numbers = execution["Statistics"]
        timeline = {
            key: numbers.get(key, 0)
            for key in ("QueryQueueTimeInMillis", "EngineExecutionTimeInMillis",
                        "TotalExecutionTimeInMillis")
        }  # fmt: skip
        rows = {"InputBytes": numbers.get("DataScannedInBytes", 0),
                "OutputRows": details.get("rows") or details.get("updated") or 0}  # fmt: skip
        return {"QueryRuntimeStatistics": {"Timeline": timeline, "Rows": rows}}

    def results(self, request: dict[str, Any]) -> dict[str, Any]:
        """GetQueryResults: pages of up to 1,000 rows; the first row of a SELECT is its header."""
        execution, details = self._find(request)
        state = execution["Status"]["State"]
        if state != "SUCCEEDED":
            reason = execution["Status"].get("StateChangeReason", "")
            ended = (
                "did not finish successfully" if state not in UNFINISHED else "has not yet finished"
            )
            raise invalid(f"Query {ended}. Final query state: {state} {reason}".rstrip())
        columns = [Column(name, kind) for name, kind in details.get("columns", [])]
        size = int(request.get("MaxResults") or MAX_ROWS)
        if not 1 <= size <= MAX_ROWS:
            raise invalid(f"MaxResults must be from 1 to {MAX_ROWS}")
        answer: dict[str, Any] = {
            "ResultSet": {
                "Rows": [],
                "ResultSetMetadata": {"ColumnInfo": [result_column(c) for c in columns]},
            },
        }
        if details.get("updated") is not None:
            answer["UpdateCount"] = details["updated"]
        if not columns:
            return answer
        text = self._runner.read(execution["ResultConfiguration"]["OutputLocation"])
        offset = _offset(request)
        rows = answer["ResultSet"]["Rows"]
        if details.get("header"):
            for row, after in read_rows(text, offset):
                rows.append(data_row(row))
                offset = after
                if len(rows) == size:
                    break
        else:
            for line in text[offset:].splitlines(keepends=True)[:size]:
                rows.append(data_row([line.rstrip("\n")]))
                offset += len(line)
        if offset < len(text):
            answer["NextToken"] = _token(offset)
        return answer


def _shown(execution: dict[str, Any]) -> dict[str, Any]:
    """Show an execution with what every answer says about reuse of results."""
    own = {"ResultReuseInformation": {"ReusedPreviousResult": False}}
    return execution | {"Statistics": own | execution["Statistics"]}


def _token(offset: int) -> str:
    return base64.urlsafe_b64encode(str(offset).encode()).decode()


def _offset(request: dict[str, Any]) -> int:
    token = request.get("NextToken")
    if not token:
        return 0
    try:
        return int(base64.urlsafe_b64decode(token))
    except ValueError as error:
        raise invalid("NextToken is not valid") from error
