import time
import tracemalloc
from collections.abc import Callable, Iterator
from itertools import chain
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retail_io import xml_records
from retail_io.xml_records import Record, XmlFormat

STYLE = XmlFormat(("_id", "name", "price"), "product")
PIECE = 50
DOCUMENT = """<?xml version="1.0" encoding="UTF-8"?>
<!-- a <product> in a comment is none -->
<catalogue xmlns:x="urn:x" day="2026-03-10">
  <made>today</made>
  <product id="P1">
    <name>Café &amp; <![CDATA[<Bar>]]> &#x20AC;</name><price currency="GBP">1.50</price>
  </product>
  <x:product x:id='P2' more=">" ><x:price/><other><name>no</name></other></x:product>
  <product id="P3"/><product></product><product><name/></product>
</catalogue>
"""


def records(data: bytes, style: XmlFormat = STYLE) -> list[Record]:
    pieces = (data[at : at + PIECE] for at in range(0, len(data), PIECE))
    return list(style.records(("f.xml", piece) for piece in pieces))


def read(text: str) -> list[tuple[int, list[str | None] | None]]:
    return [(row, fields) for _, row, _, fields in records(text.encode())]


@pytest.fixture(params=[1, 7, xml_records._CHUNK])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """However the document is cut into chunks."""
    monkeypatch.setattr(xml_records, "_CHUNK", request.param)


@pytest.mark.usefixtures("chunk")
def test_records_have_their_line_their_text_and_their_fields() -> None:
    assert records(DOCUMENT.encode()) == [
        (
            "f.xml",
            5,
            '<product id="P1">\n    <name>Café &amp; <![CDATA[<Bar>]]> &#x20AC;</name>'
            '<price currency="GBP">1.50</price>\n  </product>',
            ["P1", "Café & <Bar> €", "1.50"],
        ),
        (
            "f.xml",
            8,
            "<x:product x:id='P2' more=\">\" ><x:price/><other><name>no</name></other></x:product>",
            ["P2", None, ""],
        ),
        ("f.xml", 9, '<product id="P3"/>', ["P3", None, None]),
        ("f.xml", 10, "<product></product>", [None, None, None]),
        ("f.xml", 11, "<product><name/></product>", [None, "", None]),
    ]


ENCODINGS = {
    "UTF-8": "utf-8-sig",
    "UTF-16": "utf-16",
    "utf-16": "utf-16-be",
    "UTF-16LE": "utf-16-le",
    "ISO-8859-1": "latin-1",
    "windows-1252": "cp1252",
}


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize("declared", ENCODINGS)
@pytest.mark.parametrize("end", ["", "\n"])
def test_the_document_says_in_which_encoding_it_is(declared: str, end: str) -> None:
    rows = "".join(f"<product>\n<name>ÄĊ㸾{n}</name></product>" for n in range(3))
    rows = rows if "16" in declared or declared[-1] == "8" else rows.replace("Ċ㸾", "é")
    text = f'<?xml version="1.0" encoding="{declared}"?><a>{rows}</a>{end}'
    assert records(text.encode(ENCODINGS[declared])) == [
        ("f.xml", n + 1, row + "</product>", [None, f"{row.split('>')[2][:-6]}", None])
        for n, row in enumerate(rows.split("</product>")[:3])
    ]


@pytest.mark.parametrize("name", ["EBCDIC-CP-US", "UTF-7", "rot13", "hex", "x" * 900])
def test_an_encoding_that_is_not_read_here_makes_the_file_unreadable(name: str) -> None:
    text = f'<?xml version="1.0" encoding="{name}"?><a><product/></a>'
    ((file, row, raw, fields),) = records(text.encode())
    assert (file, row, fields) == ("f.xml", 1, None)
    assert raw == text[:1000]


