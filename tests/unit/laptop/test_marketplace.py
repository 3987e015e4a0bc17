"""The laptop's marketplace: its pages hold each sale once, and its faults come when switched on."""

import http.client
import json
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest

from include.laptop import sources
from include.laptop.marketplace.server import Marketplace

ROOT = Path(__file__).parents[3]
DAY = {"from": "2026-03-28T00:00:00Z", "to": "2026-03-29T00:00:00Z"}


def record(number: int, moment: str) -> str:
    return f'{{"sale_id": "S{number}", "sold_at": "{moment}", "unit_price": 12.50}}'


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Marketplace]:
    running = Marketplace(0, tmp_path, "t0ken")
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join(5)


@pytest.fixture
def stocked(server: Marketplace) -> Marketplace:
    """Seven sales of the day in two files, in no order, and one each before and after it."""
    moments = [f"2026-03-28T12:0{n}:00Z" for n in (3, 0, 6, 1)]
    early, late = "2026-03-28T01:59:59+02:00", "2026-03-29T00:00:00Z"
    first = [record(n, moment) for n, moment in enumerate([*moments, early])]
    second = [record(n, f"2026-03-28T12:0{n}:30+00:00") for n in (9, 8, 7)]
    server.sales.folder.joinpath("a.jsonl").write_text("\n".join(first) + "\n")
    server.sales.folder.joinpath("b.jsonl").write_text("\n".join([*second, record(5, late)]))
    return server


def ask(server: Marketplace, token: str = "t0ken", **parameters: Any) -> Any:
    """Status, and the document that came with it."""
    request = urllib.request.Request(
        f"http://127.0.0.1:{server.port}/v1/sales?{urlencode({**DAY, **parameters})}",
        headers={"Authorization": f"Bearer {token}"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.loads(answer.read(), parse_float=str)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.loads(error.read())


def switch(server: Marketplace, method: str, body: str = "") -> tuple[int, Any]:
    """Status and document of a call of the switchboard."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=5)
    connection.request(method, "/_faults", body)
    answer = connection.getresponse()
    found = answer.status, json.loads(answer.read())
    connection.close()
    return found


def test_pages_hold_each_sale_of_the_interval_once_in_order(stocked: Marketplace) -> None:
    found: list[str] = []
    cursor: dict[str, str] = {}
    sizes = []
    while True:
        status, page = ask(stocked, limit=3, **cursor)
        assert (status, page["total"]) == (200, 7)
        sizes.append(len(page["data"]))
        found += [row["sale_id"] for row in page["data"]]
        assert {row["unit_price"] for row in page["data"]} == {"12.50"}
        if page["next_cursor"] is None:
            break
        cursor = {"cursor": page["next_cursor"]}
    assert (sizes, found) == ([3, 3, 1], ["S1", "S3", "S0", "S2", "S7", "S8", "S9"])
    assert [one["page"] for one in stocked.requests] == [1, 2, 3]


def test_what_is_sold_later_is_told_at_once(stocked: Marketplace) -> None:
    assert ask(stocked)[1]["total"] == 7
    more = stocked.sales.folder / "c.jsonl"
    more.write_text(record(10, "2026-03-28T23:59:59.999999Z"))
    assert ask(stocked)[1]["total"] == 8
    more.write_text("")
    assert ask(stocked)[1]["total"] == 7


def test_requests_that_are_wrong_are_refused(stocked: Marketplace) -> None:
    _, page = ask(stocked, limit=3)
    other = {"from": "2026-03-27T00:00:00Z", "cursor": page["next_cursor"]}
    for status, asked in (
        (401, {"token": "another"}),
        (400, {"from": "yesterday"}),
        (400, {"from": "2026-03-28T00:00:00"}),
        (400, {"limit": 0}),
        (400, {"limit": 1001}),
        (400, {"cursor": "mine"}),
        (400, other),
    ):
        assert ask(stocked, **asked)[0] == status, asked


def test_a_file_that_cannot_be_served_is_named(stocked: Marketplace) -> None:
    stocked.sales.folder.joinpath("d.jsonl").write_text('{"sale_id": 1, "sold_at": "noon"}')
    status, answer = ask(stocked)
    assert status == 500
    assert answer["error"].startswith("d.jsonl, line 1: ValueError")


def test_faults_are_switched_on_counted_and_off(stocked: Marketplace) -> None:
    switched = json.dumps({"kind": "429", "times": 2, "page": 1, "retry_after": 7})
    assert switch(stocked, "POST", switched)[0] == 201
    assert switch(stocked, "GET")[1]["faults"][0]["times"] == 2
    assert [ask(stocked)[0] for _ in range(3)] == [429, 429, 200]
    switch(stocked, "POST", '{"kind": "html", "times": null}')
    with pytest.raises(json.JSONDecodeError):
        ask(stocked)
    assert switch(stocked, "DELETE") == (200, {})
    assert ask(stocked)[0] == 200
    assert [one["fault"] for one in stocked.requests] == ["429", "429", None, "html", None]
    for refused in ("{}", "[]", "?", '{"kind": "302"}', '{"kind": "reset", "when": 1}'):
        status, answer = switch(stocked, "POST", refused)
        assert (status, bool(answer["error"])) == (400, True)


def test_the_command_serves_until_it_is_told_to_stop(tmp_path: Path) -> None:
    """As the stack starts it, with what the stack remembers."""
    kept = sources.at(tmp_path)
    assert sources.at(tmp_path) == kept
    delivered = tmp_path / "2026-03-28.jsonl"
    delivered.write_text(record(1, "2026-03-28T12:00:00Z"))
    service = kept.marketplace()
    process = subprocess.Popen(
        list(service.argv), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        assert process.stdout is not None
        assert kept.marketplace_url.encode() in process.stdout.readline()
        assert service.healthy is not None
        assert service.healthy()
        kept.sell(delivered)
        request = urllib.request.Request(
            f"{kept.marketplace_url}/v1/sales?{urlencode(DAY)}",
            headers={"Authorization": f"Bearer {kept.marketplace_token}"},
        )
        with urllib.request.urlopen(request, timeout=5) as answer:
            assert json.load(answer)["total"] == 1
        sources.before_start(tmp_path)  # somebody, here the marketplace itself, has the port
        moved = sources.at(tmp_path)
        assert moved.port != kept.port
        assert moved.customers_password == kept.customers_password
    finally:
        process.terminate()
        rest, _ = process.communicate(timeout=10)
    assert process.returncode == 0
    assert kept.marketplace_token.encode() not in rest


def test_help_names_every_fault() -> None:
    command = [sys.executable, "-m", "include.laptop.marketplace", "--help"]
    shown = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert "repeated_page" in shown
    assert "POST   /_faults" in shown
