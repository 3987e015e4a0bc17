"""The crawlers' actions: start, stop, and what is told about crawlers and their crawls."""

import logging
import threading
from collections import Counter
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from include.local_aws import schedules
from include.local_aws.catalog.requests import page, required
from include.local_aws.crawlers.answers import last_crawl, listed, metrics, passes
from include.local_aws.crawlers.crawl import Crawl, StoppedError
from include.local_aws.crawlers.definition import check, read, schedule_of
from include.local_aws.crawlers.history import CANCELLED, FAILED, SUCCEEDED, History
from include.local_aws.crawlers.listing import CrawlError
from include.local_aws.crawlers.log import CrawlLog
from include.local_aws.front.context import AwsError, Context
from include.local_aws.front.identity import IdentityError

log = logging.getLogger(__name__)

INTERRUPTED = "the local AWS ended while the crawl was running: start the crawler again"
EXPECTED = (CrawlError, AwsError, ClientError, BotoCoreError, IdentityError)
"""What fails a crawl because of what it met, not because of a mistake of ours."""


class Crawlers:
    """Handlers: each takes the request body of a Glue action and gives its answer.

    Crawls that a crash left running are failed with a reason.
    """

    def __init__(self, context: Context) -> None:
        self._context = context
        self._history = History(context.state / "crawlers.sqlite")
        self._history.fail_interrupted(INTERRUPTED)
        self._stops: dict[str, threading.Event] = {}
        self._lock = threading.Lock()

    def start(self, body: dict[str, Any]) -> dict[str, Any]:
        """StartCrawler: crawl in the background."""
        crawler = self.definition(required(body, "Name"))
        name = crawler["Name"]
        with self._lock:
            crawl = self._history.start(name)
            if crawl is None:
                raise AwsError("CrawlerRunningException", f"Crawler {name} is already running")
            stop = self._stops[name] = threading.Event()
        threading.Thread(
            target=self._run, args=(crawler, crawl, stop), name=f"crawl {name}", daemon=True
        ).start()
        return {}

    def _run(self, crawler: dict[str, Any], crawl: str, stop: threading.Event) -> None:
        """Crawl, and write down how it ended whatever happens."""
        lines = CrawlLog(self._context, crawler["Name"], crawl)
        state, error, changes = FAILED, "", Counter[str]()
        try:
            lines.write("BENCHMARK", f"Running Start Crawl for Crawler {crawler['Name']}")
            with self._context.in_role(crawler["Role"], "AWS-Crawler"):
                changes = Crawl(
                    self._context,
                    read(crawler),
                    lambda line: lines.write("INFO", line),
                    stop.is_set,
                ).run()
            lines.write("BENCHMARK", f"Crawler has finished running: {dict(changes)}")
            state = SUCCEEDED
        except StoppedError:
            state, error = CANCELLED, "the crawl was stopped"
            lines.write("INFO", error)
        except EXPECTED as problem:
            error = str(problem)
            log.warning("crawler %s failed: %s", crawler["Name"], error)
            lines.write("ERROR", error)
        except Exception as problem:
            error = f"{type(problem).__name__}: {problem}"
            log.exception("crawler %s failed", crawler["Name"])
            lines.write("ERROR", error)
        finally:
            self._history.finish(crawl, state, error, changes)

    def stop(self, body: dict[str, Any]) -> dict[str, Any]:
        """StopCrawler: the crawl ends as soon as it can, CANCELLED."""
        name = self.definition(required(body, "Name"))["Name"]
        with self._lock:
            if not self._history.stop(name):
                latest = self._history.of(name)[:1]
                if latest and latest[0].active:
                    raise AwsError(
                        "CrawlerStoppingException", f"Crawler {name} is stopping already"
                    )
                raise AwsError("CrawlerNotRunningException", f"Crawler {name} is not running")
            self._stops[name].set()
        return {}

    def definition(self, name: str) -> dict[str, Any]:
        """Give a crawler as MiniStack keeps it."""
        crawler: dict[str, Any] = self._context.forward("AWSGlue.GetCrawler", {"Name": name})[
            "Crawler"
        ]
        return crawler

    def _described(self, crawler: dict[str, Any]) -> dict[str, Any]:
        """Give a crawler with its state and its last crawl as they are here."""
        records = self._history.of(crawler["Name"])
        active = [record for record in records if record.active]
        ended = [record for record in records if not record.active]
        described = {key: value for key, value in crawler.items() if value is not None}
        described["Schedule"] = schedule_of(crawler)
        described["State"] = active[0].state if active else "READY"
        described["CrawlElapsedTime"] = int(active[0].seconds * 1000) if active else 0
        if ended:
            described["LastCrawl"] = last_crawl(ended[0])
        return described

    def get(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetCrawler."""
        return {"Crawler": self._described(self.definition(required(body, "Name")))}

    def definitions(self) -> list[dict[str, Any]]:
        """Give all crawlers by name, as MiniStack keeps them."""
        crawlers = self._context.forward("AWSGlue.GetCrawlers", {})["Crawlers"]
        return sorted(crawlers, key=lambda crawler: str(crawler["Name"]))

    def get_all(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetCrawlers."""
        rows, token = page(self.definitions(), body)
        return {"Crawlers": [self._described(crawler) for crawler in rows], **token}

    def get_many(self, body: dict[str, Any]) -> dict[str, Any]:
        """BatchGetCrawlers."""
        crawlers = {crawler["Name"]: crawler for crawler in self.definitions()}
        names = required(body, "CrawlerNames")
        return {
            "Crawlers": [self._described(crawlers[name]) for name in names if name in crawlers],
            "CrawlersNotFound": [name for name in names if name not in crawlers],
        }

    def names(self, body: dict[str, Any]) -> dict[str, Any]:
        """ListCrawlers."""
        names = [crawler["Name"] for crawler in self.definitions()]
        if wanted := body.get("Tags"):
            names = [name for name in names if wanted.items() <= self._tags(name).items()]
        rows, token = page(names, body)
        return {"CrawlerNames": list(rows), **token}

    def crawls(self, body: dict[str, Any]) -> dict[str, Any]:
        """ListCrawls, newest first."""
        name = self.definition(required(body, "CrawlerName"))["Name"]
        crawls = [listed(record) for record in self._history.of(name)]
        filters = body.get("Filters") or []
        rows, token = page([crawl for crawl in crawls if passes(crawl, filters)], body)
        return {"Crawls": list(rows), **token}

    def metrics(self, body: dict[str, Any]) -> dict[str, Any]:
        """GetCrawlerMetrics: run times, and the changes of the last crawl."""
        wanted = body.get("CrawlerNameList")
        names = [crawler["Name"] for crawler in self.definitions()]
        rows, token = page([n for n in names if not wanted or n in wanted], body)
        return {
            "CrawlerMetricsList": [metrics(name, self._history.of(name)) for name in rows],
            **token,
        }

    def create(self, body: dict[str, Any]) -> dict[str, Any]:
        """CreateCrawler, whose settings do not contradict each other."""
        _refuse_wrong(body | {"Name": required(body, "Name")})
        answer = self._context.forward("AWSGlue.CreateCrawler", body)
        if tags := body.get("Tags"):
            request = {"ResourceArn": self._arn(body["Name"]), "TagsToAdd": tags}
            self._context.forward("AWSGlue.TagResource", request)
        return answer

    def _arn(self, name: str) -> str:
        return f"arn:aws:glue:{self._context.region}:{self._context.account}:crawler/{name}"

    def _tags(self, name: str) -> dict[str, str]:
        answer = self._context.forward("AWSGlue.GetTags", {"ResourceArn": self._arn(name)})
        return dict(answer["Tags"])

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateCrawler, not while it runs."""
        name = required(body, "Name")
        self._refuse_while_running(name)
        _refuse_wrong(self.definition(name) | body)
        return self._context.forward("AWSGlue.UpdateCrawler", body)

    def delete(self, body: dict[str, Any]) -> dict[str, Any]:
        """DeleteCrawler and its history, not while it runs."""
        name = required(body, "Name")
        self._refuse_while_running(name)
        answer = self._context.forward("AWSGlue.DeleteCrawler", body)
        self._history.forget(name)
        return answer

    def _refuse_while_running(self, name: str) -> None:
        if any(record.active for record in self._history.of(name)):
            raise AwsError("CrawlerRunningException", f"Crawler {name} is running: stop it first")


def _refuse_wrong(crawler: dict[str, Any]) -> None:
    """Refuse a definition that Glue refuses."""
    if crawler.get("Schedule") and isinstance(crawler["Schedule"], str):
        schedules.parse(crawler["Schedule"])
    try:
        check(crawler)
    except CrawlError as error:
        raise AwsError("InvalidInputException", str(error)) from error
