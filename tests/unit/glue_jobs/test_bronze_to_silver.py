"""The whole job over folders: three formats, dirt, late and repeated deliveries, an oracle."""

import csv
import hashlib
import hmac
import io
import json
import random
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

import bronze_to_silver
from include.lake import catalog
from include.lake.contracts import Lake
from retail_io import documents
from tests.unit.glue_jobs.lake_folder import KEY, RELEASE, TOKEN, LakeFolder

DAY = "2026-03-10"
HEADER = "InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country"
LATER = "r20260311_0123456789ab"


def order(number: int, **values: Any) -> str:
    row = {
        "transaction_id": f"TXN{number:06}",
        "timestamp": f"{DAY}T10:00:00",
        "product_id": "P1",
        "product_name": "Tea",
        "category": "Food",
        "quantity": 2,
        "unit_price": 19.10,
        "total_amount": 38.20,
        "customer_id": "C1",
        "region": "North",
        "payment_method": "Cash",
    } | values
    return json.dumps(row) + "\n"


def receipts(count: int) -> bytes:
    rows = [
        {
            "transaction_id": f"S{n}",
            "store_id": "A",
            "sold_at": datetime(2026, 3, 10, 9, tzinfo=UTC) + timedelta(minutes=n),
            "product_id": "P1",
            "product_name": "Tea",
            "category": "Food",
            "quantity": 1 if n else -1,
            "unit_price": Decimal("1.10"),
            "total_amount": Decimal("1.10") if n else Decimal("-1.10"),
            "customer_id": None,
            "region": "North",
            "payment_method": "Cash",
            "is_return": not n,
        }
        for n in range(count)
    ]
    money = pa.decimal128(18, 2)
    types = {
        "sold_at": pa.timestamp("us", "UTC"),
        "quantity": pa.int64(),
        "unit_price": money,
        "total_amount": money,
        "is_return": pa.bool_(),
    }
    schema = pa.schema([(name, types.get(name, pa.string())) for name in rows[0]])
    target = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows, schema), target)
    return target.getvalue()


def dirty_invoices() -> str:
    """The UCI format with every kind of dirt, one kind per line."""
    good = "536365,85123A,HEART,6,2026-03-10 08:26:00,2.55,17850.0,United Kingdom"
    lines = [
        good,
        good,  # the same line again
        '536366,22752,"SET 7, ""BABUSHKA""\nBOXES",1.0,2026-03-10 08:28:00,7.65,,France',
        "C536367,85123A,HEART,-6,2026-03-09 09:41:00,2.55,17850,United Kingdom",
        "A536368,B,Adjust bad debt,1,2026-03-10 08:30:00,-11062.06,,United Kingdom",
        "536369,22752,,0,2026-03-10 08:30:00,1.00,,United Kingdom",
        "536370,22752,damaged,-5,2026-03-10 08:30:00,1.00,,United Kingdom",
        "536371,22752,BOX,2.5,2026-03-10 08:30:00,1.00,,United Kingdom",
        "536372,22752,BOX,2,10/03/2026 08:30,1.00,,United Kingdom",
        "536373,22752,BOX,2,2026-03-10 08:30:00,1.005,,United Kingdom",
        "53637,22752,BOX,2,2026-03-10 08:30:00,1.00,,United Kingdom",
        "536374,,BOX,2,2026-03-10 08:30:00,1.00,,United Kingdom",
        "536375,22752,BOX,2,2026-03-10 08:30:00,1.00,12a45,United Kingdom",
        "536376,22752,BOX,2",
        '536377,22752,"BOX,2,2026-03-10 08:30:00,1.00,,United Kingdom',
        "536378,22752,BOX,2,2026-03-06 23:59:59,1.00,,United Kingdom",
        "536379,22752,BOX,2,2026-03-11 00:00:00,1.00,,United Kingdom",
        "",
    ]
    return f"\ufeff{HEADER}\n" + "\n".join(lines) + "\n"


VENDOR_FILE = """\
Vendor;Doc No;Doc Type;Doc Date;Article No;Article;Group;Qty;Price;Amount;Region
V017;000001;Sale;10/03/2026 10:05;P001;"Mouse; wired";Electronics;1.200;1.234,50;1.481.399,00;SÜD
V017;000002;credit note;10/03/2026 10:06;P002;Pen;Office;-2;0,5;-1,00;North
V017;000003;Sale;10/03/2026 10:07;P002;Pen;Office;2;12.50;25,00;North
"""


