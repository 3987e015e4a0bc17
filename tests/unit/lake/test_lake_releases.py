"""Release ids, tokens, the pointer file, and the rule of publication on hand-made states."""

import re
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.lake.releases import (
    Pointer,
    PointerError,
    PointerRow,
    Publication,
    SupersededError,
    conflicts,
    merge,
    next_pointer,
    parse_pointer,
    plan,
    release_id,
    run_token,
)
from include.lake.values import RELEASE, TOKEN, UnsafeValueError
from include.lake.window import Window

D1, D2, D3 = date(2026, 7, 1), date(2026, 7, 2), date(2026, 7, 3)
OLD, NEW, OTHER = "r20260701_aaaaaaaaaaaa", "r20260702_bbbbbbbbbbbb", "r20260703_cccccccccccc"


def test_release_id_depends_on_everything_and_nothing_else() -> None:
    window = Window(D1, D2)
    one = release_id("retail_sales_daily", "manual__2026-07-03T00:00:00+00:00", 1, window)
    assert one == release_id("retail_sales_daily", "manual__2026-07-03T00:00:00+00:00", 1, window)
    assert re.fullmatch(RELEASE, one)
    assert one.startswith("r20260701_")
    others = {
        release_id("retail_sales_weekly", "manual__2026-07-03T00:00:00+00:00", 1, window),
        release_id("retail_sales_daily", "manual__2026-07-03T00:00:01+00:00", 1, window),
        release_id("retail_sales_daily", "manual__2026-07-03T00:00:00+00:00", 2, window),
        release_id("retail_sales_daily", "manual__2026-07-03T00:00:00+00:00", 1, Window(D1, D1)),
    }
    assert len(others | {one}) == 5


def test_run_token_changes_with_the_attempt() -> None:
    tokens = {run_token(OLD, "bronze_to_silver", number) for number in range(1, 50)}
    assert len(tokens) == 49
    assert all(re.fullmatch(TOKEN, token) for token in tokens)
    with pytest.raises(UnsafeValueError, match="not a release id"):
        run_token("../../x", "task", 1)


ROWS = st.builds(
    PointerRow,
    st.sampled_from(["sales", "clean_a", "daily_sales"]),
    st.none() | st.dates(),
    st.dates(),
    st.sampled_from([OLD, NEW]),
)


@given(st.lists(ROWS, unique_by=lambda row: row.key))
def test_pointer_file_round_trips_and_is_independent_of_order(rows: list[PointerRow]) -> None:
    pointer = Pointer(tuple(rows))
    assert parse_pointer(pointer.text()) == pointer
    assert Pointer(tuple(reversed(rows))).text() == pointer.text()
    assert re.fullmatch(r"[0-9a-f]{8}", pointer.digest())


def test_pointer_file_is_json_lines_of_text_or_null() -> None:
    pointer = Pointer((PointerRow("sales", None, D1, OLD), PointerRow("clean_a", D2, D1, NEW)))
    assert pointer.text() == (
        '{"table_name":"clean_a","ingest_date":"2026-07-02","sale_date":"2026-07-01",'
        '"release":"r20260702_bbbbbbbbbbbb"}\n'
        '{"table_name":"sales","ingest_date":null,"sale_date":"2026-07-01",'
        '"release":"r20260701_aaaaaaaaaaaa"}\n'
    )
    assert parse_pointer("") == Pointer()


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        "[]",
        '{"table_name":"sales","sale_date":"2026-07-01","release":"r20260701_aaaaaaaaaaaa"}',
        '{"table_name":"sales","ingest_date":null,"sale_date":"1 July",'
        '"release":"r20260701_aaaaaaaaaaaa"}',
        '{"table_name":"sales","ingest_date":null,"sale_date":"2026-07-01","release":"latest"}',
        '{"table_name":"sales","ingest_date":null,"sale_date":null,'
        '"release":"r20260701_aaaaaaaaaaaa"}',
        '{"table_name":7,"ingest_date":null,"sale_date":"2026-07-01",'
        '"release":"r20260701_aaaaaaaaaaaa"}',
    ],
)
def test_damaged_pointer_names_its_line(line: str) -> None:
    good = PointerRow("sales", None, D1, OLD)
    with pytest.raises(PointerError, match="line 2 of the pointer is damaged"):
        parse_pointer(Pointer((good,)).text() + line + "\n")


