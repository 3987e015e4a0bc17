"""What the first bytes of a file say of its columns, and which values look like their type."""

from dataclasses import replace
from pathlib import Path

import pytest

from include.lake import drift
from include.lake.contracts import Column, ColumnType, Contract, load_lake
from include.lake.header_types import fits, fits_parquet
from include.lake.headers import SAMPLE, Header, text_header
from include.lake.strict_yaml import ContractError

LAKE = load_lake()
ORDERS, VENDORS = LAKE.contract("ecommerce_orders"), LAKE.contract("vendor_sales")


def column(kind: ColumnType, **more: object) -> Column:
    return replace(Column("c", "c", kind), **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("kind", "more", "good", "bad"),
    [
        ("integer", {}, ("12", "-3", "2.0", "1E2", " 7\u00a0"), ("many", "1,200", "NaN", "1_000")),
        ("decimal", {}, ("1.20", ".5", "-0", "1e3"), ("1,20", "Infinity", "£3")),
        (
            "decimal",
            {"decimal_separator": ",", "grouping_separator": "."},
            ("1,20", "1.234,50", "-3", "12"),
            ("1.20", "12.50", "1,234.50"),
        ),
        ("decimal", {"decimal_separator": ","}, ("1,20", "3"), ("1.20", "1.234,5")),
        (
            "timestamp",
            {"formats": ("dd/MM/yyyy HH:mm",)},
            ("01/03/2025 10:05", "31/02/2025 99:99"),
            ("2025-03-01 10:05", "01/03/25 10:05", "now"),
        ),
        (
            "timestamp",
            {},
            ("2025-03-01T10:05:00", "2025-03-01 10:05:00.123456+01:00", "2025-03-01T10:05:00Z"),
            ("1740823500", "01/03/2025"),
        ),
        ("timestamp", {"formats": ("d MMM yyyy 'at' H.mm",)}, ("1 Mar 2025 at 9.05",), ("1 Mar",)),
        ("date", {}, ("2025-03-01",), ("2025-3", "01/03/2025")),
        ("boolean", {}, ("true", "FALSE", "1"), ("maybe",)),
        ("string", {}, ("anything", "12"), ()),
    ],
)
def test_a_look_takes_what_the_job_takes(
    kind: ColumnType, more: dict[str, object], good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    one = column(kind, **more)
    assert {text for text in good if not fits(one, text)} == set()
    assert {text for text in bad if fits(one, text)} == set()
    assert not fits(one, {"nested": 1})
    assert not fits(one, ["list"])


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("integer", ("int64", "int32", "decimal128(18, 0)"), ("double", "string", "bool")),
        ("decimal", ("decimal128(18, 2)", "int32"), ("float", "double", "string")),
        ("timestamp", ("timestamp[us, tz=UTC]", "timestamp[ns]"), ("int64", "date32[day]")),
        ("date", ("date32[day]", "timestamp[us]"), ("string",)),
        ("boolean", ("bool",), ("int8",)),
        ("string", ("string", "large_string", "int64"), ("double", "list<item: string>")),
    ],
)
def test_no_float_is_ever_money(
    kind: ColumnType, good: tuple[str, ...], bad: tuple[str, ...]
) -> None:
    one = column(kind, precision=18, scale=2)
    assert [each for each in (*good, "null") if not fits_parquet(one, each)] == []
    assert [each for each in bad if fits_parquet(one, each)] == []


def header(contract: Contract, text: str, whole: bool = True) -> Header:
    return text_header(contract, "file", text.encode(), whole)


def test_csv_is_read_as_the_contract_says() -> None:
    names = ";".join(f'"{each.source}"' for each in VENDORS.delivered_columns)
    found = header(VENDORS, f"\ufeff\r\n{names}\r\n", whole=True)
    assert drift.compare(VENDORS, found) == drift.Drift()
    assert not found.has_rows
    assert header(VENDORS, f"{names}\nV001;0000", whole=False).has_rows, "the rest was not read"
    latin = replace(VENDORS, source=replace(VENDORS.source, options={"encoding": "ISO-8859-1"}))
    assert text_header(latin, "file", "Größe,b\n".encode("latin-1"), True).names == ("Größe", "b")


def test_a_head_without_one_whole_line_tells_nothing() -> None:
    found = header(VENDORS, "Vendor;Doc N", whole=False)
    assert found.names == ()
    assert found.has_rows
    assert drift.compare(VENDORS, found) == drift.Drift()
    assert not header(VENDORS, "").has_rows


def test_rows_of_another_width_and_broken_quotes_do_not_mislead() -> None:
    names = ";".join(each.source for each in VENDORS.delivered_columns)
    ragged = "V001;x\n" * 30 + 'V001;"never closed\n' * 3
    found = header(VENDORS, f"{names}\n{ragged}")
    assert found.has_rows
    assert drift.compare(VENDORS, found) == drift.Drift()


def test_keys_may_be_left_out_of_some_records() -> None:
    rows = '{"quantity": 1}\n{"region": null}\n' * 2
    (problem,) = drift.compare(ORDERS, header(ORDERS, rows)).problems
    assert problem.startswith("file lacks columns transaction_id, timestamp, product_id")
    assert "quantity" not in problem
    assert "region" not in problem
    assert "customer_id" not in problem, "not required: a record may leave it out"
    assert drift.compare(ORDERS, header(ORDERS, '{"quantity": 1}\n')) == drift.Drift()


def test_only_the_first_records_are_looked_at() -> None:
    assert header(ORDERS, '{"a": 1}\n' * (SAMPLE + 50)).records == SAMPLE


def test_a_policy_is_read_strictly(tmp_path: Path) -> None:
    shipped = Path(__file__).parents[3] / "include" / "contracts"
    for file in shipped.glob("*.yaml"):
        (tmp_path / file.name).write_text(file.read_text())
    contract = tmp_path / "vendor_sales.yaml"
    policy = "  - property: drift\n    value: {added: %s, reordered: fail}\n"
    contract.write_text(contract.read_text() + policy % "fail")
    assert load_lake(tmp_path).contract("vendor_sales").drift == drift.DriftPolicy("fail", "fail")
    assert load_lake(tmp_path).contract("ecommerce_orders").drift == drift.DriftPolicy()
    contract.write_text(contract.read_text().replace("added: fail", "added: maybe"))
    with pytest.raises(ContractError, match=r"vendor_sales\.yaml:.*added"):
        load_lake(tmp_path)
