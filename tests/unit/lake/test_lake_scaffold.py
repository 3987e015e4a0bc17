import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from include.lake import sample_files, scaffold
from include.lake.contract_files import read_contract
from include.lake.contracts import NOTHING, Contract
from include.lake.sample_files import SampleError

SHOP = """\
Receipt|When|Item|Pieces|Price|Member e-mail
R1|07.05.2024 10:15|Postcard|4|1,20|a@x.org
R2|17.05.2024 11:00|Catalogue, "Dürer"|1|1.039,95|
R3|07.05.2024 11:30|Postcard|-2|1,20|
"""


def scaffolded(folder: Path, name: str, content: str | bytes, *more: str) -> Contract:
    sample = folder / name
    sample.write_bytes(content.encode() if isinstance(content, str) else content)
    scaffold.main([str(sample), "--dataset", "shop", "--out", str(folder), *more])
    return read_contract(folder / "shop.yaml", "Europe/London")


def test_a_csv_becomes_a_contract_that_loads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = scaffolded(tmp_path, "shop.csv", SHOP, "--channel", "museum")
    assert found.channel == "museum"
    assert (found.source.format, found.source.options["sep"]) == ("csv", "|")
    assert [(c.name, c.source, c.sql_type, c.required, c.primary_key) for c in found.columns] == [
        ("receipt", "Receipt", "string", True, 1),
        ("delivered_when", "When", "timestamp", True, None),
        ("item", "Item", "string", True, None),
        ("pieces", "Pieces", "bigint", True, None),
        ("price", "Price", "decimal(18,2)", True, None),
        ("member_e_mail", "Member e-mail", "string", False, None),
    ]
    price, mail = found.column("price"), found.column("member_e_mail")
    assert (price.decimal_separator, price.grouping_separator) == (",", ".")
    assert mail.is_restricted
    assert found.column("delivered_when").formats == ("dd.MM.yyyy HH:mm",)
    assert found.sales == {
        "transaction_id": "receipt",
        "sold_at": "delivered_when",
        "product_id": "item",
        "product_name": "item",
        "category": NOTHING,
        "quantity": "pieces",
        "unit_price": "price",
        "total_amount": "CAST(pieces * price AS DECIMAL(18,2))",
        "customer_id": "member_e_mail",
        "region": NOTHING,
        "store_id": NOTHING,
        "payment_method": NOTHING,
        "is_return": "pieces < 0",
    }
    text = (tmp_path / "shop.yaml").read_text()
    assert "TODO" not in text
    said = f"{tmp_path}/shop.yaml: {text.count('# guess')} guesses to look at, then deploy\n"
    assert capsys.readouterr().out == said


def test_json_lines_keep_their_digits(tmp_path: Path) -> None:
    lines = [
        {
            "sale": {"x": 1},
            "orderID": n,
            "at": f"2024-05-07T10:0{n}:00Z",
            "total": 1.5 * n,
            "v": None,
        }
        for n in (1, 2)
    ]
    text = "\n".join(map(json.dumps, lines))
    found = scaffolded(tmp_path, "shop.jsonl.gz", gzip.compress(text.encode()))
    assert [(c.name, c.type) for c in found.columns] == [
        ("sale", "string"),
        ("order_id", "integer"),
        ("at", "timestamp"),
        ("total", "decimal"),
        ("v", "string"),
    ]
    assert found.source.format == "jsonl"
    assert found.sales["unit_price"] == "CAST(total / 1 AS DECIMAL(18,2))"
    assert found.sales["total_amount"] == "total"


def test_xml_has_attributes_and_children(tmp_path: Path) -> None:
    rows = "".join(
        f'<s:sale xmlns:s="urn:x" id="{n}"><day>2024-05-0{n}</day><qty>2</qty></s:sale>'
        for n in (1, 2)
    )
    found = scaffolded(tmp_path, "shop.xml", f"<sales><made>x</made>{rows}</sales>")
    assert found.source.options == {"rowTag": "sale"}
    assert [(c.name, c.source, c.type) for c in found.columns] == [
        ("id", "_id", "integer"),
        ("day", "day", "timestamp"),
        ("qty", "qty", "integer"),
    ]


