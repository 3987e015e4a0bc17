"""JSON with the digits of its numbers: what Python's own reader takes, as it means it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retail_lake.hooks import json_lines

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@settings(max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.text(), JSON))
def test_a_line_says_what_the_document_said(record: dict[str, Any]) -> None:
    """Whatever the spaces and the order of names were; the line has no other line break."""
    line = json_lines.line(json_lines.parse(json.dumps(record, indent=3)))
    assert json.loads(line) == record
    assert line.count(b"\n") == 1
    turned = dict(reversed(record.items()))
    assert json_lines.line(json_lines.parse(json.dumps(turned, ensure_ascii=True))) == line


@settings(max_examples=50, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False))
def test_numbers_keep_their_digits(number: Decimal) -> None:
    text = f"{number:f}"
    assert json_lines.line(json_lines.parse(f'{{"n": {text}}}')) == f'{{"n":{text}}}\n'.encode()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": NaN}', "NaN is no JSON number"),
        ('{"a": -Infinity}', "-Infinity is no JSON number"),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', "an object says 'c' twice"),
        ('{"a": "private', "at character 6 of 14"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_what_is_not_json_is_refused_without_being_quoted(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason) as caught:
        json_lines.parse(text)
    assert "private" not in str(caught.value)
