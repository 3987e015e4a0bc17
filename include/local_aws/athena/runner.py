"""Runs statements in threads and records how they went."""

import shutil
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from pathlib import Path
from typing import Any

import duckdb
from botocore.exceptions import ClientError

from include.local_aws.athena import (
    alterations,
    ddl,
    external_tables,
    insertion,
    parameters,
    partition_ddl,
    queries,
    show,
    tables_as,
    unload,
)
from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import OTHER, USER, QueryCancelled, QueryError
from include.local_aws.athena.files import split_location
from include.local_aws.athena.relations import Glue
from include.local_aws.athena.session import Outcome, Session
from include.local_aws.athena.statements import classify, refuse
from include.local_aws.athena.store import UNFINISHED, Store
from include.local_aws.front.context import AwsError, Context

WORKERS = 4
CACHED_RESULTS = 8
RUN: dict[str, Callable[[Session], Outcome]] = {
    "select": queries.select,
    "explain": queries.explain,
    "create_view": queries.create_view,
    "create_table_as": tables_as.create_table_as,
    "insert": insertion.insert,
    "create_table": external_tables.create_table,
    "create_database": ddl.create_database,
    "drop_database": ddl.drop_database,
    "drop_table": ddl.drop_table,
    "drop_view": ddl.drop_view,
    "add_partition": partition_ddl.add_partition,
    "drop_partition": partition_ddl.drop_partition,
    "repair": partition_ddl.repair,
    "show_databases": show.databases,
    "show_tables": show.tables,
    "show_views": show.views,
    "show_columns": show.columns,
    "show_partitions": show.partitions,
    "show_properties": show.table_properties,
    "show_create_table": show.create_table,
    "show_create_view": show.create_view,
    "describe": show.describe,
    "unload": unload.unload,
    "add_columns": alterations.add_columns,
    "replace_columns": alterations.replace_columns,
    "set_location": alterations.set_location,
    "set_properties": alterations.set_properties,
    "prepare": parameters.prepare,
    "deallocate": parameters.deallocate,
}
WRITERS = {"create_table_as", "insert", "unload"}


