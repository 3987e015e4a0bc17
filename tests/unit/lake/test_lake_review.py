"""What a person is shown who decides whether a release is published."""

from typing import Any

from include.lake.review import SHOWN, body

RELEASE = "r20250301_0123456789ab"


def change(
    mart: str, day: str, rows: tuple[int, int], revenue: tuple[Any, Any], changed: int
) -> dict[str, Any]:
    return {
        "mart": mart,
        "sale_date": day,
        "old_rows": rows[0],
        "new_rows": rows[1],
        "old_revenue": revenue[0],
        "new_revenue": revenue[1],
        "changed": changed,
    }


def table(text: str, number: int) -> list[list[str]]:
    """The cells of one of the tables, without its head."""
    blocks = [part for part in text.split("\n\n") if part.startswith("|")]
    return [
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in blocks[number].splitlines()[2:]
    ]


def test_old_and_new_by_mart_and_by_day() -> None:
    text = body(
        [
            change("daily_sales", "2025-03-01", (2, 2), ("1080.10", "1085.20"), 1),
            change("daily_sales", "2025-03-02", (1, 0), ("10.00", None), 1),
            change("stock", "2025-03-01", (7, 9), (None, None), 4),
            change("stock", "2025-03-02", (7, 7), (None, None), 0),
        ],
        RELEASE,
    )
    assert RELEASE in text
    assert table(text, 0) == [
        ["daily_sales", "2", "3 → 2", "1,090.10 → 1,085.20", "-4.90", "2"],
        ["stock", "1", "7 → 9", "none", "", "4"],
    ]
    assert table(text, 1) == [
        ["daily_sales", "2025-03-01", "2", "1,080.10 → 1,085.20", "+5.10", "1"],
        ["daily_sales", "2025-03-02", "1 → 0", "10.00 → none", "-10.00", "1"],
        ["stock", "2025-03-01", "7 → 9", "none", "", "4"],
    ]
    assert text.endswith("As published: 1 days of marts, of 4.")


def test_of_a_single_day_there_is_no_table_by_mart() -> None:
    text = body([change("m", "2025-03-01", (2, 2), ("1.00", "2.00"), 1)], RELEASE)
    assert table(text, 0) == [["m", "2025-03-01", "2", "1.00 → 2.00", "+1.00", "1"]]
    assert text.count("| mart |") == 1


def test_nothing_that_changes_is_said() -> None:
    text = body([change("daily_sales", "2025-03-01", (2, 2), ("1.00", "1.00"), 0)], RELEASE)
    assert "|" not in text
    assert text.endswith("As published: 1 days of marts, of 1.")
    assert "of 0." in body([], RELEASE)


def test_costs_are_a_paragraph_if_they_are_known() -> None:
    assert "\n\nAbout 2.10 GBP.\n\n" in body([], RELEASE, "About 2.10 GBP.", None, "")
    assert "None" not in body([], RELEASE, None, "")


def test_a_long_list_is_cut_and_says_so() -> None:
    days = [f"{number:05d}" for number in range(SHOWN + 3)]
    text = body([change("m", day, (1, 1), ("1.00", "2.00"), 1) for day in days], RELEASE)
    assert table(text, 0) == [["m", "203", "203", "203.00 → 406.00", "+203.00", "203"]]
    assert [row[1] for row in table(text, 1)] == days[:SHOWN]
    assert "… and 3 more" in text