def test_two_releases_of_one_partition_are_refused() -> None:
    with pytest.raises(PointerError, match="a partition has one release"):
        Pointer((PointerRow("sales", None, D1, OLD), PointerRow("sales", None, D1, NEW)))


def publication(*rows: PointerRow, days: frozenset[date] = frozenset({D1, D2})) -> Publication:
    return Publication(NEW, Window(D2, D2), days, frozenset({"clean_a", "sales"}), rows)


def test_publication_refuses_rows_that_are_not_its_own() -> None:
    with pytest.raises(PointerError, match="not of release"):
        publication(PointerRow("sales", None, D1, OLD))
    with pytest.raises(PointerError, match="outside window"):
        publication(PointerRow("sales", None, D3, NEW))
    with pytest.raises(PointerError, match="outside window"):
        publication(PointerRow("clean_a", D1, D1, NEW))
    with pytest.raises(PointerError, match="outside window"):
        publication(PointerRow("monthly_summary", None, D1, NEW))
    with pytest.raises(PointerError, match="business day is not rebuilt"):
        publication(PointerRow("clean_a", D2, D3, NEW))


def test_merge_replaces_its_own_and_keeps_the_rest() -> None:
    now = Pointer(
        (
            PointerRow("clean_a", D1, D1, OLD),
            PointerRow("clean_a", D2, D2, OLD),
            PointerRow("clean_b", D2, D2, OLD),
            PointerRow("sales", None, D1, OLD),
            PointerRow("sales", None, D3, OLD),
            PointerRow("retired_mart", None, D1, OLD),
        )
    )
    new = (PointerRow("clean_a", D2, D1, NEW), PointerRow("sales", None, D1, NEW))
    assert set(merge(now, publication(*new)).rows) == {
        *new,
        PointerRow("clean_a", D1, D1, OLD),
        PointerRow("clean_b", D2, D2, OLD),
        PointerRow("sales", None, D3, OLD),
        PointerRow("retired_mart", None, D1, OLD),
    }


SALES = PointerRow("sales", None, D1, NEW)


@pytest.mark.parametrize(
    ("base", "now", "conflict"),
    [
        # an arrival that R's business days are built from appeared, changed, went away
        ((), (PointerRow("clean_b", D3, D1, OTHER),), True),
        ((PointerRow("clean_b", D3, D1, OLD),), (PointerRow("clean_b", D3, D1, OTHER),), True),
        ((PointerRow("clean_b", D3, D1, OLD),), (), True),
        # the snapshot of one of R's business days appeared, changed
        ((), (PointerRow("products", D1, None, OTHER),), True),
        (
            (PointerRow("products", D1, None, OLD),),
            (PointerRow("products", D1, None, OTHER),),
            True,
        ),
        # what R replaces was replaced by somebody else
        ((PointerRow("sales", None, D2, OLD),), (PointerRow("sales", None, D2, OTHER),), True),
        ((), (PointerRow("clean_a", D2, D2, OTHER),), True),
        # somebody else's business: other days, other tables
        ((), (PointerRow("clean_b", D3, D3, OTHER),), False),
        ((PointerRow("sales", None, D3, OLD),), (PointerRow("sales", None, D3, OTHER),), False),
        ((), (PointerRow("retired_mart", None, D1, OTHER),), False),
        ((), (PointerRow("products", D3, None, OTHER),), False),
        ((), (PointerRow("quarantine", D1, None, OTHER),), False),
        ((), (), False),
    ],
)
def test_conflict_rule(
    base: tuple[PointerRow, ...], now: tuple[PointerRow, ...], conflict: bool
) -> None:
    found = conflicts(Pointer(base), Pointer(now), publication(SALES))
    assert bool(found) is conflict
    if conflict:
        with pytest.raises(SupersededError, match="superseded"):
            next_pointer(Pointer(base), Pointer(now), publication(SALES))
    else:
        assert SALES in next_pointer(Pointer(base), Pointer(now), publication(SALES)).rows


