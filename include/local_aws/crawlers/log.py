"""The log of a crawl in CloudWatch Logs, where Glue's crawlers write theirs."""

import time
from typing import Any

from include.local_aws.front.context import Context

LOG_GROUP = "/aws-glue/crawlers"


class CrawlLog:
    """The log of one crawl in CloudWatch Logs, in the stream of its crawler.

    Args:
        context: MiniStack.
        crawler: the crawler's name.
        crawl: the crawl's id, put before every line as Glue does.
    """

    def __init__(self, context: Context, crawler: str, crawl: str) -> None:
        self._logs = context.client("logs")
        self._crawler = crawler
        self._crawl = crawl
        self._ready = False

    def write(self, level: str, line: str) -> None:
        """Append a line."""
        if not self._ready:
            self._make(self._logs.create_log_group, logGroupName=LOG_GROUP)
            self._make(
                self._logs.create_log_stream, logGroupName=LOG_GROUP, logStreamName=self._crawler
            )
            self._ready = True
        message = f"[{self._crawl}] {level} : {line}"
        self._logs.put_log_events(
            logGroupName=LOG_GROUP,
            logStreamName=self._crawler,
            logEvents=[{"timestamp": int(time.time() * 1000), "message": message}],
        )

    def _make(self, create: Any, **names: str) -> None:
        """Create a group or stream unless it exists."""
        try:
            create(**names)
        except self._logs.exceptions.ResourceAlreadyExistsException:
            return