class Runner:
    """Executes what is submitted, up to four statements at a time.

    Args:
        context: surroundings.
        store: where states are kept.
        glue: calls Glue actions.
    """

    def __init__(self, context: Context, store: Store, glue: Glue) -> None:
        self._context = context
        self._store = store
        self._glue = glue
        self._pool = ThreadPoolExecutor(WORKERS, thread_name_prefix="athena")
        self._running: dict[str, Engine] = {}
        self._lock = threading.Lock()
        self._results: dict[str, str] = {}
        for execution in store.unfinished():
            self._end(execution, "FAILED", "The query engine was restarted while the query ran", {})

    def submit(self, identity: str, *, output: str, enforced: bool, cutoff: int | None) -> None:
        """Queue a stored execution, which acts for whoever submits it."""
        self._pool.submit(copy_context().run, self._run, identity, output, enforced, cutoff)

    def stop(self, identity: str) -> None:
        """Cancel an execution that is queued or running."""
        found = self._store.get(identity)
        if found:
            self._end(found[0], "CANCELLED", "Query cancelled by user", None)
        with self._lock:
            engine = self._running.get(identity)
        if engine:
            engine.interrupt()

    def shutdown(self) -> None:
        """Cancel everything; called when the front ends."""
        for execution in self._store.unfinished():
            self.stop(execution["QueryExecutionId"])
        self._pool.shutdown(wait=True, cancel_futures=True)

    def read(self, url: str) -> str:
        """Read a result file, keeping the latest few in memory for the next page."""
        with self._lock:
            if url in self._results:
                return self._results[url]
        bucket, key = split_location(url)[0], url.split("/", 3)[3]
        body = self._context.client("s3").get_object(Bucket=bucket, Key=key)["Body"]
        text = str(body.read().decode("utf-8"))
        with self._lock:
            while len(self._results) >= CACHED_RESULTS:
                self._results.pop(next(iter(self._results)))
            self._results[url] = text
        return text

    def _run(self, identity: str, output: str, enforced: bool, cutoff: int | None) -> None:
        """Run one execution from QUEUED to its end; nothing it raises is lost."""
        found = self._store.get(identity)
        if not found:
            return
        execution = found[0]
        submitted, started = execution["Status"]["SubmissionDateTime"], time.time()
        execution["Status"]["State"] = "RUNNING"
        execution["Statistics"]["QueryQueueTimeInMillis"] = int((started - submitted) * 1000)
        if not self._store.update(execution, None, ("QUEUED",)):
            return
        scratch = Path(tempfile.mkdtemp(prefix="athena-"))
        state, reason, outcome, category, retryable = "SUCCEEDED", None, None, None, False
        engine: Engine | None = None
        try:
            statement = parameters.resolved(
                classify(execution["Query"]),
                execution.get("ExecutionParameters") or [],
                self._context.forward,
                execution["WorkGroup"],
            )
            engine = Engine(self._context, scratch, 1 if statement.kind in WRITERS else 2)
            with self._lock:
                self._running[identity] = engine
            self._require_running(identity)
            session = Session(
                id=identity,
                statement=statement,
                database=execution["QueryExecutionContext"]["Database"].lower(),
                output=output,
                enforced=enforced,
                cutoff=cutoff,
                engine=engine,
                s3=self._context.client("s3"),
                glue=self._glue,
                scratch=scratch,
                work_group=execution["WorkGroup"],
                forward=self._context.forward,
            )
            if statement.kind not in RUN:
                raise refuse(statement)
            outcome = RUN[statement.kind](session)
        except QueryCancelled as error:
            state, reason = "CANCELLED", str(error)
        except duckdb.InterruptException:
            state, reason = "CANCELLED", "Query cancelled by user"
        except QueryError as error:
            state, reason, category = "FAILED", str(error), error.category
        except AwsError as error:
            state, reason, category = "FAILED", _of_the_catalog(error), USER
        except ClientError as error:
            state, category = "FAILED", USER
            reason = f"{_name_of(error)}: {error}"
        except Exception as error:  # the thread's last resort: the client must hear of it
            state, category = "FAILED", OTHER
            reason = f"GENERIC_INTERNAL_ERROR: {type(error).__name__}: {error}"
        finally:
            with self._lock:
                self._running.pop(identity, None)
            scanned = engine.bytes_scanned if engine else 0
            if engine:
                engine.close()
            shutil.rmtree(scratch, ignore_errors=True)
        ended = time.time()
        execution["Statistics"] |= {
            "DataScannedInBytes": scanned,
            "EngineExecutionTimeInMillis": int((ended - started) * 1000),
            "TotalExecutionTimeInMillis": int((ended - submitted) * 1000),
            "ServiceProcessingTimeInMillis": 0,
        }
        details: dict[str, Any] = {}
        if outcome:
            execution["ResultConfiguration"]["OutputLocation"] = outcome.location
            if outcome.manifest:
                execution["Statistics"]["DataManifestLocation"] = outcome.manifest
            details = {
                "columns": [(column.name, column.type) for column in outcome.columns],
                "header": outcome.header,
                "updated": outcome.updated,
                "rows": outcome.rows,
            }
        if category is not None:
            execution["Status"]["AthenaError"] = {
                "ErrorCategory": category,
                "ErrorType": 1000 + category,
                "Retryable": retryable,
                "ErrorMessage": reason,
            }
        self._end(execution, state, reason, details)

    def _require_running(self, identity: str) -> None:
        """Give up on an execution that was stopped before `stop` could find its engine."""
        found = self._store.get(identity)
        if found and found[0]["Status"]["State"] != "RUNNING":
            raise QueryCancelled("Query cancelled by user")

    def _end(
        self,
        execution: dict[str, Any],
        state: str,
        reason: str | None,
        details: dict[str, Any] | None,
    ) -> None:
        """Record an end, unless the execution has ended before (a stop wins over a success)."""
        execution["Status"]["State"] = state
        execution["Status"]["CompletionDateTime"] = time.time()
        if reason:
            execution["Status"]["StateChangeReason"] = reason
        self._store.update(execution, details, UNFINISHED)


def _of_the_catalog(error: AwsError) -> str:
    """Word a refusal of the catalog."""
    if error.code == "AccessDeniedException":
        return f"Insufficient permissions to execute the query. {error.message}"
    return f"HIVE_METASTORE_ERROR: {error.message}"


def _name_of(error: ClientError) -> str:
    """Name what S3 refused."""
    denied = error.response["Error"]["Code"] in ("AccessDenied", "403")
    return "PERMISSION_DENIED" if denied else "GENERIC_INTERNAL_ERROR"
