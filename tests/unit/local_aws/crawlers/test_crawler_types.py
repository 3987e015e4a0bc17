"""The lattice of types: what one value is, and what two findings become."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from include.local_aws.crawlers.types import (
    Array,
    Map,
    Struct,
    Type,
    merge,
    merge_all,
    of_json,
    of_text,
    render,
)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "string"),
        ("  ", "string"),
        ("7", "bigint"),
        ("-007", "bigint"),
        ("9223372036854775807", "bigint"),
        ("9223372036854775808", "double"),
        ("1_000", "string"),
        ("1.", "double"),
        (".5", "double"),
        ("1e3", "double"),
        ("nan", "string"),
        ("inf", "string"),
        ("TRUE", "boolean"),
        ("2026-01-01", "string"),
        ("1,5", "string"),
    ],
)
def test_text_has_a_type(text: str, kind: str) -> None:
    assert render(of_text(text)) == kind


@pytest.mark.parametrize(
    ("documents", "kind"),
    [
        (["null"], "string"),
        (["null", "1"], "bigint"),
        (["1", "1.5"], "double"),
        (["1", '"x"'], "string"),
        (["true", "1"], "string"),
        (["[]", "[1]", "[null, 2.5]"], "array<double>"),
        (["[1]", "1"], "string"),
        (
            ['{"A": 1}', '{"a": 2.5, "b": null}', '{"b": {"c": []}}'],
            "struct<a:double,b:struct<c:array<string>>>",
        ),
        (['{"a": 1}', "[1]"], "string"),
    ],
)
def test_documents_merge(documents: list[str], kind: str) -> None:
    assert render(merge_all(of_json(json.loads(text)) for text in documents)) == kind


@pytest.mark.parametrize(
    ("left", "right", "kind"),
    [
        ("int", "bigint", "bigint"),
        ("tinyint", "smallint", "smallint"),
        ("int", "float", "double"),
        ("float", "double", "double"),
        ("decimal(10,2)", "decimal(5,4)", "decimal(12,4)"),
        ("decimal(38,0)", "decimal(5,4)", "string"),
        ("date", "timestamp", "string"),
        (Map("string", "int"), Map("string", "bigint"), "map<string,bigint>"),
    ],
)
def test_parquet_types_merge(left: Type, right: Type, kind: str) -> None:
    assert render(merge(left, right)) == render(merge(right, left)) == kind


names = st.sampled_from([None, "boolean", "int", "bigint", "float", "double", "string", "date"])
types = st.recursive(
    names,
    lambda inner: st.one_of(
        st.builds(Array, inner),
        st.dictionaries(st.sampled_from("abc"), inner, max_size=3).map(
            lambda fields: Struct(tuple(sorted(fields.items())))
        ),
    ),
    max_leaves=6,
)


def by_name(kind: Type) -> Type:
    """The type with all fields in the order of their names."""
    if isinstance(kind, Struct):
        return Struct(
            tuple(
                (name, by_name(item))
                for name, item in sorted(kind.fields, key=lambda field: field[0])
            )
        )
    return Array(by_name(kind.element)) if isinstance(kind, Array) else kind


@given(types, types, types)
def test_merging_is_a_lattice(one: Type, two: Type, three: Type) -> None:
    """The result does not depend on the order of files or how often one is seen."""
    assert merge(one, one) == one
    assert by_name(merge(one, two)) == by_name(merge(two, one))
    assert by_name(merge(merge(one, two), three)) == by_name(merge(one, merge(two, three)))
