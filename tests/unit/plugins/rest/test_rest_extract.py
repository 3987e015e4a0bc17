"""The REST extract against a real API and a real S3: exact, whole, repeatable, and silent."""

import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_extract import multipart
from retail_lake.operators import daily_extract
from tests.unit.plugins.rest.conftest import DAY, QUICK, TOKEN, Api, sale

FOLDER = f"bronze/marketplace_sales/ingest_date={DAY}/"
# page 2 of three, for whatever the API then says
TRANSIENT = {
    "429": "status 429",
    "500": "status 500",
    "503": "status 503",
    "timeout": "no answer in time",
    "slow": "not complete after 1 s",
    "reset": r"the connection failed \(\w+\)",
    "cut": r"the connection failed \(ProtocolError\)",
    "truncated": "the answer is not whole JSON: .* at character",
    "html": "status 200 with text/html instead of JSON",
    "text": "status 200 with text/plain instead of JSON",
    "not_a_number": "the answer is not whole JSON: NaN is no JSON number",
}
WRONG = {
    "repeated_page": "it repeats the rows of an earlier page",
    "overlap": "it repeats a row of the page before",
    "unsorted": "row 5: sold_at is before that of an earlier row",
    "repeated_cursor": "its next_cursor leads back to an earlier page",
    "wrong_total": "total went from 12 to 13: its rows move",
    "missing_key": "the answer has no next_cursor",
    "outside": r"row 1: sold_at is outside \[2025-03-30 00:00:00\+00:00, .*does not filter",
}
NOON = datetime(2025, 3, 30, 12, tzinfo=UTC)


def canonical(count: int) -> bytes:
    """Return what the extract of `sell_many(count)` must be, made another way."""
    records = [json.loads(sale(n, NOON + timedelta(minutes=n))) for n in range(count)]
    lines = [json.dumps(each, sort_keys=True, separators=(",", ":")) for each in records]
    return "".join(f"{line}\n" for line in lines).encode()


