"""Quarantined rows pass once their contract is corrected: told first, then done, and only once."""

from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.e2e.conftest import Lake
from tests.e2e.test_13_new_source import copied, deploy

pytestmark = pytest.mark.slow  # several runs of the DAG
DAYS = (date(2024, 6, 18), date(2024, 6, 20))
HEADER = "Vendor;Doc No;Doc Type;Doc Date;Article No;Article;Group;Qty;Price;Amount;Region\n"


def sale(number: int, day: date, region: str, price: str = "1,50") -> str:
    sold = f"{day:%d/%m/%Y} 10:00"
    return f"V001;{number:06};Sale;{sold};P001;Mouse;Electronics;2;{price};3,00;{region}\n"


def replay(lake: Lake, *arguments: str) -> str:
    done = lake.laptop_command("replay", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture
def corrected(lake: Lake, tmp_path: Path) -> Iterator[None]:
    """The deployed contract of the vendors knows one region more by name; afterwards it is ours."""
    copy = copied(tmp_path / "checkout")
    contract = copy / "include" / "contracts" / "vendor_sales.yaml"
    ours = contract.read_text()
    contract.write_text(ours.replace("north: North", "norden: North\n              north: North"))
    assert contract.read_text() != ours
    try:
        deploy(lake, copy)
        yield
    finally:
        contract.write_text(ours)
        deploy(lake, copy)


def test_rows_that_pass_now_are_told_and_then_replayed(
    lake: Lake, request: pytest.FixtureRequest
) -> None:
    for day in DAYS:
        number = day.day
        rows = sale(number, day, "Norden") + sale(number + 100, day, "South")
        rows += sale(number + 200, day, "Atlantis") if day == DAYS[0] else ""
        lake.deliver(day, {"vendor_sales": {"v001.csv": (HEADER + rows).encode()}})
    lake.deliver(DAYS[0] + timedelta(days=1), {})
    lake.run(*DAYS)
    before = lake.published()
    asked = ("--dataset", "vendor_sales", "--reason", "not_accepted")
    asked += ("--from", str(DAYS[0]), "--to", str(DAYS[1]))

    request.getfixturevalue("corrected")
    told = replay(lake, *asked)
    assert "2 of 3 pass; days would be rebuilt (--apply): 2024-06-18, 2024-06-20" in told
    assert lake.published() == before, "a dry run publishes nothing"

    told = replay(lake, *asked, "--apply")
    assert "2 of 3 pass; days rebuilt: 2024-06-18, 2024-06-20" in told
    assert lake.query(
        "SELECT transaction_id, region FROM transactions WHERE channel = 'vendor'"
        f" AND sale_date BETWEEN DATE '{DAYS[0]}' AND DATE '{DAYS[1]}' ORDER BY 1"
    ) == [
        ["V001-000018", "North"],
        ["V001-000020", "North"],
        ["V001-000118", "South"],
        ["V001-000120", "South"],
    ]
    done = lake.published()
    rebuilt = {row.ingest_date for row in set(done.pointer) ^ set(before.pointer)} - {None}
    assert rebuilt == set(DAYS), "the day between them was left alone"

    assert lake.query(
        "SELECT DISTINCT kind, task FROM run_costs WHERE task IN ('find_rows', 'judge', 'verdict')"
        " ORDER BY 2"
    ) == [["athena", "find_rows"], ["glue_job", "judge"], ["athena", "verdict"]]

    told = replay(lake, *asked, "--apply")
    assert "0 of 1 pass; days rebuilt: none" in told, "what still fails stays where it is"
    assert lake.published() == done
