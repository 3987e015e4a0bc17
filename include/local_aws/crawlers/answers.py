"""Crawls in the shapes of Glue's answers, and the filters of ListCrawls."""

import json
import operator
import statistics
from collections.abc import Callable, Sequence
from typing import Any

from include.local_aws.crawlers.history import CANCELLED, SUCCEEDED, Record
from include.local_aws.crawlers.log import LOG_GROUP
from include.local_aws.front.context import AwsError

COMPARISONS: dict[str, Callable[[Any, Any], bool]] = {
    "GT": operator.gt,
    "GE": operator.ge,
    "LT": operator.lt,
    "LE": operator.le,
    "EQ": operator.eq,
    "NE": operator.ne,
}


def last_crawl(record: Record) -> dict[str, Any]:
    """Describe an ended crawl as GetCrawler does."""
    described = {
        "Status": record.state,
        "LogGroup": LOG_GROUP,
        "LogStream": record.crawler,
        "MessagePrefix": record.id,
        "StartTime": record.started,
    }
    return described | ({"ErrorMessage": record.error} if record.error else {})


def listed(record: Record) -> dict[str, Any]:
    """Describe a crawl as ListCrawls does."""
    states = {SUCCEEDED: "COMPLETED", CANCELLED: "STOPPED", "STOPPING": "RUNNING"}
    described: dict[str, Any] = {
        "CrawlId": record.id,
        "State": states.get(record.state, record.state),
        "StartTime": record.started,
        "Summary": json.dumps(record.changes),
        "LogGroup": LOG_GROUP,
        "LogStream": record.crawler,
        "MessagePrefix": record.id,
    }
    if record.ended is not None:
        described["EndTime"] = record.ended
    return described | ({"ErrorMessage": record.error} if record.error else {})


def metrics(name: str, records: Sequence[Record]) -> dict[str, Any]:
    """Describe a crawler's crawls (newest first) as GetCrawlerMetrics does."""
    ended = [record for record in records if not record.active]
    changes = ended[0].changes if ended else {}
    times = [record.seconds for record in ended]
    return {
        "CrawlerName": name,
        "TimeLeftSeconds": 0.0,
        "StillEstimating": bool(records and records[0].active),
        "LastRuntimeSeconds": times[0] if times else 0.0,
        "MedianRuntimeSeconds": statistics.median(times) if times else 0.0,
        "TablesCreated": changes.get("TABLE ADD", 0),
        "TablesUpdated": changes.get("TABLE UPDATE", 0),
        "TablesDeleted": changes.get("TABLE DELETE", 0),
    }


def passes(crawl: dict[str, Any], filters: Sequence[dict[str, str]]) -> bool:
    """Say whether a crawl, as listed, fulfils all CrawlsFilters.

    Times are compared as milliseconds since 1970, which is what Glue takes.

    Raises:
        AwsError: InvalidInputException for a field, an operator or a value that is none.
    """
    for one in filters:
        field, compare = one.get("FieldName"), COMPARISONS.get(one.get("FilterOperator", ""))
        if field in ("START_TIME", "END_TIME") and compare is not None:
            if not one.get("FieldValue", "").isdecimal():
                raise AwsError("InvalidInputException", f"{field}: give milliseconds since 1970")
            moment = crawl.get("StartTime" if field == "START_TIME" else "EndTime")
            if moment is None or not compare(moment * 1000, int(one["FieldValue"])):
                return False
        elif field in ("CRAWL_ID", "STATE") and one.get("FilterOperator") in ("EQ", "NE"):
            found = crawl["CrawlId" if field == "CRAWL_ID" else "State"]
            if (found == one.get("FieldValue")) != (one["FilterOperator"] == "EQ"):
                return False
        else:
            raise AwsError("InvalidInputException", f"ListCrawls: the filter {one} is not one")
    return True
