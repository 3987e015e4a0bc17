"""Airflow's UI as its users have it: a real browser runs days, reads, reviews and takes back.

With SCREENSHOTS=docs/images in the environment the README's pictures are taken on the way.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from pathlib import Path
from urllib.parse import unquote

import pytest
from playwright.sync_api import Locator, Page, expect, sync_playwright

from include.laptop import demo, tills
from include.laptop.runs import Runs
from tests.e2e.conftest import ROOT, RUN_SECONDS, Lake
from tests.e2e.test_3_failures import order

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
BROWSER = next(filter(None, map(shutil.which, BROWSERS)), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason=f"none of {', '.join(BROWSERS)} is here")

FIRST, SECOND = date(2024, 5, 17), date(2024, 5, 18)
DAILY, ROLLBACK = "retail_sales_daily", "retail_rollback"
PATIENCE = 60_000  # ms


class Person:
    """Somebody in front of Airflow's UI."""

    def __init__(self, page: Page, lake: Lake) -> None:
        self.page = page
        self.lake = lake
        self.airflow = lake.laptop.airflow

    def sign_in(self) -> None:
        """Signs in as the administrator."""
        self.page.goto(self.airflow.url)
        self.page.locator("input[name=username]").fill("admin")
        self.page.locator("input[name=password]").fill(self.airflow.keys["password"])
        self.page.get_by_role("button", name="Sign in").click()
        expect(self.page.get_by_role("link", name="Home").first).to_be_visible()

    def open(self, path: str) -> None:
        """Opens a page below the DAGs'."""
        self.page.goto(f"{self.airflow.url}/dags/{path}")

    def open_form(self, dag: str) -> Locator:
        """Clicks Trigger on a DAG's page; returns the dialog."""
        self.open(dag)
        self.page.get_by_role("button", name="Trigger Dag").click()
        dialog = self.page.get_by_role("dialog")
        expect(dialog.get_by_role("heading", name=f"Trigger Dag - {dag}")).to_be_visible()
        return dialog

    def trigger(self, dialog: Locator) -> str:
        """Sends the form; returns the id of the run whose page the UI then shows."""
        dialog.get_by_role("button", name="Trigger", exact=True).click()
        self.page.wait_for_url(re.compile("/runs/"))
        return unquote(self.page.url.split("/runs/")[1].split("?")[0])

    def revenue(self, day: date) -> Decimal:
        """A day's revenue, as an analyst reads it."""
        sql = f"SELECT sum(revenue) FROM daily_sales WHERE sale_date = DATE '{day}'"
        return Decimal(str(self.lake.query(sql)[0][0]))

    def shoot(self, name: str, page: Page | None = None) -> None:
        """Takes a picture for the README, if they are wanted."""
        if folder := os.environ.get("SCREENSHOTS"):
            page = page or self.page
            page.wait_for_timeout(2000)  # messages fade, charts are drawn
            page.screenshot(path=ROOT / folder / f"{name}.png")


@pytest.fixture(scope="module")
def person(lake: Lake) -> Iterator[Person]:
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=BROWSER, args=arguments)
        page = browser.new_page(viewport={"width": 1280, "height": 800})
        page.set_default_timeout(PATIENCE)
        expect.set_options(timeout=PATIENCE)
        somebody = Person(page, lake)
        somebody.sign_in()
        yield somebody
        browser.close()


@pytest.fixture(scope="module")
def truth(lake: Lake, tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Decimal]]:
    """Two days of sample data, delivered; their revenue by day and channel."""
    folder = tmp_path_factory.mktemp("sample")
    command = [sys.executable, "-m", "include.sample_data", "--out", str(folder)]
    command += ["--from", str(FIRST), "--to", str(SECOND), "--scale", "0.3"]
    subprocess.run(command, check=True, cwd=ROOT)
    for day in (FIRST, SECOND):
        tills.open_day(lake.laptop, folder, day)
        demo.deliver(lake.outputs["LakeBucket"], folder, day)
    planted = json.loads((folder / "truth.json").read_text())["daily_sales"]
    return {
        str(day): {channel: Decimal(sums["revenue"]) for channel, sums in planted[str(day)].items()}
        for day in (FIRST, SECOND)
    }


@pytest.fixture(scope="module")
def first_run(person: Person, truth: object) -> str:
    """A run of the first day, from the form."""
    dialog = person.open_form(DAILY)
    dialog.locator("#element_from_date").fill(str(FIRST))
    person.shoot("trigger")
    run = person.trigger(dialog)
    person.lake.runs.succeed(run, RUN_SECONDS)
    return run


def test_a_day_is_run_from_the_form(person: Person, first_run: str) -> None:
    told = person.lake.runs.call("GET", f"/dagRuns/{first_run}")
    assert (told["triggered_by"], told["conf"]["from_date"]) == ("ui", str(FIRST))
    person.open(f"{DAILY}/runs/{first_run}")
    expect(person.page.get_by_text("Success", exact=True).first).to_be_visible()
    person.shoot("run")
    assert person.revenue(FIRST) > 0


