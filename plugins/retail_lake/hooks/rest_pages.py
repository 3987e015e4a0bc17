"""The pages of a REST resource, each answer checked before anybody uses it."""

import hashlib
import logging
import random
import re
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_lake.hooks import json_lines

if TYPE_CHECKING:
    import requests

log = logging.getLogger(__name__)

LARGEST_PAGE = 64 * 1024 * 1024  # bytes, after decompression
CHUNK_BYTES = 1 << 16
LOOPBACK = ("127.0.0.1", "::1", "localhost")
# answers that no repetition changes, and what to do about them
MOVED = "it moved, and our token stays here: put the new url into the secret"
FINAL = {
    **dict.fromkeys((301, 302, 303, 307, 308), MOVED),
    400: "it refuses our parameters: has its interface changed?",
    401: "renew the token in the secret",
    403: "let the token's owner read this resource",
    404: "put the right url into the secret, or the right path into the contract",
    410: "put the right url into the secret, or the right path into the contract",
}


@dataclass(frozen=True)
class Patience:
    """How long to wait, and how often; times in seconds.

    Attributes:
        attempts: to get one page.
        first_pause: before the second attempt; doubled before each further one, with jitter.
        longest_pause: of any pause, also of one that the server asks for by Retry-After.
        connect_seconds: for a connection.
        silence_seconds: without a byte of an answer.
        page_seconds: for a whole answer, so that one that trickles ends too.
        pages: of one day; more is a loop.
    """

    attempts: int = 6
    first_pause: float = 1.0
    longest_pause: float = 120.0
    connect_seconds: float = 10.0
    silence_seconds: float = 30.0
    page_seconds: float = 120.0
    pages: int = 20_000

    def pause(self, attempt: int, asked: float | None) -> float:
        """Return the seconds to wait after a failed attempt (1-based).

        The jitter keeps those who were refused together from coming back together.
        """
        if asked is not None:
            return min(max(asked, 0.0), self.longest_pause)
        longest = min(self.first_pause * 2.0 ** (attempt - 1), self.longest_pause)
        return longest * random.uniform(0.5, 1.0)


@dataclass(frozen=True)
class Page:
    """One answer.

    Attributes:
        number: from 1.
        rows: the records, parsed by `json_lines`.
        lines: the same as JSON Lines.
        cursor: of the next page; None after the last.
        total: rows of the whole interval.
    """

    number: int
    rows: list[dict[str, Any]]
    lines: bytes
    cursor: str | None
    total: int


class _Unusable(Exception):
    """An answer that another attempt may better; `after` is what Retry-After says."""

    def __init__(self, reason: str, after: float | None = None) -> None:
        super().__init__(reason)
        self.after = after