def test_a_day_of_all_sources(spark: SparkSession, lake: Lake, lake_folder: LakeFolder) -> None:
    web = "ecommerce_orders"
    lake_folder.put(web, DAY, "b.jsonl", order(1) + "\n" + order(2, region="Mars") + "broken\n")
    lake_folder.put(web, DAY, "c.jsonl.gz", order(1) + order(3, total_amount="38.21", region="w"))
    lake_folder.put(web, DAY, "a.jsonl", "")
    invoices = lake_folder.put("wholesale_invoices", DAY, "w.csv", dirty_invoices())
    lake_folder.put("wholesale_invoices", DAY, "empty.csv", HEADER + "\n")
    lake_folder.put("store_transactions", DAY, "0123456789abcdef.parquet", receipts(4))
    vendors = lake_folder.put("vendor_sales", DAY, "V017.csv", VENDOR_FILE)

    manifest = lake_folder.build(spark, lake, DAY, DAY)

    assert {
        Path(row["source_file"]).name: (
            row["rows_in"], row["silver"], row["quarantined"], row["duplicates"]
        )
        for row in manifest["ledger"]
    } == {
        "a.jsonl": (0, 0, 0, 0),
        "b.jsonl": (3, 0, 2, 1),
        "c.jsonl.gz": (2, 2, 0, 0),
        "empty.csv": (0, 0, 0, 0),
        "w.csv": (17, 3, 13, 1),
        "0123456789abcdef.parquet": (4, 4, 0, 0),
        "V017.csv": (3, 2, 1, 0),
    }  # fmt: skip
    assert manifest["quarantine"] == {
        "ecommerce_orders": {"not_accepted:region": 1, "unreadable": 1},
        "vendor_sales": {"invalid:unit_price": 1},
        "wholesale_invoices": {
            "bad_pattern:customer_ref": 1,
            "bad_pattern:invoice_no": 1,
            "in_future:invoiced_at": 1,
            "invalid:invoiced_at": 1,
            "invalid:quantity": 1,
            "invalid:unit_price": 1,
            "out_of_range:unit_price": 1,
            "required:stock_code": 1,
            "rule:quantity_not_zero": 1,
            "rule:quantity_sign": 1,
            "too_late:invoiced_at": 1,
            "unreadable": 2,
        },
    }
    assert manifest["affected_days"] == ["2026-03-09", DAY]
    assert manifest["input_bytes"] == sum(
        (lake_folder.root / row["source_file"]).stat().st_size for row in manifest["ledger"]
    )

    # The tables that the manifest names lie there, with the columns and rows that it promises.
    columns = {
        "sales": catalog.SALES_COLUMNS,
        "quarantine": catalog.QUARANTINE_COLUMNS,
        "run_ledger": catalog.RUN_LEDGER_COLUMNS,
    } | {contract.silver_table: catalog.clean_columns(contract) for contract in lake.contracts}
    for table in manifest["tables"]:
        for partition in table["partitions"]:
            assert partition["values"][-1] == RELEASE
            files = sorted(Path(partition["location"][7:]).glob("*.parquet"))
            writers = 3 if table["table"] == "quarantine" else 1  # a file for each dataset
            assert len(files) == writers
            assert sum(pq.read_metadata(file).num_rows for file in files) == partition["rows"]
            assert set(pq.read_schema(files[0]).names) == set(columns[table["table"]])
    assert {t["table"]: len(t["partitions"]) for t in manifest["tables"] if t["partitions"]} == {
        "clean_ecommerce_orders": 1,
        "clean_store_transactions": 1,
        "clean_vendor_sales": 1,
        "clean_wholesale_invoices": 2,
        "quarantine": 1,
        "run_ledger": 1,
        "sales": 2,
    }

    # One raw text as delivered, and the rows of sales.
    assert lake_folder.query(
        "SELECT source_row, raw FROM quarantine WHERE reason = 'unreadable' AND source_row > 10"
    ) == [(16, "536376,22752,BOX,2"), (17, dirty_invoices().split("\n")[16])]
    token = hmac.new(KEY, b"17850", hashlib.sha256).hexdigest()
    assert lake_folder.query(
        "SELECT split_part(transaction_id, '-', 1), sold_at::VARCHAR, product_name, quantity, "
        "total_amount, customer_token, is_return, source_row FROM sales "
        f"WHERE source_file = '{invoices}' ORDER BY source_row"
    ) == [
        ("536365", f"{DAY} 08:26:00+00", "HEART", 6, Decimal("15.30"), token, False, 3),
        ("536366", f"{DAY} 08:28:00+00", 'SET 7, "BABUSHKA"\nBOXES', 1, Decimal("7.65"), None,
         False, 4),
        ("C536367", "2026-03-09 09:41:00+00", "HEART", -6, Decimal("-15.30"), token, True, 6),
    ]  # fmt: skip
    assert lake_folder.query(
        "SELECT transaction_id, channel, sold_at::VARCHAR, quantity, unit_price, total_amount, "
        "amount_matches, customer_token, region, is_return, source_row FROM sales "
        f"WHERE source_file = '{vendors}' ORDER BY source_row"
    ) == [
        ("V017-000001", "vendor", f"{DAY} 10:05:00+00", 1200, Decimal("1234.50"),
         Decimal("1481399.00"), False, None, "South", False, 2),
        ("V017-000002", "vendor", f"{DAY} 10:06:00+00", -2, Decimal("0.50"), Decimal("-1.00"),
         True, None, "North", True, 3),
    ]  # fmt: skip
    assert lake_folder.query(
        "SELECT transaction_id, region, amount_matches, source_row FROM sales "
        "WHERE channel = 'web' ORDER BY 1"
    ) == [("TXN000001", "North", True, 1), ("TXN000003", "West", False, 2)]


