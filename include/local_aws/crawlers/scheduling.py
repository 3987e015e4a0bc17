"""Crawlers that start by themselves, at the minutes of their cron expressions."""

import logging
import threading
from datetime import datetime
from typing import Any

from include.local_aws import schedules
from include.local_aws.catalog.requests import required
from include.local_aws.crawlers.definition import NOT_SCHEDULED, SCHEDULED, schedule_of
from include.local_aws.crawlers.service import Crawlers
from include.local_aws.front.context import AwsError, Context, Handler

LOGGER = logging.getLogger(__name__)
TICK_SECONDS = 0.5


class Schedules:
    """The schedules of the account's crawlers, and the thread that keeps them.

    Args:
        context: MiniStack keeps a crawler's schedule in its definition.
        crawlers: what starts them.
    """

    def __init__(self, context: Context, crawlers: Crawlers) -> None:
        self._context = context
        self._crawlers = crawlers
        self._end = threading.Event()
        self._minutes = schedules.Minutes()
        self._thread = threading.Thread(target=self._keep, name="crawler schedules", daemon=True)
        self._thread.start()

    def handlers(self) -> dict[str, Handler]:
        """The handlers by action name."""
        return {
            "UpdateCrawlerSchedule": self.update,
            "StartCrawlerSchedule": lambda body: self._set(body, SCHEDULED),
            "StopCrawlerSchedule": lambda body: self._set(body, NOT_SCHEDULED),
        }

    def close(self) -> None:
        """End the thread."""
        self._end.set()
        self._thread.join(10)

    def update(self, body: dict[str, Any]) -> dict[str, Any]:
        """UpdateCrawlerSchedule: another cron expression; none takes the schedule away."""
        name = self._crawlers.definition(required(body, "CrawlerName"))["Name"]
        text = body.get("Schedule") or ""
        if text:
            schedules.parse(text)
        self._save(name, {"ScheduleExpression": text, "State": SCHEDULED} if text else {})
        return {}

    def _set(self, body: dict[str, Any], state: str) -> dict[str, Any]:
        """StartCrawlerSchedule and StopCrawlerSchedule.

        Raises:
            AwsError: NoScheduleException; SchedulerRunningException, SchedulerNotRunningException:
                it is so already.
        """
        crawler = self._crawlers.definition(required(body, "CrawlerName"))
        found = schedule_of(crawler)
        if not found:
            raise AwsError("NoScheduleException", f"Crawler {crawler['Name']} has no schedule")
        if found["State"] == state:
            code = f"Scheduler{'' if state == SCHEDULED else 'Not'}RunningException"
            raise AwsError(code, f"the schedule of crawler {crawler['Name']} is {state} already")
        self._save(crawler["Name"], found | {"State": state})
        return {}

    def _save(self, name: str, schedule: dict[str, str]) -> None:
        self._context.forward("AWSGlue.UpdateCrawler", {"Name": name, "Schedule": schedule})

    def _keep(self) -> None:
        while not self._end.wait(TICK_SECONDS):
            minute = self._minutes.begun()
            if minute is None:
                continue
            try:
                crawlers = self._crawlers.definitions()
            except Exception:  # the thread goes on: the next minute has its own crawlers
                LOGGER.exception("no crawler was started at %s", minute)
                continue
            for crawler in crawlers:
                self._start_if_due(crawler, minute)

    def _start_if_due(self, crawler: dict[str, Any], minute: datetime) -> None:
        """Start a crawler; a failure of one leaves the others alone."""
        schedule = schedule_of(crawler)
        if schedule.get("State") != SCHEDULED:
            return
        try:
            if schedules.parse(schedule["ScheduleExpression"]).due(minute):
                self._crawlers.start({"Name": crawler["Name"]})
        except AwsError as error:  # it runs still, or CloudFormation gave it no schedule of ours
            LOGGER.warning("crawler %s was due at %s: %s", crawler["Name"], minute, error)
        except Exception:
            LOGGER.exception("crawler %s was due at %s", crawler["Name"], minute)