class RestPages:
    """Reads `GET {url}{path}?from=…&to=…&limit=…[&cursor=…]` with a bearer token, page by page.

    Errors name the page and say what to do; they quote neither the token nor any row.

    Args:
        secret: `url` and `token`.
        path: of the resource, e.g. `/v1/sales`.
        session: names us in the User-Agent.
        patience: the limits.
    """

    def __init__(
        self, secret: Mapping[str, Any], path: str, session: str, patience: Patience
    ) -> None:
        import requests

        missing = [name for name in ("url", "token") if not secret.get(name)]
        if missing:
            raise AirflowFailException(f"the API's secret has no {', '.join(missing)}: add it")
        address = urlsplit(str(secret["url"]))
        if address.scheme != "https" and address.hostname not in LOOPBACK:
            raise AirflowFailException(
                f"the API's url has scheme {address.scheme!r}: a token travels by https only"
            )
        self.resource = str(secret["url"]).rstrip("/") + path
        self.name = f"{address.hostname}{path}"
        self.patience = patience
        self.http = requests.Session()
        self.http.auth = _bearer(str(secret["token"]))  # else a .netrc could replace the header
        self.http.headers["Accept"] = "application/json"
        self.http.headers["User-Agent"] = f"retail-lake {session}"

    def close(self) -> None:
        """Close the connections."""
        self.http.close()

    def between(self, start: datetime, end: datetime, limit: int) -> Iterator[Page]:
        """Yield the pages of the half-open interval, in order, until there is no next one.

        Raises:
            AirflowException: a page could not be had, or the pages do not fit together.
        """
        span = {"from": _instant(start), "to": _instant(end), "limit": str(limit)}
        cursor: str | None = None
        cursors: set[str] = set()
        contents: set[bytes] = set()
        before: frozenset[bytes] = frozenset()
        received, total = 0, None
        for number in range(1, self.patience.pages + 1):
            page = self._page(number, span if cursor is None else {**span, "cursor": cursor})
            if total not in (None, page.total):
                raise self._wrong(
                    number, f"total went from {total} to {page.total}: its rows move; clear later"
                )
            total = page.total
            content = hashlib.sha256(page.lines).digest()
            lines = frozenset(page.lines.splitlines())
            if page.rows and content in contents:
                raise self._wrong(number, "it repeats the rows of an earlier page; tell its owner")
            if not before.isdisjoint(lines):  # rows came in, and moved the pages under us
                raise self._wrong(number, "it repeats a row of the page before; clear the task")
            contents.add(content)
            before = lines
            received += len(page.rows)
            yield page
            if page.cursor is None:
                break
            if page.cursor in cursors:
                raise self._wrong(number, "its next_cursor leads back to an earlier page")
            cursors.add(page.cursor)
            cursor = page.cursor
        else:
            raise self._wrong(number, f"there is still a next page: raise the cap of {number}")
        if received != total:
            raise self._wrong(
                number, f"it is the last page, but total is {total} and {received} rows came"
            )

    def _wrong(self, number: int, what: str) -> AirflowException:
        return AirflowException(f"{self.name}, page {number}: {what}")

    def _page(self, number: int, parameters: Mapping[str, str]) -> Page:
        for attempt in range(1, self.patience.attempts + 1):
            try:
                return self._attempt(number, parameters)
            except _Unusable as error:
                failed = error
            if attempt < self.patience.attempts:
                pause = self.patience.pause(attempt, failed.after)
                what = f"{failed}; attempt {attempt + 1} in {pause:.1f} s"
                log.warning("%s, page %s: %s", self.name, number, what)
                time.sleep(pause)
        raise self._wrong(
            number,
            f"{failed}, {self.patience.attempts} times. Nothing was kept of this day: clear the "
            "task when the API is well again",
        )

    def _attempt(self, number: int, parameters: Mapping[str, str]) -> Page:
        import requests
        import urllib3

        deadline = time.monotonic() + self.patience.page_seconds
        try:
            with self.http.get(
                self.resource,
                params=dict(parameters),
                timeout=(self.patience.connect_seconds, self.patience.silence_seconds),
                allow_redirects=False,  # the token is for this address
                stream=True,
            ) as answer:
                self._require_ok(number, answer)
                body = self._body(number, answer, deadline)
        except (requests.Timeout, urllib3.exceptions.TimeoutError):
            raise _Unusable("no answer in time") from None
        except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
            # its text would quote the address with the cursor
            raise _Unusable(f"the connection failed ({type(error).__name__})") from None
        return self._read(number, body)

    def _require_ok(self, number: int, answer: "requests.Response") -> None:
        status = answer.status_code
        if status == 429 or status == 408 or status >= 500:
            raise _Unusable(f"status {status}", _retry_after(answer.headers.get("Retry-After")))
        if status != 200:
            advice = FINAL.get(status, "ask its owner what that means")
            text = f"{self.name}, page {number}: status {status}: {advice}"
            raise AirflowFailException(text)
        kind = answer.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        if not re.fullmatch(r"application/([\w.-]+\+)?json", kind):
            raise _Unusable(f"status 200 with {kind or 'no content type'} instead of JSON")

    def _body(self, number: int, answer: "requests.Response", deadline: float) -> bytes:
        body = bytearray()
        while chunk := answer.raw.read1(CHUNK_BYTES, decode_content=True):
            body += chunk
            if len(body) > LARGEST_PAGE:
                text = f"it has more than {LARGEST_PAGE:,} bytes: ask for fewer rows a page"
                raise self._wrong(number, text)
            if time.monotonic() > deadline:
                raise _Unusable(f"not complete after {self.patience.page_seconds:.0f} s")
        return bytes(body)

    def _read(self, number: int, body: bytes) -> Page:
        try:
            document = json_lines.parse(body.decode("utf-8-sig"))
        except UnicodeDecodeError:
            raise _Unusable("the answer is not UTF-8") from None
        except ValueError as error:
            raise _Unusable(f"the answer is not whole JSON: {error}") from None
        keys = ("data", "next_cursor", "total")
        missing = [key for key in keys if not isinstance(document, dict) or key not in document]
        if missing:
            raise self._wrong(number, f"the answer has no {', '.join(missing)}; tell its owner")
        rows, cursor, total = (document[key] for key in keys)
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise self._wrong(number, "data is not a list of objects; tell its owner")
        if cursor is not None and (
            not isinstance(cursor, str) or isinstance(cursor, json_lines.Number) or not cursor
        ):
            raise self._wrong(number, "next_cursor is neither a text nor null; tell its owner")
        if not isinstance(total, json_lines.Number) or not re.fullmatch(r"\d{1,18}", total):
            raise self._wrong(number, "total is not a count; tell its owner")
        lines = b"".join(map(json_lines.line, rows))
        return Page(number, rows, lines, cursor, int(total))


def _bearer(token: str) -> Any:
    def authorize(request: Any) -> Any:
        request.headers["Authorization"] = f"Bearer {token}"
        return request

    return authorize


def _instant(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _retry_after(header: str | None) -> float | None:
    """Return the seconds of a Retry-After header, which may be a number or an HTTP date."""
    if header is None:
        return None
    if re.fullmatch(r"\s*\d{1,9}\s*", header):
        return float(header)
    try:
        moment = parsedate_to_datetime(header)
    except ValueError:
        return None
    if moment.tzinfo is None:  # "-0000": an HTTP date is in UTC
        moment = moment.replace(tzinfo=UTC)
    return (moment - datetime.now(UTC)).total_seconds()
