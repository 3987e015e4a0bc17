"""Every kind of schema drift in every format, in a real S3, with notices in a real queue."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any
from xml.sax.saxutils import escape

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException

from include.lake import drift, inputs, layout
from include.lake.contracts import Contract, load_lake
from retail_lake.hooks import heads
from retail_lake.operators.check_drift import CheckDriftOperator
from tests.unit.plugins.world import DAY, World, release

ORDERS = load_lake().contract("ecommerce_orders")
FOLDER = f"bronze/ecommerce_orders/ingest_date={DAY}/"
FORMATS = ("csv", "jsonl", "xml", "parquet")
OPTIONS = {"csv": {"header": "true", "sep": ";"}, "xml": {"rowTag": "order"}}
ROWS = 12
VALUES: dict[str, Any] = {
    "transaction_id": "TXN000001",
    "timestamp": "2025-03-01T10:00:00",
    "product_id": "P001",
    "product_name": "Mouse; wired",
    "category": "Electronics",
    "quantity": 2,
    "unit_price": Decimal("1.50"),
    "total_amount": Decimal("3.00"),
    "customer_id": "C1",
    "region": "North",
    "payment_method": "Cash",
}
Columns = list[tuple[str, Any]]


def good() -> Columns:
    """Name and value of each column as it was agreed."""
    return [(column.source, VALUES[column.source]) for column in ORDERS.delivered_columns]


def rendered(kind: str, columns: Columns, rows: int = ROWS) -> bytes:
    """A file of so many equal rows."""
    if kind == "csv":
        text = io.StringIO()
        writer = csv.writer(text, delimiter=";")
        writer.writerow([name for name, _ in columns])
        writer.writerows([[value for _, value in columns]] * rows)
        return ("\ufeff" + text.getvalue()).encode()
    if kind == "jsonl":
        pairs = [
            f"{json.dumps(name)}: {json.dumps(value, default=float)}" for name, value in columns
        ]
        return (f"{{{', '.join(pairs)}}}\n" * rows).encode()
    if kind == "xml":
        row = "".join(f"<{name}>{escape(str(value))}</{name}>" for name, value in columns)
        body = f"<order>{row}</order>\n" * rows
        return f"<?xml version='1.0' encoding='UTF-8'?>\n<orders>{body}</orders>".encode()
    made = [
        datetime.fromisoformat(value) if name == "timestamp" else value for name, value in columns
    ]
    names = [name for name, _ in columns]
    return parquet(pa.Table.from_arrays([pa.array([one] * rows) for one in made], names))


def parquet(table: pa.Table) -> bytes:
    data = io.BytesIO()
    pq.write_table(table, data)
    return data.getvalue()


class Gate:
    """A world with a dataset of one format, its topic and the queue behind it."""

    def __init__(self, world: World, client: Callable[[str], Any]) -> None:
        self.world = world
        self.contract: Contract = ORDERS
        self.sqs = client("sqs")
        self.sns = client("sns")
        self.topic = self.sns.create_topic(Name=world.database)["TopicArn"]
        self.queue = self.sqs.create_queue(QueueName=world.database)["QueueUrl"]
        arn = self.sqs.get_queue_attributes(QueueUrl=self.queue, AttributeNames=["QueueArn"])
        self.sns.subscribe(
            TopicArn=self.topic,
            Protocol="sqs",
            Endpoint=arn["Attributes"]["QueueArn"],
            Attributes={"RawMessageDelivery": "true"},
        )
        crawled = {
            "Columns": [{"Name": name, "Type": "string"} for name, _ in good()],
            "Location": f"s3://{world.bucket}/bronze/ecommerce_orders/",
        }
        world.table("ecommerce_orders", {"ingest_date": "string"}, crawled)
        world.glue.create_partition(
            DatabaseName=world.database,
            TableName="ecommerce_orders",
            PartitionInput={"Values": [DAY], "StorageDescriptor": crawled},
        )

    def deliver(self, kind: str, content: bytes, name: str = "") -> None:
        source = replace(ORDERS.source, format=kind, options=OPTIONS.get(kind, {}))
        self.contract = replace(self.contract, source=source)
        self.world.put(f"{FOLDER}{name or f'orders.{kind}'}", content)
        self.world.put(f"{FOLDER}_SUCCESS")

    def policy(self, **verdicts: Any) -> None:
        self.contract = replace(self.contract, drift=drift.DriftPolicy(**verdicts))

    def check(self, number: int = 1) -> dict[str, Any]:
        return CheckDriftOperator(
            task_id="check_drift",
            release=release(number),
            days=[DAY],
            pointer=self.world.pointer,
            lake=replace(self.world.lake, contracts=(self.contract,)),
            bucket=self.world.bucket,
            layout=layout,
            rules=inputs,
            drift=drift,
            alert_topic=self.topic,
        ).execute(self.world.context)

    def notices(self) -> list[dict[str, Any]]:
        answer = self.sqs.receive_message(QueueUrl=self.queue, MaxNumberOfMessages=10)
        return [json.loads(message["Body"]) for message in answer.get("Messages", [])]

    def listed(self) -> bool:
        """Whether an input list was written, so that the job could start."""
        return "Contents" in self.world.s3.list_objects_v2(
            Bucket=self.world.bucket, Prefix="ops/releases/"
        )


@pytest.fixture
def gate(world: World, client: Callable[[str], Any]) -> Iterator[Gate]:
    made = Gate(world, client)
    yield made
    made.sqs.delete_queue(QueueUrl=made.queue)
    made.sns.delete_topic(TopicArn=made.topic)


def without(name: str) -> Columns:
    return [(column, value) for column, value in good() if column != name]


def instead(name: str, *others: tuple[str, Any]) -> Columns:
    return [pair for one in good() for pair in (others if one[0] == name else [one])]


BREAKING = {
    "removed": (without("quantity"), "lacks columns quantity"),
    "renamed": (instead("quantity", ("pieces", 2)), "lacks columns quantity"),
    "recased": (instead("quantity", ("Quantity", 2)), "column quantity is written Quantity"),
    "retyped": (instead("quantity", ("quantity", "two")), "column quantity is no integer"),
    "doubled": (
        instead("quantity", ("quantity", 2), ("quantity", 3)),
        "has columns quantity twice",
    ),
}


@pytest.mark.parametrize("kind", FORMATS)
def test_what_breaks_fails_before_the_job_and_is_named(gate: Gate, kind: str) -> None:
    for columns, said in BREAKING.values():
        gate.deliver(kind, rendered(kind, columns))
        with pytest.raises(AirflowFailException) as raised:
            gate.check()
        assert f"{FOLDER}orders.{kind} {said}" in str(raised.value)
        assert "two" not in str(raised.value), "no value of a row is told"
    assert not gate.listed()
    assert gate.notices() == []

    gate.deliver(kind, rendered(kind, good()[::-1]))
    assert gate.check()["added"] == {}, "another order passes"


@pytest.mark.parametrize("kind", FORMATS)
def test_a_column_more_passes_and_is_told_once(gate: Gate, kind: str) -> None:
    gate.deliver(kind, rendered(kind, [*good(), ("coupon", "SECRET")]))
    assert gate.check()["added"] == {"ecommerce_orders": ["coupon"]}
    (notice,) = gate.notices()
    assert notice["dataset"] == "ecommerce_orders"
    assert notice["columns"] == {"coupon": f"{FOLDER}orders.{kind}"}
    assert notice["days"] == [DAY, DAY]
    assert "SECRET" not in json.dumps(notice)

    assert gate.check(2)["added"] == {"ecommerce_orders": ["coupon"]}
    assert gate.notices() == []
    gate.deliver(kind, rendered(kind, [*good(), ("coupon", "x"), ("note", "x")]))
    gate.check(3)
    assert [notice["columns"] for notice in gate.notices()] == [{"note": f"{FOLDER}orders.{kind}"}]


def test_a_notice_that_cannot_be_sent_is_sent_by_the_next_run(gate: Gate) -> None:
    gate.deliver("csv", rendered("csv", [*good(), ("coupon", "x")]))
    topic, gate.topic = gate.topic, f"{gate.topic}-gone"
    assert gate.check()["objects"] == 1
    gate.topic = topic
    gate.check(2)
    assert len(gate.notices()) == 1


def test_a_contract_may_be_stricter(gate: Gate) -> None:
    gate.policy(added="fail")
    gate.deliver("csv", rendered("csv", [*good(), ("coupon", "x")]))
    with pytest.raises(AirflowFailException, match="has columns coupon that its contract"):
        gate.check()
    gate.policy(reordered="fail")
    gate.deliver("csv", rendered("csv", good()[::-1]))
    with pytest.raises(AirflowFailException, match="in another order: payment_method, region"):
        gate.check()


def test_every_file_is_looked_at_and_every_problem_told(gate: Gate) -> None:
    for number in range(3):
        gate.deliver("csv", rendered("csv", good()), f"good-{number}.csv")
    gate.deliver("csv", gzip.compress(rendered("csv", without("region"))), "one.csv.gz")
    gate.deliver("csv", rendered("csv", without("category")), "two.csv")
    with pytest.raises(AirflowFailException) as raised:
        gate.check()
    assert f"{FOLDER}one.csv.gz lacks columns region" in str(raised.value)
    assert f"{FOLDER}two.csv lacks columns category" in str(raised.value)
    assert "good-" not in str(raised.value)


def test_the_first_delivery_ever_may_be_without_rows(gate: Gate) -> None:
    gate.world.glue.delete_table(DatabaseName=gate.world.database, Name="ecommerce_orders")
    for kind in FORMATS:
        content = rendered(kind, good())
        if kind == "parquet":
            content = parquet(pq.read_table(io.BytesIO(content)).slice(0, 0))
        else:
            content = rendered(kind, good(), rows=0)
        gate.deliver(kind, content, "only.file")
        assert gate.check()["objects"] == 1


def test_a_crawled_table_without_columns_is_no_drift_on_a_day_without_rows(gate: Gate) -> None:
    table = {"Name": "ecommerce_orders", "StorageDescriptor": {"Columns": []}}
    gate.world.glue.update_table(DatabaseName=gate.world.database, TableInput=table)
    gate.deliver("csv", rendered("csv", good(), rows=0))
    assert gate.check()["objects"] == 1


def test_only_a_little_of_a_large_file_is_read(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[int] = []
    original = heads.HeadsHook._bytes

    def counted(*arguments: Any) -> bytes:
        found = original(*arguments)
        read.append(len(found))
        return found

    monkeypatch.setattr(heads.HeadsHook, "_bytes", counted)
    for kind in FORMATS:
        content = rendered(kind, good(), rows=40_000)
        gate.deliver(kind, content)
        gate.check()
        assert sum(read) <= heads.HEAD < len(content) or kind == "parquet"
        assert sum(read) <= heads.FOOTER
        read.clear()
        gate.world.s3.delete_object(Bucket=gate.world.bucket, Key=f"{FOLDER}orders.{kind}")


def test_a_file_in_no_such_format_is_named(gate: Gate) -> None:
    for kind, name, content in (
        ("csv", "orders.csv.gz", b"plain"),
        ("parquet", "orders.parquet", b"PAR1 but no footer"),
        ("parquet", "orders.parquet", b"PAR1"),
    ):
        gate.deliver(kind, content, name)
        with pytest.raises(AirflowFailException, match=f"{name} is no"):
            gate.check()
        gate.world.s3.delete_object(Bucket=gate.world.bucket, Key=f"{FOLDER}{name}")


def test_a_few_broken_rows_are_for_quarantine(gate: Gate) -> None:
    bad = rendered("jsonl", without("quantity"), rows=2) + b"{not json\n[1]\n"
    gate.deliver("jsonl", bad)
    assert gate.check()["objects"] == 1


def test_a_document_type_is_left_to_the_job_and_nothing_of_it_expands(gate: Gate) -> None:
    bomb = b"""<!DOCTYPE orders [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>
    <orders><order><quantity>&b;</quantity></order></orders>"""
    gate.deliver("xml", bomb)
    assert gate.check()["added"] == {}