def test_the_report_opens_from_its_task(person: Person, first_run: str, tmp_path: Path) -> None:
    person.open(f"{DAILY}/runs/{first_run}/tasks/report/details")
    with person.page.context.expect_page() as opened:
        person.page.get_by_role("link", name="Run report").click()
    report = opened.value
    expect(report).to_have_title(f"Sales of {FIRST:%-d %B %Y}")
    revenue = f"£{person.revenue(FIRST):,.2f}"
    expect(report.locator(".figure", has_text="Revenue").locator(".value")).to_have_text(revenue)
    expect(report.locator(".js-plotly-plot")).to_have_count(4)
    assert report.locator(".js-plotly-plot .bars .point").count() > 20
    person.shoot("report", report)

    report.set_viewport_size({"width": 390, "height": 844})
    report.wait_for_function("document.documentElement.scrollWidth === 390")  # nothing juts out
    person.shoot("report-phone", report)
    report.close()

    brought = person.lake.laptop_command("report")
    assert brought.returncode == 0, brought.stderr
    assert revenue in Path(brought.stdout.strip()).read_text()


def backfilled(lake: Lake, day: date) -> list[str]:
    """The runs of backfills whose data interval begins on a day."""
    runs = lake.runs.call("GET", "/dagRuns?run_type=backfill&limit=100")["dag_runs"]
    return [run["dag_run_id"] for run in runs if run["data_interval_start"].startswith(str(day))]


@pytest.mark.slow
def test_a_backfill_is_made_in_the_dialog(
    person: Person, first_run: str, truth: dict[str, dict[str, Decimal]]
) -> None:
    dialog = person.open_form(DAILY)
    dialog.get_by_text("Run this Dag for a range of dates").click()
    dialog.locator("input[name=from_date]").fill(f"{SECOND}T00:00")
    dialog.locator("input[name=to_date]").fill(f"{SECOND}T12:00")
    dialog.locator("input[name=to_date]").press("Tab")
    expect(dialog.get_by_text("1 run will be triggered.")).to_be_visible()
    person.shoot("backfill")
    dialog.get_by_role("button", name="Run Backfill").click()

    deadline = time.monotonic() + RUN_SECONDS
    while not (runs := backfilled(person.lake, SECOND)):
        assert time.monotonic() < deadline, "the dialog made no run"
        time.sleep(0.5)
    (run,) = runs
    person.lake.runs.succeed(run, RUN_SECONDS)
    found = person.lake.query(
        "SELECT CAST(sale_date AS varchar), channel, revenue FROM daily_sales"
        f" WHERE sale_date BETWEEN DATE '{FIRST}' AND DATE '{SECOND}'"
    )
    published: dict[str, dict[str, Decimal]] = {}
    for day, channel, revenue in found:
        published.setdefault(str(day), {})[str(channel)] = Decimal(str(revenue))
    assert published == truth


@pytest.mark.slow
def test_a_correction_is_approved_and_taken_back(person: Person, first_run: str) -> None:
    before = person.revenue(FIRST)
    person.lake.s3.put_object(
        Bucket=person.lake.outputs["LakeBucket"],
        Key=f"bronze/ecommerce_orders/ingest_date={FIRST}/forgotten.jsonl",
        Body=json.dumps(order(99_000_001, FIRST)).encode(),
    )
    dialog = person.open_form(DAILY)
    dialog.locator("#element_from_date").fill(str(FIRST))
    switch = dialog.locator("input[name=element_review]")
    switch.locator("..").click()  # the box itself is out of sight
    expect(switch).to_be_checked()
    run = person.trigger(dialog)
    deadline = time.monotonic() + RUN_SECONDS
    while person.lake.runs.tasks(run)["review"] != "deferred":
        assert person.lake.runs.state(run) in ("queued", "running"), person.lake.runs.tasks(run)
        assert time.monotonic() < deadline, person.lake.runs.tasks(run)
        time.sleep(0.5)
    person.open(f"{DAILY}/runs/{run}/tasks/review/required_actions")
    expect(person.page.get_by_text(f"Publish {FIRST}?").first).to_be_visible()
    expect(person.page.get_by_text("Cost so far").first).to_be_visible()
    expect(person.page.get_by_text("+20.00").first).to_be_visible()
    person.shoot("review")
    assert person.revenue(FIRST) == before
    person.page.get_by_role("button", name="Approve").click()
    person.lake.runs.succeed(run, RUN_SECONDS)
    assert person.revenue(FIRST) == before + 20

    dialog = person.open_form(ROLLBACK)
    dialog.locator("#element_version").fill("previous")
    back = person.trigger(dialog)
    Runs(person.airflow, ROLLBACK).succeed(back, RUN_SECONDS)
    assert person.revenue(FIRST) == before
