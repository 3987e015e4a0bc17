import pyarrow as pa
import pytest

from retail_io.standard_text import BLANKS, batches_of, standardised


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (["a", "b c"], ["a", "b c"]),
        ([" a\t", "\ufeffb\u00a0", "\r\nc\v\f"], ["a", "b", "c"]),
        (["", *BLANKS, BLANKS, None], [None] * (len(BLANKS) + 3)),
        (["cafe\u0301", "caf\u00e9", None, "x"], ["caf\u00e9", "caf\u00e9", None, "x"]),
        (["\u212b", "\u1112\u1161\u11ab"], ["\u00c5", "\ud55c"]),
        (["\u00e9 \ufb01 \u2460"], ["\u00e9 \ufb01 \u2460"]),
        ([], []),
    ],
)  # fmt: skip
def test_text_has_one_form(given: list[str | None], expected: list[str | None]) -> None:
    assert standardised(pa.array(given, pa.string())).to_pylist() == expected


def test_a_slice_is_standardised_alone() -> None:
    texts = pa.array([" a", "e\u0301", "", " d "], pa.string())
    assert standardised(texts[1:3]).to_pylist() == ["\u00e9", None]


def test_records_become_batches_of_bounded_size() -> None:
    records = [("f", row, f"raw {row}", [" x ", None] if row % 2 else None) for row in range(2500)]
    batches = list(batches_of(iter(records), 2))
    assert [batch.num_rows for batch in batches] == [1024, 1024, 452]
    rows = pa.Table.from_batches(batches).to_pylist()
    assert [tuple(row.values()) for row in rows] == [
        ("f", row, f"raw {row}", bool(row % 2), "x" if row % 2 else None, None)
        for row in range(2500)
    ]
