import json
from pathlib import Path
from typing import Any, cast

import pytest

from include.laptop.demo import choose_days, compare_ledger, cost
from include.laptop.queries import as_table
from include.laptop.runs import RunError, Runs

PLANTED = [
    {"dataset": "orders", "rows_in": 10, "silver": 7, "quarantined": 2, "duplicates": 1},
    {"dataset": "orders", "rows_in": 5, "silver": 5, "quarantined": 0, "duplicates": 0},
    {"dataset": "tills", "rows_in": 3, "silver": 3, "quarantined": 0, "duplicates": 0},
]


def ledger(**changes: int) -> list[dict[str, Any]]:
    """The planted ledger with another count in its first file."""
    found = [{**entry, "source_file": f"bronze/{n}"} for n, entry in enumerate(PLANTED)]
    found[0].update(changes)
    return found


def test_the_planted_ledger_has_nothing_wrong() -> None:
    assert compare_ledger(ledger(), PLANTED, exact=True) == []


def test_a_row_that_went_elsewhere_is_named() -> None:
    wrong = compare_ledger(ledger(silver=6, quarantined=3), PLANTED, exact=True)
    assert len(wrong) == 1
    assert "orders" in wrong[0]


def test_a_re_run_may_only_move_rows_between_silver_and_duplicates() -> None:
    moved = ledger(silver=6, duplicates=2)
    assert compare_ledger(moved, PLANTED, exact=True) != []
    assert compare_ledger(moved, PLANTED, exact=False) == []
    assert compare_ledger(ledger(silver=6, quarantined=3), PLANTED, exact=False) != []


@pytest.mark.parametrize("exact", [True, False])
def test_a_file_that_does_not_add_up_or_is_missing_is_named(exact: bool) -> None:
    assert any("bronze/0" in line for line in compare_ledger(ledger(silver=6), PLANTED, exact))
    missing = compare_ledger(ledger()[:2], PLANTED, exact)
    assert len(missing) == 1
    assert "tills" in missing[0]


def test_a_table_has_its_numbers_to_the_right() -> None:
    assert as_table(["name", "n"], [["web", "1200"], [None, "-3.50"]]) == (
        "name  n\n----  -----\nweb    1200\n      -3.50"
    )


def test_a_demo_repeats_its_days_and_refuses_another_number(tmp_path: Path) -> None:
    remembered = tmp_path / "demo.json"
    remembered.write_text(json.dumps(["2026-03-28", "2026-03-29"]))
    nobody = cast(Runs, None)  # Airflow is not asked again
    assert [str(day) for day in choose_days(remembered, nobody, 2)] == ["2026-03-28", "2026-03-29"]
    with pytest.raises(RunError, match="DAYS=2"):
        choose_days(remembered, nobody, 3)


def test_a_run_tells_what_it_cost_and_was_estimated_to() -> None:
    rows = [{"kind": "crawl", "amount": "0.15"}, {"kind": "glue_job", "amount": "0.02"}]
    report = {"costs": rows, "estimate": {"amount": "0.05", "currency": "USD"}}
    assert cost(report) == "0.17 USD (estimated 0.20 USD)"
