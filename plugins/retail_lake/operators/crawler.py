"""Crawl after the last write, and believe only that crawl."""

import time
from datetime import timedelta
from typing import Any, NoReturn

from airflow.providers.amazon.aws.operators.glue_crawler import GlueCrawlerOperator
from airflow.sdk.exceptions import AirflowException
from botocore.exceptions import ClientError

from retail_lake.defaults import GLUE_POOL
from retail_lake.hooks.errors import error_code
from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.hooks.run_costs import RunCosts
from retail_lake.refusals import FinalRefusals
from retail_lake.triggers.crawler import CrawlFinishedTrigger, is_finished, last_crawl


class ReleaseCrawlerOperator(FinalRefusals, GlueCrawlerOperator):
    """Starts a crawl of its own and succeeds only if that crawl succeeded.

    House defaults over the provider's operator, and why:

    - Names only: infrastructure owns the crawler, so nothing is created or updated here.
    - The pool `glue` has one slot, which a deferred task keeps: our runs never share a crawler.
    - A crawl that is already running may have listed S3 before our last file landed: wait for its
      end, then start our own.
    - Success is a LastCrawl that started after our start was accepted and is SUCCEEDED; a READY
      crawler with an older result is not.
    - A short crawl is waited for in the worker (`patience`), which saves two process starts.

    Args:
        crawler: the crawler's name.
        poll_interval: seconds between two looks.
        patience: how long to wait in the worker before deferring.
        crawl_timeout: longest wait for one crawl.
        costs: the book that our crawls are written into, if there is one.
    """

    def __init__(
        self,
        *,
        crawler: str,
        poll_interval: int = 5,
        patience: timedelta = timedelta(seconds=10),
        crawl_timeout: timedelta = timedelta(hours=1),
        costs: RunCosts | None = None,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        kwargs.setdefault("deferrable", True)
        kwargs.setdefault("pool", GLUE_POOL)
        super().__init__(config={"Name": crawler}, poll_interval=poll_interval, **kwargs)
        self.patience = patience
        self.crawl_timeout = crawl_timeout
        self.costs = costs

    def execute(self, context: Any) -> Any:
        """Start a crawl, or wait for the running one first.

        Returns:
            `started` and `status` of our crawl.
        """
        crawl = self._crawl()
        if crawl["state"] != "READY":
            self.log.info("%s is %s: waiting for that crawl to end", self._name, crawl["state"])
            self._wait(context, None, "start_after_other", {})
        return self._start(context)

    def start_after_other(self, context: Any, event: dict[str, str]) -> Any:
        """Start our crawl now that the other one has ended, however it ended."""
        if event["event"] == "timeout":
            raise AirflowException(
                f"crawler {self._name} is still {event['state']} with a crawl of somebody else "
                f"after {self.crawl_timeout}"
            )
        return self._start(context)

    def execute_complete(
        self, context: Any, event: dict[str, Any] | None = None, after: str = ""
    ) -> Any:
        """Require that our own crawl succeeded; return its start and status."""
        crawl = event or {"event": "timeout", "state": "unknown"}
        if crawl["event"] == "timeout":
            raise AirflowException(
                f"crawler {self._name} has not finished our crawl in {self.crawl_timeout}; it is "
                f"{crawl['state']}"
            )
        if self.costs:
            self.costs.crawled(context["ti"], self._history())
        if crawl["status"] != "SUCCEEDED":
            raise AirflowException(
                f"crawl of {self._name} started at {crawl['started']} ended {crawl['status']}: "
                f"{crawl['error'] or 'no message; see log group /aws-glue/crawlers'}"
            )
        self.log.info("Crawl of %s started at %s succeeded", self._name, crawl["started"])
        return {"started": crawl["started"], "status": crawl["status"]}

    @property
    def _name(self) -> str:
        return str(self.config["Name"])

    def _crawl(self) -> dict[str, str]:
        return last_crawl(self.hook.glue_client.get_crawler(Name=self._name)["Crawler"])

    def _history(self) -> dict[str, Any]:
        """Return our crawl, which is the last one, as ListCrawls does, or what is known of it."""
        glue = self.hook.glue_client
        last = glue.get_crawler(Name=self._name)["Crawler"]["LastCrawl"]
        crawls = glue.list_crawls(CrawlerName=self._name, MaxResults=20)["Crawls"]
        found = [crawl for crawl in crawls if crawl["MessagePrefix"] == last["MessagePrefix"]]
        return found[0] if found else {"CrawlId": last["MessagePrefix"], "State": last["Status"]}

    def _start(self, context: Any) -> Any:
        before = self._crawl()["started"]
        try:
            self.hook.start_crawler(self._name)
        except ClientError as error:
            if error_code(error) != "CrawlerRunningException":
                raise
            self.log.info("%s was started by somebody else meanwhile", self._name)
            self._wait(context, None, "start_after_other", {})
        deadline = time.monotonic() + self.patience.total_seconds()
        while True:
            crawl = self._crawl()
            if is_finished(crawl, before):
                return self.execute_complete(context, {**crawl, "event": "finished"})
            if time.monotonic() >= deadline:
                break
            time.sleep(min(1, self.poll_interval))
        self._wait(context, before, "execute_complete", {"after": before})

    def _wait(
        self, context: Any, after: str | None, method: str, kwargs: dict[str, str]
    ) -> NoReturn:
        self.defer(
            trigger=CrawlFinishedTrigger(
                self._name,
                after,
                delay=self.poll_interval,
                attempts=int(self.crawl_timeout.total_seconds() // self.poll_interval),
                aws_conn_id=self.aws_conn_id,
            ),
            method_name=method,
            kwargs=kwargs,
            timeout=self.crawl_timeout + timedelta(minutes=5),
        )
