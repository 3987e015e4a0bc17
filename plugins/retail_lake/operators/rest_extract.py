"""One REST resource to JSON Lines in S3, day by day, exact and atomic."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, ClassVar

from airflow.sdk.exceptions import AirflowException

from retail_extract.business_day import BusinessDay
from retail_extract.multipart import MultipartObject
from retail_lake.hooks import json_lines
from retail_lake.hooks.rest_pages import Page, Patience, RestPages
from retail_lake.operators.daily_extract import DailyExtractOperator

PAGE_ROWS = 500
PROGRESS_PAGES = 20


class RestApiToS3JsonLinesOperator(DailyExtractOperator):
    """Extracts the rows of each given day from a paged REST API, one JSON Lines object per day.

    The API is asked for the day's half-open interval of the business time and answers pages of
    `{"data": […], "next_cursor": …, "total": …}`, ordered by that time. Throttling, server errors,
    silence and broken answers are tried again, with growing pauses and a limit. Pages that repeat,
    move or do not add up to `total` fail the task: a day is extracted whole or not at all.

    Each line is one record with its names sorted and its numbers' digits as sent, so that the same
    rows extracted twice are the same object. What a record's values mean is silver's to judge.

    Args:
        page_rows: rows to ask for per page.
        patience: how long to wait for the API, and how often.
        **kwargs: as for every daily extract. The secret has `url` and `token`; of the contract are
            used `source.path` and the business time.
    """

    suffix: ClassVar[str] = "jsonl"
    secret_values: ClassVar[tuple[str, ...]] = ("token",)

    def __init__(
        self,
        *,
        contract: Any,
        page_rows: int = PAGE_ROWS,
        patience: Patience | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(contract=contract, **kwargs)
        self.path = contract.source.path
        self.time_field = contract.column(contract.source.business_time).source
        self.page_rows = page_rows
        self.patience = patience or Patience()

    def source(self, secret: Mapping[str, Any]) -> tuple[str, str]:
        """Return the API's address and the resource."""
        return secret["url"].rstrip("/"), self.path

    def fill(
        self, target: MultipartObject, day: BusinessDay, secret: dict[str, Any], session: str
    ) -> Mapping[str, Any]:
        """Write the lines of one day; return `rows` and `pages`."""
        api = RestPages(secret, self.path, session, self.patience)
        rows, latest = 0, day.start
        try:
            for page in api.between(day.start, day.end, self.page_rows):
                latest = self._require_order(api.name, page, day, latest)
                target.write(page.lines)
                rows += len(page.rows)
                if page.number % PROGRESS_PAGES == 0:
                    self.log.info("%s: %s of %s rows written", self.dataset, rows, page.total)
        finally:
            api.close()
        return {"rows": rows, "pages": page.number}

    def _require_order(self, name: str, page: Page, day: BusinessDay, latest: datetime) -> datetime:
        """Check the rows' times; return the last one.

        A time that cannot be read goes to bronze as it is: silver quarantines the row.
        """
        for place, row in enumerate(page.rows, 1):
            moment = _instant(row.get(self.time_field))
            if moment is None:
                continue
            where = f"{name}, page {page.number}, row {place}: {self.time_field}"
            if not day.start <= moment < day.end:
                raise AirflowException(
                    f"{where} is outside [{day.start}, {day.end}), which was asked for: the API "
                    "does not filter as agreed; tell its owner"
                )
            if moment < latest:
                raise AirflowException(
                    f"{where} is before that of an earlier row: the API repeats rows or does not "
                    "sort as agreed; clear the task, and tell its owner if it stays"
                )
            latest = moment
        return latest


def _instant(value: Any) -> datetime | None:
    if not isinstance(value, str) or isinstance(value, json_lines.Number):
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment if moment.tzinfo else None