def test_bad_bytes_damage_their_own_record_alone() -> None:
    data = b"<a><product id='1'/><product><name>caf\xe9 \x00</name></product><product id='3'/></a>"
    assert [(row, fields) for _, row, _, fields in records(data)] == [
        (1, ["1", None, None]),
        (2, None),
        (3, ["3", None, None]),
    ]
    assert records(data)[1][2] == "<product><name>caf\ufffd \ufffd</name></product>"


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    "inner",
    [
        "<name>a</name><name>b</name>",
        "<name>a<b>c</b></name>",
        "<price><product/></price>",
    ],
)
def test_a_field_that_is_not_one_text_makes_its_record_unreadable(inner: str) -> None:
    text = f"<a><product>{inner}</product><product id='2'/></a>"
    assert records(text.encode()) == [
        ("f.xml", 1, f"<product>{inner}</product>", None),
        ("f.xml", 2, "<product id='2'/>", ["2", None, None]),
    ]


def test_what_is_not_wanted_may_stand_twice_and_hold_elements() -> None:
    assert read("<a><product id='1'><b>x</b><b><c/></b><product/></product></a>") == [
        (1, ["1", None, None])
    ]


@pytest.mark.parametrize("text", ["", " \n", "\ufeff", "<a/>", "<a b='c'>\n</a>", "<a></a>"])
def test_an_empty_document_has_no_records(text: str) -> None:
    assert records(text.encode()) == []


@pytest.mark.parametrize(
    "text",
    ["<html><head/><body>Login</body></html>", "<a><Product/></a>", "no xml", '{"id": 1}'],
)
def test_a_document_without_the_row_tag_is_one_unreadable_record(text: str) -> None:
    assert records(text.encode()) == [("f.xml", 1, text, None)]


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    "rest",
    [
        "<product id='2'><name>Marks & Spencer</name></product>\n<product id='3'/>\n</a>",
        "<product id='2'><name>cut o",
        "<product id='2'><name></price></product></a>",
        "<product id='2'>&unknown;</product></a>",
        "<product id='2' id='2'/></a>",
        "<product id='2'><name>]]></name></product></a>",
        "<product id='2'>&#0;</product></a>",
    ],
)
def test_where_a_document_breaks_off_the_rest_is_one_unreadable_record(rest: str) -> None:
    good = "<product id='1'/>"
    found = records(f"<a>\n{good}\n{rest}".encode())
    assert found[0] == ("f.xml", 2, good, ["1", None, None])
    assert [(row, fields) for _, row, _, fields in found[1:]] == [(3, None)]
    assert found[1][2].strip() == rest


@pytest.mark.parametrize("rest", ["", "\n", "</b>", "<", "</a> more", "</a><a/>", "<!-- "])
def test_a_break_between_records_counts_too(rest: str) -> None:
    found = read(f"<a>\n<product id='1'/>\n{rest}")
    assert found[0] == (2, ["1", None, None])
    assert len(found) == 2
    assert found[1][0] in (3, 4)
    assert found[1][1] is None


ENTITIES = [f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10)]
LAUGHS = f"""<?xml version="1.0"?>
<!DOCTYPE a [<!ENTITY l0 "ha">{"".join(ENTITIES)}]>
<a><product><name>&l9;</name></product></a>"""


@pytest.mark.usefixtures("chunk")
@pytest.mark.parametrize(
    "text",
    [
        LAUGHS,
        '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a><product>&x;</product></a>',
        '<!DOCTYPE a SYSTEM "http://127.0.0.1:1/a.dtd"><a><product id="1"/></a>',
        '<!DOCTYPE a [<!ENTITY % x SYSTEM "http://127.0.0.1:1/a.dtd">%x;]><a><product/></a>',
        '<!DOCTYPE a><a><product id="1"/></a>',
    ],
)
def test_a_document_type_is_refused_with_its_file(text: str) -> None:
    ((file, row, raw, fields),) = records(text.encode())
    assert (file, fields) == ("f.xml", None)
    assert row == 1 + text[: text.index("<!DOCTYPE")].count("\n")
    assert raw == text[: len(raw)]
    assert raw