CASES: list[tuple[list[str | None], dict[str, Any]]] = [
    (["1", "-2", "+3"], {"type": "integer", "is_signed": True, "is_unique": True}),
    (["007", "8"], {"type": "string"}),
    (["1.5", "2"], {"type": "decimal", "scale": 1, "separators": (".", None)}),
    (["1,5", "2"], {"type": "decimal", "scale": 1, "separators": (",", None)}),
    (["1.234,5", "2"], {"type": "decimal", "scale": 1, "separators": (",", ".")}),
    (["1,234.50", "2"], {"type": "decimal", "scale": 2, "separators": (".", ",")}),
    (["1'234.50"], {"type": "decimal", "scale": 2, "separators": (".", "'")}),
    (["1.234"], {
        "type": "decimal",
        "doubts": ("three digits follow every '.'; it could group thousands",),
    }),
    (["1.1234567"], {"type": "string"}),
    (["true", "No"], {"type": "boolean"}),
    (["13/01/2024", "02/01/2024"], {"type": "date", "format": "dd/MM/yyyy", "doubts": ()}),
    (["01/13/2024", "01/02/2024"], {"type": "date", "format": "MM/dd/yyyy", "doubts": ()}),
    (["01/02/2024"], {
        "format": "dd/MM/yyyy",
        "doubts": ("no day above 12 in the sample; it could be MM/dd/yyyy",),
    }),
    (["13/01/2024", "01/13/2024"], {"type": "string"}),
    (["31.02.2024"], {"type": "string"}),
    (["2024-05-07 10:15"], {"type": "timestamp", "format": "yyyy-MM-dd HH:mm"}),
    (["2024-05-07T10:15:00.5+02:00"], {"format": "yyyy-MM-dd['T'][ ]HH:mm:ss[.SSSSSS][XXX]"}),
    (["20240507"], {"type": "date", "format": "yyyyMMdd"}),
    (["x", None, "x"], {"type": "string", "is_required": False, "is_unique": False}),
    ([None, " "], {"type": "string", "doubts": ("the sample has no value of it",)}),
]  # fmt: skip


@pytest.mark.parametrize(("values", "expected"), CASES, ids=lambda each: str(each)[:40])
def test_guesses(values: list[str | None], expected: dict[str, Any]) -> None:
    found = sample_files.guess("x", values)
    assert {name: getattr(found, name) for name in expected} == expected


def test_a_key_of_two_columns_is_found_or_given(tmp_path: Path) -> None:
    rows = "Doc;Line;Day;Qty\nA;1;2024-05-13;1\nA;2;2024-05-13;1\nB;1;2024-05-13;1\n"
    found = scaffolded(tmp_path, "shop.csv", rows)
    assert found.sales["transaction_id"] == "concat_ws('-', doc, line)"
    (tmp_path / "shop.yaml").unlink()
    given = scaffolded(tmp_path, "shop.csv", rows, "--key", "Line,Doc,Qty")
    assert [(c.name, c.primary_key) for c in given.columns if c.primary_key] == [
        ("doc", 2), ("line", 1), ("qty", 3),
    ]  # fmt: skip


def test_names_are_plain_and_unique(tmp_path: Path) -> None:
    rows = "Größe,1st,Order,release,No.,no,Day\na,b,c,d,e,f,2024-05-13\n"
    found = scaffolded(tmp_path, "shop.csv", rows)
    assert [column.name for column in found.columns] == [
        "groe", "column_1st", "delivered_order", "delivered_release", "delivered_no",
        "delivered_no_6", "day",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("shop.xlsx", "x", "its name must end in .csv, .jsonl or .xml"),
        ("shop.csv", "", "has no record"),
        ("shop.csv", "a,b\n", "has no record"),
        ("shop.csv", "a,a\n1,2\n", "must name every column, each once"),
        ("shop.csv", "a,b\n1\n", "record 2 has not 2 fields"),
        ("shop.csv", 'a,b\n"x,2\n', "is no CSV"),
        ("shop.csv", "a,b\n1,2\n".encode("utf-16"), "is no text in UTF-8"),
        ("shop.csv", "a,b\n1,2\n", "no column has a date or time in every record"),
        (
            "shop.csv",
            "a,d\nx,2024-05-13\nx,2024-05-14\n",
            "no column, and no two, tell the records",
        ),
        ("shop.csv.gz", "a", "cannot be read"),
        ("shop.jsonl", "{", "line 1 is no JSON"),
        ("shop.jsonl", "[1]", "line 1 is no object"),
        ("shop.xml", "<a>", "is no XML"),
        ("shop.xml", '<!DOCTYPE a [<!ENTITY x "y">]><a/>', "has a document type"),
    ],
)
def test_a_sample_that_shows_too_little_is_one_line(
    tmp_path: Path, name: str, content: str | bytes, message: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        scaffolded(tmp_path, name, content)
    said = str(stopped.value)
    assert said.startswith("scaffold: ")
    assert message in said
    assert "\n" not in said
    assert not (tmp_path / "shop.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--dataset", "Shop 1"], "is no plain name"),
        (["--dataset", "../x"], "is no plain name"),
        (["--key", "Nothing"], "--key names Nothing"),
        (["--channel", "a'b"], "is no plain name"),
        (["--what"], "unrecognized arguments"),
    ],
)
def test_bad_arguments_are_one_line(tmp_path: Path, arguments: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        scaffolded(tmp_path, "shop.csv", SHOP, *arguments)


def test_a_contract_is_never_written_over(tmp_path: Path) -> None:
    scaffolded(tmp_path, "shop.csv", SHOP)
    before = (tmp_path / "shop.yaml").read_bytes()
    with pytest.raises(SystemExit, match="exists; remove it first"):
        scaffolded(tmp_path, "shop.csv", SHOP.replace("Item", "Thing"))
    assert (tmp_path / "shop.yaml").read_bytes() == before


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        scaffold.main(["--help"])
    assert "python -m include.lake.scaffold" in capsys.readouterr().out


def test_a_sample_error_is_a_value_error() -> None:
    assert issubclass(SampleError, ValueError)