@pytest.fixture
def stored(aws: Callable[[str], Any], bucket: str) -> Callable[[], dict[str, bytes]]:
    """Return what is in the bucket, by key; a multipart upload that is open is an error."""

    def read() -> dict[str, bytes]:
        s3 = aws("s3")
        assert not s3.list_multipart_uploads(Bucket=bucket).get("Uploads")
        keys = [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
        return {key: s3.get_object(Bucket=bucket, Key=key)["Body"].read() for key in keys}

    return read


def numbers(content: bytes) -> list[int]:
    """Return the sale numbers of the lines."""
    return [int(json.loads(line)["sale_id"][1:]) for line in content.splitlines()]


def test_a_day_is_one_object_and_its_manifest(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    """Rows of three pages in order; the manifest says what there is, and was written last."""
    api.sell_many(12)
    (facts,) = make().execute(context)
    found = stored()
    sha16 = facts["sha256"][:16]
    assert set(found) == {f"{FOLDER}{sha16}.jsonl", f"{FOLDER}_manifest-{sha16}.json"}
    content = found[facts["file"]]
    assert content == canonical(12)
    manifest = json.loads(found[f"{FOLDER}_manifest-{sha16}.json"])
    assert datetime.fromisoformat(manifest.pop("extracted_at")).tzinfo
    assert manifest == {
        "file": f"{sha16}.jsonl",
        "rows": 12,
        "bytes": len(content),
        "sha256": facts["sha256"],
        "pages": 3,
        "from": "2025-03-30T00:00:00+00:00",
        "to": "2025-03-30T23:00:00+00:00",
    }
    assert facts["day"] == str(DAY)
    assert api.asked == [(1, 200, None), (2, 200, None), (3, 200, None)]


def test_values_are_exact(api: Api, make: Any, context: Any, stored: Any) -> None:
    """Digits, unicode, nesting and nulls survive; names are sorted and spaces gone."""
    record = (
        '{"sold_at": "2025-03-30T12:00:00Z", "sale_id": "é\\u0000\\n\\"", "price": 12.50, '
        '"huge": 1e400, "long": 123456789012345678901234567890.10, "minus": -0.0, "zero": -0, '
        '"tags": [1, "two", {"b": true, "a": null}], "lone": "\\ud800", "name": "ﬁve 🫖"}'
    )
    api.sell(record)
    (facts,) = make().execute(context)
    assert stored()[facts["file"]].decode() == (
        '{"huge":1e400,"lone":"\\ud800","long":123456789012345678901234567890.10,"minus":-0.0,'
        '"name":"ﬁve 🫖","price":12.50,"sale_id":"é\\u0000\\n\\"",'
        '"sold_at":"2025-03-30T12:00:00Z","tags":[1,"two",{"a":null,"b":true}],"zero":-0}\n'
    )


def test_a_day_is_half_open_in_the_lake_zone(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    """30 March 2025 in London is [00:00 UTC, 23:00 UTC): the clocks go forward."""
    day = datetime(2025, 3, 30, tzinfo=UTC)
    tick = timedelta(microseconds=1)
    end = day + timedelta(hours=23)
    api.sell(*(sale(n, at) for n, at in enumerate((day - tick, day, end - tick, end))))
    (facts,) = make().execute(context)
    assert numbers(stored()[facts["file"]]) == [1, 2]


def test_a_day_without_sales_is_valid(api: Api, make: Any, context: Any, stored: Any) -> None:
    """No rows give an empty file with its manifest."""
    (facts,) = make().execute(context)
    assert (facts["rows"], facts["bytes"], stored()[facts["file"]]) == (0, 0, b"")
    assert api.asked == [(1, 200, None)]


def test_the_same_sales_are_the_same_object(api: Api, make: Any, context: Any, stored: Any) -> None:
    """Neither the size of the pages nor the order of names and rows in the source matters."""
    api.sell(*(sale(n, NOON + timedelta(minutes=n), price=1) for n in range(12)))
    first = make().execute(context)
    before = stored()
    records = [json.loads(sale(n, NOON + timedelta(minutes=n), price=1)) for n in range(12)]
    turned = [json.dumps(dict(reversed(record.items()))) for record in reversed(records)]
    api.sell(*turned)
    context["ti"].try_number = 2
    assert make(page_rows=7).execute(context) == first
    assert stored().keys() == before.keys()
    assert stored()[first[0]["file"]] == before[first[0]["file"]]


@pytest.mark.parametrize("kind", TRANSIENT)
def test_what_passes_is_tried_again(
    api: Api, make: Any, context: Any, stored: Any, kind: str
) -> None:
    """A fault that happens twice and no more changes no byte."""
    api.sell_many(12)
    api.break_down(kind, page=2, times=2, seconds=2)
    (facts,) = make().execute(context)
    assert stored()[facts["file"]] == canonical(12)
    assert [(page, fault) for page, _, fault in api.asked] == [
        (1, None),
        (2, kind),
        (2, kind),
        (2, None),
        (3, None),
    ]


@pytest.mark.parametrize(("kind", "message"), (TRANSIENT | WRONG).items())
def test_what_does_not_pass_leaves_nothing(
    api: Api, make: Any, context: Any, stored: Any, caplog: Any, kind: str, message: str
) -> None:
    """The error names the page; no file, manifest or part is left, no secret or person is told."""
    api.sell_many(12)
    api.break_down(kind, page=2, times=None, seconds=2)
    for name in ("retail_lake", "urllib3"):  # botocore's own would tell the secret it fetched
        caplog.set_level(logging.DEBUG, logger=name)
    with pytest.raises(AirflowException, match=message) as caught:
        make().execute(context)
    assert re.match(r"127\.0\.0\.1/v1/sales, page 2[:,]", str(caught.value))
    assert stored() == {}
    assert len([page for page, _, _ in api.asked if page == 2]) == (3 if kind in TRANSIENT else 1)
    told = f"{caplog.text}{caught.value!r}"
    assert "attempt 2" in told or kind in WRONG
    assert TOKEN not in told
    assert "@example.com" not in told


def test_parts_that_were_sent_are_discarded(
    api: Api, make: Any, context: Any, stored: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failure after the first part of a multipart upload aborts the upload."""
    monkeypatch.setattr(multipart.MultipartObject.__init__, "__defaults__", (5 * multipart.MIB,))
    api.sell_many(12, note="x" * multipart.MIB)
    patient = replace(QUICK, silence_seconds=5, page_seconds=10)
    api.break_down("500", page=3, times=None)
    with pytest.raises(AirflowException, match="page 3: status 500, 3 times"):
        make(patience=patient).execute(context)
    assert stored() == {}
    api.recover()
    (facts,) = make(patience=patient).execute(context)
    assert facts["bytes"] > 12 * multipart.MIB
    assert numbers(stored()[facts["file"]]) == list(range(12))


def test_a_day_that_fails_does_not_take_an_earlier_one_with_it(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    """Days are extracted one by one; each is whole or not there."""
    after = DAY + timedelta(days=1)
    api.sell_many(7)
    api.sell_many(12, day=after)
    both = make(days=[str(DAY), str(after)])
    api.break_down("404", page=3)  # only the second day has a third page
    with pytest.raises(AirflowFailException, match="the right path into the contract"):
        both.execute(context)
    assert [key.split("/")[2] for key in stored()] == [f"ingest_date={DAY}"] * 2
    first, second = both.execute(context)
    assert (first["rows"], second["rows"]) == (7, 12)
    assert numbers(stored()[second["file"]]) == list(range(12))


def test_retry_after_seconds_are_waited(api: Api, make: Any, context: Any) -> None:
    api.sell_many(3)
    api.break_down("429", retry_after=1)
    make(patience=replace(QUICK, longest_pause=60)).execute(context)
    refused, answered = api.times
    assert answered - refused >= 1


def test_retry_after_a_date_is_waited_for(api: Api, make: Any, context: Any) -> None:
    """The date has no fractions of a second, and so is up to one too early."""
    api.sell_many(3)
    moment = datetime.now(UTC).replace(microsecond=0) + timedelta(seconds=3)
    api.break_down("429", retry_after=format_datetime(moment, usegmt=True))
    make(patience=replace(QUICK, longest_pause=60)).execute(context)
    _, answered = api.times
    assert answered >= moment.timestamp()


@pytest.mark.parametrize("as_date", [False, True])
def test_retry_after_a_year_is_capped(api: Api, make: Any, context: Any, as_date: bool) -> None:
    api.sell_many(3)
    year = datetime.now(UTC) + timedelta(days=365)
    seconds = timedelta(days=365).total_seconds()
    after = format_datetime(year, usegmt=True) if as_date else f"{seconds:.0f}"
    api.break_down("503", retry_after=after)
    make(patience=replace(QUICK, longest_pause=0.3)).execute(context)
    refused, answered = api.times
    assert answered - refused >= 0.3


def test_pauses_grow_with_jitter() -> None:
    """Each pause is between a half and the whole of a time that doubles, up to the longest."""
    patience = replace(QUICK, first_pause=1, longest_pause=5)
    for attempt, longest in ((1, 1), (2, 2), (3, 4), (4, 5), (9, 5)):
        pauses = {patience.pause(attempt, None) for _ in range(50)}
        assert len(pauses) > 40
        assert longest / 2 <= min(pauses) < max(pauses) <= longest


def test_more_pages_than_the_cap_are_a_loop(api: Api, make: Any, context: Any, stored: Any) -> None:
    api.sell_many(12)
    with pytest.raises(AirflowException, match="page 2: there is still a next page"):
        make(patience=replace(QUICK, pages=2)).execute(context)
    assert stored() == {}
    make(patience=replace(QUICK, pages=3)).execute(context)


def test_a_repeated_page_is_known_by_its_rows_alone(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    """Sales of one instant are in no wrong order when they come again."""
    api.sell(*(sale(n, NOON) for n in range(12)))
    api.break_down("repeated_page", page=3)
    with pytest.raises(AirflowException, match="page 3: it repeats the rows of an earlier page"):
        make().execute(context)
    assert stored() == {}


def test_a_last_page_that_lacks_rows_is_seen(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    api.sell_many(3)
    api.break_down("wrong_total")
    with pytest.raises(AirflowException, match="total is 4 and 3 rows came"):
        make().execute(context)
    assert stored() == {}


@pytest.mark.parametrize(("status", "advice"), [(401, "renew the token"), (403, "let the token")])
def test_a_refused_token_fails_at_once(
    api: Api, make: Any, context: Any, status: int, advice: str
) -> None:
    """Asking again would not help, and Airflow is told so."""
    api.break_down(str(status))
    with pytest.raises(AirflowFailException, match=f"page 1: status {status}: {advice}") as caught:
        make().execute(context)
    assert TOKEN not in str(caught.value)
    assert len(api.asked) == 1


@pytest.mark.parametrize(
    ("document", "message"),
    [
        ('{"url": "https://api.example.com"}', "the API's secret has no token"),
        ('{"url": "http://api.example.com", "token": "t"}', "a token travels by https only"),
        ("[]", "is not a JSON object"),
        ("t0ken", "is not JSON"),
    ],
)
def test_a_secret_that_opens_nothing_is_refused(
    make: Any, context: Any, aws: Any, secret: str, document: str, message: str
) -> None:
    aws("secretsmanager").put_secret_value(SecretId=secret, SecretString=document)
    with pytest.raises(AirflowException, match=message) as caught:
        make().execute(context)
    assert "t0ken" not in str(caught.value)


def test_an_answer_that_trickles_in_time_is_read(
    api: Api, make: Any, context: Any, stored: Any
) -> None:
    """Slow is no fault as long as bytes come and the whole is not late."""
    api.sell_many(12)
    api.break_down("slow", page=2, seconds=0.5)
    (facts,) = make(patience=replace(QUICK, page_seconds=10)).execute(context)
    assert stored()[facts["file"]] == canonical(12)
    assert len(api.asked) == 3


def test_the_token_is_masked_before_it_is_used(
    api: Api, make: Any, context: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    masked: list[tuple[str, int]] = []
    monkeypatch.setattr(
        daily_extract, "mask_secret", lambda text: masked.append((text, len(api.asked)))
    )
    make().execute(context)
    assert (TOKEN, 0) in masked
    assert any(TOKEN in text and text != TOKEN for text, _ in masked)  # the secret as a whole
