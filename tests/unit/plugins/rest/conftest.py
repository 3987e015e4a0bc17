"""The laptop's marketplace API in this process, and the operator that extracts from it."""

import json
import threading
import uuid
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from include.lake import layout
from include.laptop.marketplace.server import Marketplace
from retail_lake.hooks.rest_pages import Patience
from retail_lake.operators.rest_extract import RestApiToS3JsonLinesOperator

DAY = date(2025, 3, 30)  # 23 hours in London
TOKEN = f"token-{uuid.uuid4().hex}"
PAGE_ROWS = 5
QUICK = Patience(
    attempts=3, first_pause=0.01, longest_pause=0.02, silence_seconds=0.6, page_seconds=1
)


def sale(number: int, sold_at: datetime, **more: Any) -> str:
    """A record as its text; buyer-… stands for personal data."""
    buyer = f"buyer-{number}@example.com"
    return json.dumps(
        {"sale_id": f"S{number:04}", "sold_at": sold_at.isoformat(), "buyer_id": buyer, **more}
    )


class Api:
    """The running API.

    Attributes:
        server: the server, in a thread of this process.
        folder: its sales.
    """

    def __init__(self, server: Marketplace, folder: Path) -> None:
        self.server = server
        self.folder = folder
        self.url = f"http://127.0.0.1:{server.port}"

    def sell(self, *records: str, day: date = DAY) -> None:
        """Put records on sale; those of a day that was there already are replaced."""
        text = "".join(f"{record}\n" for record in records)
        (self.folder / f"{day}.jsonl").write_text(text, encoding="utf-8")

    def sell_many(self, count: int, day: date = DAY, **more: Any) -> None:
        """Put a number of records on sale, one a minute from noon on."""
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
        self.sell(*(sale(n, noon + timedelta(minutes=n), **more) for n in range(count)), day=day)

    def break_down(self, kind: str, **more: Any) -> None:
        """Switch a fault on."""
        answer = requests.post(f"{self.url}/_faults", json={"kind": kind, **more}, timeout=5)
        assert answer.status_code == 201, answer.text

    def recover(self) -> None:
        """Switch all faults off and forget the requests."""
        for what in ("_faults", "_requests"):
            assert requests.delete(f"{self.url}/{what}", timeout=5).status_code == 200

    @property
    def asked(self) -> list[tuple[int | None, int, str | None]]:
        """Page, status and fault of each request for sales."""
        found = requests.get(f"{self.url}/_requests", timeout=5).json()["requests"]
        return [(one["page"], one["status"], one["fault"]) for one in found]

    @property
    def times(self) -> list[float]:
        """When the requests for sales came, in seconds since 1970."""
        found = requests.get(f"{self.url}/_requests", timeout=5).json()["requests"]
        return [one["time"] for one in found]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Marketplace]:
    """The server, for the tests of a module."""
    running = Marketplace(0, tmp_path_factory.mktemp("sales"), TOKEN)
    thread = threading.Thread(target=running.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield running
    running.shutdown()
    running.server_close()
    thread.join(5)


@pytest.fixture
def api(server: Marketplace) -> Api:
    """The API without sales, faults and requests."""
    found = Api(server, server.sales.folder)
    for file in found.folder.iterdir():
        file.unlink()
    found.recover()
    return found


@pytest.fixture(scope="session")
def aws(client: Callable[[str], Any]) -> Callable[[str], Any]:
    """Return one client a service: making one costs more than most of these tests."""
    return cache(client)


@pytest.fixture
def bucket(aws: Callable[[str], Any]) -> str:
    """Name of a fresh bucket."""
    name = f"lake-{uuid.uuid4().hex[:12]}"
    aws("s3").create_bucket(Bucket=name)
    return name


@pytest.fixture
def secret(server: Marketplace, aws: Callable[[str], Any]) -> str:
    """Id of the API's secret."""
    name = f"marketplace-{uuid.uuid4().hex}"
    text = json.dumps({"url": f"http://127.0.0.1:{server.port}", "token": TOKEN})
    aws("secretsmanager").create_secret(Name=name, SecretString=text)
    return name


@pytest.fixture
def make(bucket: str, secret: str) -> Callable[..., RestApiToS3JsonLinesOperator]:
    """Make the operator; keywords replace what it is given otherwise."""
    contract = SimpleNamespace(
        dataset="marketplace_sales",
        source=SimpleNamespace(path="/v1/sales", business_time="sold"),
        column=lambda name: SimpleNamespace(source={"sold": "sold_at"}[name]),
    )

    def made(**changes: Any) -> RestApiToS3JsonLinesOperator:
        arguments: dict[str, Any] = {
            "secret_id": secret,
            "contract": contract,
            "days": [str(DAY)],
            "time_zone": "Europe/London",
            "bucket": bucket,
            "layout": layout,
            "page_rows": PAGE_ROWS,
            "patience": QUICK,
        }
        return RestApiToS3JsonLinesOperator(task_id="extract", **(arguments | changes))

    return made