def test_the_columns_of_a_file_do_not_depend_on_other_inputs(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    """Were a column REQUIRED when other inputs are missing, the same rows had other bytes."""
    web = "ecommerce_orders"
    lake_folder.put(web, DAY, "a.jsonl", order(1) + order(2, region="Mars"))
    lake_folder.build(spark, lake, DAY, DAY)
    alone = lake_folder.content()
    vendors = VENDOR_FILE.replace("10/03/2026", "09/03/2026")  # nothing refused on the web's day
    lake_folder.put("vendor_sales", "2026-03-09", "V017.csv", vendors)
    lake_folder.build(spark, lake, "2026-03-09", DAY, token="00000000000000bb")
    together = lake_folder.content(token="00000000000000bb")
    for file in lake_folder.root.glob("*/*/release=*/run=*/**/*.parquet"):
        required = [field.name for field in pq.read_schema(file) if not field.nullable]
        assert required == [], f"{file}: {required}"
    assert len(alone) == 4  # clean, sales, quarantine, ledger
    assert alone == {place: together[place] for place in alone}


def test_decomposed_text_of_one_row_has_its_dataset_composed(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    web = "ecommerce_orders"
    plain, apart = (
        order(1, product_name="Caf\u00e9 \u2013 \u20ac"),
        order(2, product_name="Cafe\u0301"),
    )
    lake_folder.put(web, DAY, "a.jsonl", plain)
    lake_folder.put(web, DAY, "b.jsonl", apart + order(3, region="Mars"))
    manifest = lake_folder.build(spark, lake, DAY, DAY)
    assert manifest["quarantine"] == {web: {"not_accepted:region": 1}}
    assert lake_folder.query("SELECT product_name FROM sales ORDER BY transaction_id") == [
        ("Caf\u00e9 \u2013 \u20ac",), ("Caf\u00e9",)
    ]  # fmt: skip


def generated_invoices(day: str, seed: int, rows: int) -> str:
    draw = random.Random(seed)
    target = io.StringIO()
    writer = csv.writer(target, lineterminator="\r\n")
    writer.writerow(HEADER.split(","))
    for _ in range(rows):
        back = draw.random() < 0.1
        invoice = f"{'C' if back else ''}{draw.randint(536000, 536999)}"
        moment = f"{day} {draw.randint(0, 23):02}:{draw.randint(0, 59):02}:00"
        price = f"{draw.randint(-5, 9999) / 100:.2f}"
        quantity = draw.choice([-1, 1, 1, 1, 1]) * draw.randint(0, 30)
        line = (invoice, f"{draw.randint(1, 40)}", 'A "B", C', quantity, moment, price, "", "UK")
        writer.writerow(line)
        if draw.random() < 0.05:
            writer.writerow(line)
    return target.getvalue()


ORACLE = """
WITH delivered AS (
    SELECT DISTINCT * FROM read_csv('{files}', all_varchar = true, header = true, quote = '"')
)
SELECT
    CAST(InvoiceDate[1:10] AS DATE),
    count(*),
    sum(CAST(Quantity AS INTEGER) * CAST(UnitPrice AS DECIMAL(18, 2))),
    count(*) FILTER (InvoiceNo LIKE 'C%')
FROM delivered
WHERE CAST(UnitPrice AS DECIMAL(18, 2)) > 0
    AND CAST(Quantity AS INTEGER) <> 0
    AND (InvoiceNo LIKE 'C%') = (CAST(Quantity AS INTEGER) < 0)
GROUP BY 1 ORDER BY 1
"""


def test_money_equals_duckdbs_and_bytes_do_not_depend_on_order(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    days = ("2026-03-09", "2026-03-10")
    for seed, day in enumerate(days):
        lake_folder.put("wholesale_invoices", day, "a.csv", generated_invoices(day, seed, 400))
        orders = "".join(order(n, timestamp=f"{day}T10:00:00") for n in range(50))
        lake_folder.put("ecommerce_orders", day, "a.jsonl", orders)
        more = order(99, timestamp=f"{day}T11:00:00")  # Spark reads the larger file first
        lake_folder.put("ecommerce_orders", day, "b.jsonl", orders + more)

    lake_folder.build(spark, lake, *days)
    oracle = ORACLE.format(files=f"{lake_folder.root}/bronze/wholesale_invoices/*/*.csv")
    expected = lake_folder.query(oracle)
    assert len(expected) == 2
    assert expected == lake_folder.query(
        "SELECT sale_date, count(*), sum(total_amount), count(*) FILTER (is_return) "
        "FROM sales WHERE channel = 'wholesale' GROUP BY 1 ORDER BY 1"
    )
    assert lake_folder.query(
        "SELECT sum(duplicates), sum(rows_in - silver - quarantined - duplicates) FROM run_ledger "
        "WHERE dataset = 'ecommerce_orders'"
    ) == [(100, 0)]

    for file in lake_folder.folder("clean_ecommerce_orders").rglob("*.parquet"):
        rows = pq.read_table(file, columns=["source_file", "source_row"], partitioning=None)
        places = [(row["source_file"], row["source_row"]) for row in rows.to_pylist()]
        assert places == sorted(places)
        assert len(places) == 101

    for entries in lake_folder.files.values():
        entries.reverse()
    lake_folder.build(spark, lake, *days, token="00000000000000bb")
    first, again = lake_folder.content(), lake_folder.content(token="00000000000000bb")
    assert len(first) == 5 * len(days)  # two clean tables, sales, quarantine, ledger
    assert all(len(hashes) == 1 for hashes in first.values())
    assert first == again


def test_late_rows_join_what_earlier_arrivals_hold_of_their_day(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    web = "ecommerce_orders"
    evening = f"{DAY}T22:00:00"
    lake_folder.put(
        web, DAY, "a.jsonl", order(1) + order(2) + order(9, timestamp="2026-03-08 12:00:00")
    )
    earlier = lake_folder.build(spark, lake, DAY, DAY)
    assert earlier["affected_days"] == ["2026-03-08", DAY]
    clean = next(table for table in earlier["tables"] if table["table"] == f"clean_{web}")

    lake_folder.files.clear()
    late = lake_folder.put(
        web, "2026-03-11", "a.jsonl",
        order(2, timestamp=evening, quantity=3)  # a correction
        + order(3, timestamp=evening)
        + order(4, timestamp="2026-03-11T08:00:00"),
    )  # fmt: skip
    for partition in clean["partitions"]:
        ingest_date, sale_date, release = partition["values"]
        lake_folder.upstream.append(
            {
                "table": f"clean_{web}",
                "ingest_date": ingest_date,
                "sale_date": sale_date,
                "release": release,
                "location": partition["location"],
            }
        )
    lake_folder.replaced.append(
        {"table": f"clean_{web}", "ingest_date": "2026-03-11", "sale_date": "2026-03-05"}
    )
    later = lake_folder.build(spark, lake, "2026-03-11", "2026-03-11", release=LATER)

    # 8 March is left alone; 5 March was built from this arrival day before and is empty now.
    assert later["affected_days"] == ["2026-03-05", DAY, "2026-03-11"]
    sales = next(table for table in later["tables"] if table["table"] == "sales")
    assert [(each["values"][0], each["rows"]) for each in sales["partitions"]] == [
        ("2026-03-05", 0), (DAY, 3), ("2026-03-11", 1)
    ]  # fmt: skip
    assert lake_folder.query(
        "SELECT transaction_id, quantity, CAST(ingest_date AS VARCHAR) FROM sales "
        f"WHERE sale_date = DATE '{DAY}' ORDER BY 1",
        release=LATER,
    ) == [
        ("TXN000001", 2, DAY), ("TXN000002", 3, "2026-03-11"), ("TXN000003", 2, "2026-03-11")
    ]  # fmt: skip
    assert later["ledger"] == [
        {
            "dataset": web,
            "source_file": late,
            "ingest_date": "2026-03-11",
            "rows_in": 3,
            "silver": 3,
            "quarantined": 0,
            "duplicates": 0,
        }
    ]


def test_a_window_without_rows_is_a_result(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    manifest = lake_folder.build(spark, lake, DAY, DAY)
    assert manifest["ledger"] == []
    assert manifest["affected_days"] == [DAY]
    rows = {
        table["table"]: [(each["values"], each["rows"]) for each in table["partitions"]]
        for table in manifest["tables"]
    }
    assert rows.pop("sales") == [([DAY, RELEASE], 0)]
    assert not any(rows.values())


def arguments(folder: LakeFolder) -> list[str]:
    document = folder.document(DAY, DAY)
    path = folder.root / "ops" / "releases" / RELEASE / "inputs.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document))
    return [
        "--manifest", f"file://{path}", "--run_token", TOKEN,
        "--customer_token_key_secret", "retail-lake/test/customer-token-key",
        "--JOB_NAME", "bronze-to-silver",
    ]  # fmt: skip


@pytest.fixture
def secret(monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {"retail-lake/test/customer-token-key": KEY}
    monkeypatch.setattr(documents, "secret_key", ids.__getitem__)


@pytest.mark.usefixtures("secret")
def test_the_manifest_is_the_last_thing_written(
    spark: SparkSession, lake_folder: LakeFolder
) -> None:
    lake_folder.put("ecommerce_orders", DAY, "a.jsonl", order(1))
    bronze_to_silver.main(arguments(lake_folder))
    path = lake_folder.root / f"ops/releases/{RELEASE}/silver-{TOKEN}.json"
    manifest = json.loads(path.read_text())
    assert manifest["release"] == RELEASE
    assert manifest["run_token"] == TOKEN
    assert [row["silver"] for row in manifest["ledger"]] == [1]
    written = [file.stat().st_mtime_ns for file in lake_folder.root.rglob("*.parquet")]
    assert len(written) == 3
    assert max(written) <= path.stat().st_mtime_ns
    spark.catalog.clearCache()


@pytest.mark.usefixtures("secret")
def test_a_file_that_breaks_its_format_leaves_no_manifest(
    spark: SparkSession, lake_folder: LakeFolder
) -> None:
    lake_folder.put("wholesale_invoices", DAY, "w.csv", "InvoiceNo,StockCode\n1,2\n")
    with pytest.raises(ValueError, match=r"w\.csv: the header lacks Description, Quantity"):
        bronze_to_silver.main(arguments(lake_folder))
    assert not (lake_folder.root / f"ops/releases/{RELEASE}/silver-{TOKEN}.json").exists()
    spark.catalog.clearCache()


def test_the_business_day_changes_at_the_zones_midnight(
    spark: SparkSession, lake: Lake, lake_folder: LakeFolder
) -> None:
    moments = {
        1: ("2026-03-28T23:59:59", date(2026, 3, 28)),
        2: ("2026-03-29T00:00:00", date(2026, 3, 29)),
        3: ("2026-03-29T22:59:59Z", date(2026, 3, 29)),  # summer time: 23:59:59
        4: ("2026-03-29T23:00:00Z", date(2026, 3, 30)),
        5: ("2026-03-30T00:30:00+02:00", date(2026, 3, 29)),
    }
    rows = "".join(order(n, timestamp=moment) for n, (moment, _) in moments.items())
    lake_folder.put("ecommerce_orders", "2026-03-30", "a.jsonl", rows)
    lake_folder.build(spark, lake, "2026-03-30", "2026-03-30")
    found = lake_folder.query("SELECT transaction_id, sale_date FROM sales ORDER BY 1")
    assert found == [(f"TXN{n:06}", day) for n, (_, day) in moments.items()]
