"""Waiting for a crawl, without taking an old result for a new one."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from airflow.providers.amazon.aws.hooks.glue_crawler import GlueCrawlerHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

from retail_lake.hooks.retries import ADAPTIVE_RETRIES


def last_crawl(crawler: dict[str, Any]) -> dict[str, str]:
    """Return `state`, and `started`, `status` and `error` of the last finished crawl, as text."""
    crawl = crawler.get("LastCrawl") or {}
    started = crawl.get("StartTime")
    return {
        "state": str(crawler["State"]),
        "started": started.isoformat() if started else "",
        "status": str(crawl.get("Status", "")),
        "error": str(crawl.get("ErrorMessage", "")),
    }


def is_finished(crawl: dict[str, str], after: str | None) -> bool:
    """Say whether the crawler rests and, if `after` is given, has finished another crawl than that.

    The provider's waiter takes any READY crawler for success, also with the result of an earlier
    crawl. `after` is the start of the last crawl before ours, as told by Glue, so no clock of ours
    is compared with theirs.
    """
    return crawl["state"] == "READY" and (after is None or crawl["started"] not in ("", after))


class CrawlFinishedTrigger(BaseTrigger):
    """Fires when the crawler is READY and its last crawl is a newer one than `after`.

    Args:
        crawler_name: the crawler.
        after: start of the crawl that does not count (empty text: there was none); None waits for
            READY only.
        delay: seconds between two looks.
        attempts: looks before giving up with `status: "timeout"`.
        aws_conn_id: the Airflow connection.
    """

    def __init__(
        self,
        crawler_name: str,
        after: str | None,
        delay: float = 5,
        attempts: int = 720,
        aws_conn_id: str | None = "aws_default",
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.crawler_name = crawler_name
        self.after = after
        self.delay = delay
        self.attempts = attempts
        self.aws_conn_id = aws_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger."""
        return (
            "retail_lake.triggers.crawler.CrawlFinishedTrigger",
            {
                "crawler_name": self.crawler_name,
                "after": self.after,
                "delay": self.delay,
                "attempts": self.attempts,
                "aws_conn_id": self.aws_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event with the crawl's state, start, status and error."""
        hook: Any = GlueCrawlerHook(  # type: ignore[no-untyped-call]
            aws_conn_id=self.aws_conn_id, config=ADAPTIVE_RETRIES
        )
        async with await hook.get_async_conn() as client:
            for _ in range(self.attempts):
                answer = await client.get_crawler(Name=self.crawler_name)
                crawl = last_crawl(answer["Crawler"])
                if is_finished(crawl, self.after):
                    yield _event(crawl, "finished")
                    return
                await asyncio.sleep(self.delay)
        yield _event(crawl, "timeout")


def _event(crawl: dict[str, str], event: str) -> TriggerEvent:
    return TriggerEvent({**crawl, "event": event})  # type: ignore[no-untyped-call]