def test_conflict_names_partition_and_both_releases() -> None:
    base, now = (Pointer((PointerRow("sales", None, D1, release),)) for release in (OLD, OTHER))
    assert conflicts(base, now, publication(SALES)) == (
        f"sales/2026-07-01: built on {OLD}, published is {OTHER}",
    )


def test_withdrawing_a_row_without_rebuilding_its_day_is_refused() -> None:
    base = Pointer((PointerRow("clean_a", D2, D1, OLD),))
    with pytest.raises(PointerError, match="does not rebuild its business day"):
        conflicts(base, base, publication(days=frozenset({D2})))


def documents() -> tuple[dict[str, Any], dict[str, Any]]:
    inputs = {
        "release": NEW,
        "window": {"from": "2026-07-02", "to": "2026-07-02"},
        "datasets": {"a": [], "b": []},
    }
    manifest = {
        "release": NEW,
        "affected_days": ["2026-07-01", "2026-07-02"],
        "tables": [
            {
                "database": "retail_silver",
                "table": "clean_a",
                "partitions": [{"values": ["2026-07-02", "2026-07-01", NEW]}],
            },
            {"database": "retail_silver", "table": "clean_b", "partitions": []},
            {
                "database": "retail_silver",
                "table": "sales",
                "partitions": [{"values": ["2026-07-01", NEW]}, {"values": ["2026-07-02", NEW]}],
            },
            {
                "database": "retail_ops",
                "table": "run_ledger",
                "partitions": [{"values": ["2026-07-02", NEW]}],
            },
        ],
    }
    return inputs, manifest


def test_plan_reads_the_documents_of_a_run() -> None:
    inputs, manifest = documents()
    planned = plan(inputs, manifest, {"daily_sales": [D1], "sales_by_category": []})
    assert set(planned.rows) == {
        PointerRow("clean_a", D2, D1, NEW),
        PointerRow("sales", None, D1, NEW),
        PointerRow("sales", None, D2, NEW),
        PointerRow("run_ledger", D2, None, NEW),
        PointerRow("daily_sales", None, D1, NEW),
    }
    # clean_b and sales_by_category have no row this time and so withdraw what they had.
    for row in (PointerRow("clean_b", D2, D2, OLD), PointerRow("sales_by_category", None, D1, OLD)):
        assert planned.replaces(row)


def test_plan_refuses_the_manifest_of_another_release() -> None:
    inputs, manifest = documents()
    with pytest.raises(PointerError, match="re-run the job"):
        plan(inputs, {**manifest, "release": OLD}, {})


def test_what_was_restated_stays_published_when_the_day_is_rebuilt() -> None:
    def publication(release: str, *rows: PointerRow) -> Publication:
        tables = frozenset({"sales", "restatements"})
        return Publication(release, Window(D2, D2), frozenset({D1}), tables, rows)

    def rebuilt(release: str) -> PointerRow:
        return PointerRow("sales", None, D1, release)

    def restated(release: str) -> PointerRow:
        return PointerRow("restatements", None, D1, release)

    first = Pointer((rebuilt(OLD),))
    second = next_pointer(first, first, publication(NEW, rebuilt(NEW), restated(NEW)))
    assert set(second) == {rebuilt(NEW), restated(NEW)}
    assert next_pointer(first, second, publication(NEW, rebuilt(NEW), restated(NEW))) is second
    unchanged = next_pointer(second, second, publication(OTHER, rebuilt(OTHER)))
    assert set(unchanged) == {rebuilt(OTHER), restated(NEW)}
    last = next_pointer(second, second, publication(OTHER, rebuilt(OTHER), restated(OTHER)))
    assert set(last) == {rebuilt(OTHER), restated(NEW), restated(OTHER)}
    assert parse_pointer(last.text()) == last
    with pytest.raises(SupersededError):
        next_pointer(first, second, publication(OTHER, rebuilt(OTHER)))