@pytest.mark.usefixtures("chunk")
def test_a_record_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xml_records, "MAX_RECORD", 60)
    long = f"<product id='2'><name>{'x' * 200}</name><price>1</price></product>"
    assert records(f"<a><product id='1'/>{long}<product id='3'/></a>".encode()) == [
        ("f.xml", 1, "<product id='1'/>", ["1", None, None]),
        ("f.xml", 2, long[:60], None),
        ("f.xml", 3, "<product id='3'/>", ["3", None, None]),
    ]


@pytest.mark.parametrize(
    "bomb",
    [
        lambda: (b"x" * (1 << 16) for _ in range(800)),
        lambda: (b"<b>" for _ in range(1 << 17)),
        lambda: (b"<!--" + b"-x" * 40_000 + b">" for _ in range(400)),
        lambda: (b"<b a='" + b"&lt;" * 30_000 + b">" for _ in range(300)),
        lambda: (b"<product><name" + b"y" * 70_000 + b">" for _ in range(300)),
    ],
    ids=["text", "depth", "comment", "attribute", "names"],
)
def test_memory_and_time_stay_bounded(bomb: Callable[[], Iterator[bytes]]) -> None:
    head = [("f", b"<a>"), ("f", b"<product id='1'/>"), ("f", b"<product>")]
    tracemalloc.start()
    started = time.process_time()
    found = list(STYLE.records(chain(head, (("f", piece) for piece in bomb()))))
    seconds = time.process_time() - started
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert [(row, fields) for _, row, _, fields in found] == [(1, ["1", None, None]), (2, None)]
    assert peak < 16 << 20
    assert seconds < 10


def test_each_file_is_a_document_of_its_own() -> None:
    pieces = [
        ("x", b"<a><product "),
        ("x", b"id='1'/>"),
        ("y", b"<a>"),
        ("y", b"<product id='2'/>"),
    ]
    pieces += [("y", b"</a>")]
    assert [(file, row, fields) for file, row, _, fields in STYLE.records(pieces)] == [
        ("x", 1, ["1", None, None]),
        ("x", 2, None),
        ("y", 1, ["2", None, None]),
    ]


TEXT = st.text(st.sampled_from("ab<>&\"' \n]é😀/"), max_size=6)
FIELDS = st.tuples(TEXT, st.none() | TEXT, st.none() | TEXT)


@given(st.lists(FIELDS, max_size=6), st.sampled_from(["", "\n", "<!-- > -->"]), st.integers(1, 40))
def test_what_was_written_is_read_back_and_each_text_is_its_element(
    rows: list[tuple[str, str | None, str | None]], between: str, size: int
) -> None:
    elements = []
    for id_, *texts in rows:
        inner = between.join(
            f"<{name}>{escape(text)}</{name}>"
            for name, text in zip(("name", "price"), texts, strict=True)
            if text is not None
        )
        elements.append(f"<product id={quoteattr(id_)}>{inner}</product>")
    text = "<a>" + between.join(elements) + "</a>"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(xml_records, "_CHUNK", size)
        found = records(text.encode())
    assert [raw for _, _, raw, _ in found] == elements
    assert [fields for *_, fields in found] == [list(row) for row in rows]
    for _, _, raw, fields in found:
        element = ElementTree.fromstring(raw)
        assert fields == [element.get("id"), element.findtext("name"), element.findtext("price")]
    assert [row for _, row, *_ in found] == sorted({row for _, row, *_ in found})


@given(st.text(st.sampled_from("<>/ab&;!-\n' ="), max_size=60))
def test_no_record_is_lost_whatever_follows_it(rest: str) -> None:
    good = "".join(f"<product id='{n}'/>" for n in range(3))
    found = records(f"<a>{good}{rest}".encode())
    assert [fields for *_, fields in found[:3]] == [[str(n), None, None] for n in range(3)]
    assert all(fields is None for *_, fields in found[3:])
    assert len(found) in (3, 4)
