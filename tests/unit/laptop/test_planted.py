from typing import Any

import pytest

from include.laptop import planted, queries

TRUTH: dict[str, Any] = {
    "quarantine": {"orders": {"required:id": 2, "unreadable": 1}, "feed": {}},
    "sales_by_region": {
        "2026-03-28": {"web": {"North": {"transactions": 2, "units": 3, "revenue": "10.50"}}}
    },
}


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> list[list[str | None]]:
    """The rows that every query gives."""
    rows: list[list[str | None]] = []
    monkeypatch.setattr(queries, "run", lambda *_: ([], rows, 0))
    return rows


def test_faults_are_counted_by_dataset_and_reason(
    answer: list[list[str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    answer += [["orders", "required:id", "2"], ["orders", "unreadable", "1"]]
    assert planted.faults("pipeline", TRUTH) == []
    printed = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert ["orders", "3", "2", "3", "2"] in printed
    answer[0][2] = "1"
    answer.append(["feed", "required:sku", "1"])
    assert planted.faults("pipeline", TRUTH) == [
        "quarantine feed/required:sku: 1, planted None",
        "quarantine orders/required:id: 1, planted 2",
    ]


def test_sums_are_compared_as_money(
    answer: list[list[str | None]], capsys: pytest.CaptureFixture[str]
) -> None:
    answer.append(["2026-03-28", "web", "North", "2", "3", "10.5"])
    assert planted.regions("analysts", TRUTH) == []
    assert "1 of 1 sums" in capsys.readouterr().out
    answer[0][5] = "10.51"
    (wrong,) = planted.regions("analysts", TRUTH)
    assert wrong.startswith("regions 2026-03-28/web/North: ")
    assert "0 of 1 sums" in capsys.readouterr().out
