"""An analyst who asks all views for their totals in one statement, again and again."""

import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import boto3

from include.lake.contracts import load_lake

LAKE = load_lake()
NUMBERS = ("bigint", "int", "integer", "double", "decimal")
#: Between two looks of the thread, so that publishers get on beside it on a small machine.
PAUSE_SECONDS = 0.5
#: What is seen of each view, e.g. `7 transactions=40 revenue=12.50`: its rows and the sums of its
#: numbers.
Seen = Mapping[str, str]


@dataclass(frozen=True)
class Poll:
    """One look: versions of the pointer just before and after it, and what was seen."""

    before: int
    after: int
    seen: Seen


class Reader:
    """Polls every view of the analysts' database; as a context, all the time in a thread.

    Attributes:
        polls: what the thread saw.
    """

    def __init__(self, workgroup: str) -> None:
        self._glue, self._athena = boto3.client("glue"), boto3.client("athena")
        self.workgroup = workgroup
        self._statement = self._all_views()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._error: BaseException | None = None
        self.polls: list[Poll] = []

    def version(self) -> int:
        """The current version of the pointer."""
        table = self._glue.get_table(DatabaseName=LAKE.ops_database, Name="published")
        return int(table["Table"]["VersionId"])

    def releases(self) -> dict[int, str]:
        """The release by version of the pointer."""
        pages = self._glue.get_paginator("get_table_versions").paginate(
            DatabaseName=LAKE.ops_database, TableName="published"
        )
        return {
            int(one["VersionId"]): one["Table"].get("Parameters", {}).get("release", "")
            for page in pages
            for one in page["TableVersions"]
        }

    def poll(self) -> Poll:
        """Look once."""
        before = self.version()
        execution = self._athena.start_query_execution(
            QueryString=self._statement, WorkGroup=self.workgroup
        )["QueryExecutionId"]
        while True:
            found = self._athena.get_query_execution(QueryExecutionId=execution)["QueryExecution"]
            if found["Status"]["State"] not in ("QUEUED", "RUNNING"):
                break
            time.sleep(0.02)
        assert found["Status"]["State"] == "SUCCEEDED", found["Status"]
        rows = self._athena.get_query_results(QueryExecutionId=execution)["ResultSet"]["Rows"]
        cells = [[cell.get("VarCharValue", "") for cell in row["Data"]] for row in rows[1:]]
        return Poll(before, self.version(), dict(cells))

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._done.set()
        self._thread.join()
        if error is None and self._error is not None:
            raise self._error

    def _watch(self) -> None:
        try:
            while not self._done.wait(PAUSE_SECONDS):
                self.polls.append(self.poll())
        except BaseException as error:
            self._error = error

    def _all_views(self) -> str:
        pages = self._glue.get_paginator("get_tables").paginate(
            DatabaseName=LAKE.analytics_database
        )
        views: list[dict[str, Any]] = [view for page in pages for view in page["TableList"]]
        assert views
        return "\nUNION ALL\n".join(self._totals(view) for view in views)

    @staticmethod
    def _totals(view: Mapping[str, Any]) -> str:
        numbers = [
            f"'{column['Name']}=' || coalesce(CAST(sum({column['Name']}) AS varchar), 'none')"
            for column in view["StorageDescriptor"]["Columns"]
            if column["Type"].startswith(NUMBERS)
        ]
        found = " || ' ' || ".join(["CAST(count(*) AS varchar)", *numbers])
        return f"SELECT '{view['Name']}', {found} FROM {LAKE.analytics_database}.{view['Name']}"
