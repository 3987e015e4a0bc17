"""Crawls of XML with a row tag."""

import gzip
from typing import Any

import pytest

from include.local_aws.crawlers.row_tags import records
from include.local_aws.crawlers.types import render
from tests.unit.local_aws.crawlers.conftest import Lake

ORDERS = """<?xml version="1.0" encoding="UTF-8"?>
<orders xmlns="urn:shop" xmlns:m="urn:more">
  <order Id="7" kind="web">
    <Customer><name>Zoë &amp; Co</name><since>2020</since></Customer>
    <item sku="a"><price>1.50</price></item>
    <item sku="b"><price>2</price></item>
    <m:paid>true</m:paid>
    <note/>
  </order>
  <order Id="8">
    <Customer><name>B</name></Customer>
    <item sku="c"><price>3</price></item>
    <total currency="EUR">3.00</total>
  </order>
</orders>
"""


@pytest.fixture
def lake(glue: Any, s3: Any, bucket: str, unique: str) -> Lake:
    """A bucket, a database, and a classifier for `order` elements of the database's name."""
    made = Lake(glue, s3, bucket, unique)
    glue.create_classifier(
        XMLClassifier={"Name": unique, "Classification": "xml", "RowTag": "order"}
    )
    return made


def _columns(text: str, tag: str = "order") -> dict[str, str]:
    found = records(text.encode(), tag)
    assert found is not None
    return {name: render(kind) for name, kind in found[0].fields}


EXPECTED = {
    "_id": "bigint",
    "_kind": "string",
    "customer": "struct<name:string,since:bigint>",
    "item": "array<struct<_sku:string,price:double>>",
    "paid": "boolean",
    "note": "string",
    "total": "struct<_currency:string,_value:double>",
}


def test_columns_of_records() -> None:
    assert _columns(ORDERS) == EXPECTED
    found = records(ORDERS.encode(), "order")
    assert found is not None
    assert found[1] == 2
    assert found[2] == ("_Id", "_kind", "Customer", "item", "paid", "note", "total")
    assert _columns("<r><order>5</order><order>6.5</order></r>") == {"_value": "double"}
    nested = "<r><order><order><a>1</a></order></order></r>"
    assert _columns(nested) == {"order": "struct<a:bigint>"}


@pytest.mark.parametrize(
    "text",
    ["", "no xml", "<r><other/></r>", "<r><order a='1'/></r>", "<r><order><a></order></r>",
     '{"order": 1}', '<?xml version="1.0" encoding="x-none"?><r><order>1</order></r>'],
)  # fmt: skip
def test_what_has_no_records(text: str) -> None:
    assert records(text.encode(), "order") is None


def test_a_cut_document_gives_its_whole_records() -> None:
    cut = ORDERS[: ORDERS.index('<order Id="8"') + 30]
    found = records(cut.encode(), "order")
    assert found is not None
    assert found[1] == 1


def test_a_crawl_makes_a_table(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.xml", ORDERS.encode())
    one = ORDERS.replace('<item sku="b"><price>2</price></item>', "").replace('Id="8"', 'Id="x"')
    lake.put("bronze/orders/d=2/b.xml.gz", gzip.compress(one.encode()))
    lake.put("bronze/lines/d=1/a.json", {"id": 1})
    lake.crawler(Classifiers=[lake.name])
    lake.crawl()
    assert lake.tables() == ["lines", "orders"]
    assert lake.columns("orders") == {**EXPECTED, "_id": "string"}
    table = lake.table("orders")
    assert table["Parameters"]["classification"] == "xml"
    assert table["Parameters"]["rowTag"] == "order"
    assert table["Parameters"]["recordCount"] == "4"
    assert set(lake.partitions("orders")) == {("1",), ("2",)}


def test_a_crawl_without_the_classifier_does_not_know_the_format(lake: Lake) -> None:
    lake.put("bronze/orders/d=1/a.xml", ORDERS.encode())
    lake.crawler()
    lake.crawl()
    assert lake.table("orders")["Parameters"]["classification"] == "UNKNOWN"


def test_other_classifiers_are_refused(lake: Lake) -> None:
    lake.glue.create_classifier(
        GrokClassifier={"Name": f"{lake.name}-g", "Classification": "x", "GrokPattern": "%{WORD:a}"}
    )
    lake.put("bronze/orders/d=1/a.xml", ORDERS.encode())
    lake.crawler(Classifiers=[f"{lake.name}-g"])
    last = lake.crawl("FAILED")
    assert "only XMLClassifier with a RowTag is executed here" in last["ErrorMessage"]
