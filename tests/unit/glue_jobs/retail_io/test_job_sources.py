import io
from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Column, Contract, Lake
from retail_io import sources
from retail_io.csv_records import SourceError
from retail_io.inputs import BronzeFile
from retail_io.session import source_errors
from retail_io.sources import Delivered
from tests.unit.glue_jobs.lake_folder import LakeFolder

DAY = "2026-03-10"
Found = list[tuple[str, int, str, dict[str, Any] | None]]


def contract(lake: Lake, kind: Any, *names: str) -> Contract:
    orders = lake.contract("ecommerce_orders")
    columns = tuple(Column(name, name, "string") for name in names)
    source = replace(orders.source, format=kind, options={}, business_time=None)
    return replace(orders, columns=columns, source=source)


def read(spark: SparkSession, folder: LakeFolder, of: Contract) -> Found:
    files = [
        BronzeFile("d", date.fromisoformat(DAY), entry["key"], entry["size"])
        for entry in folder.files.get("d", [])
    ]
    delivered = Delivered(of, files, f"file://{folder.root}", "Europe/London")
    rows = delivered.map(spark, iter, delivered.schema).collect()
    assert all(str(row.ingest_date) == DAY for row in rows)
    names = [column.name for column in of.columns]
    return sorted(
        (
            row.source_file.rpartition("/")[2],
            row.source_row,
            row._raw,
            None if row._reason == "unreadable" else {name: row[name] for name in names},
        )
        for row in rows
    )


def test_json_keeps_every_digit_and_counts_lines(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    lines = [
        '\ufeff{"a": 19.10, "b": "x"}',
        "",
        '{"b": "say \\"7\\": 8.50", "a": -0.5E+3, "more": [1, {"c": 2}]}\r',
        '{"a": 12345678901234567890123456789012345678901.10, "b": null}',
        '{"a": NaN, "b": {"c": 1.50}}',
        "  \t",
        '{"a": 1e400}',
        '{"a": true, "b": "é😀"}',
        '{"a" : 1.10, "b": ": 5, \\"a\\": 7"}',
        '{"a":-0.50,"b":"x: 8.50"}  \r',
        '{"a": [1.10, {"b": 2.0}], "b": 7.0}',
        '{"a": 2.50, "b": "the shop\'s: 3.50"}',
    ]
    lake_folder.put("d", DAY, "a.jsonl", "\n".join(lines))
    rows = read(spark, lake_folder, contract(lake, "jsonl", "a", "b"))
    assert [(row, fields) for _, row, _, fields in rows] == [
        (1, {"a": "19.10", "b": "x"}),
        (3, {"a": "-0.5E+3", "b": 'say "7": 8.50'}),
        (4, {"a": "12345678901234567890123456789012345678901.10", "b": None}),
        (5, {"a": "NaN", "b": '{"c":"1.50"}'}),
        (7, {"a": "1e400", "b": None}),
        (8, {"a": "true", "b": "é😀"}),
        (9, {"a": "1.10", "b": ': 5, "a": 7'}),
        (10, {"a": "-0.50", "b": "x: 8.50"}),
        (11, {"a": '["1.10",{"b":"2.0"}]', "b": "7.0"}),
        (12, {"a": "2.50", "b": "the shop's: 3.50"}),
    ]
    # Hadoop takes the byte-order mark away
    texts = [line.strip("\ufeff\r") for line in lines if line.strip()]
    assert [raw for _, _, raw, _ in rows] == texts


def test_lines_that_are_not_one_json_object_are_unreadable(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    lines = [
        "not json", '{"a": 1', '{"a": 1}{"a": 2}', '{"a": 1} x', '{"a": 1}]', '{"a": 1}}',
        '{"a": 1}]}', '{"a": 1}, {"a": 2}', "[]", '[{"a": 1}]',
        "null", "5", '"a"', '{"a": "x\ty"}', '{"a": 1,}', "<html>",
    ]  # fmt: skip
    lake_folder.put("d", DAY, "a.jsonl", "\n".join(lines).encode() + b'\n{"a": "caf\xe9"}')
    rows = read(spark, lake_folder, contract(lake, "jsonl", "a"))
    assert [(row, raw) for _, row, raw, _ in rows] == [
        *enumerate([*lines, '{"a": "caf\ufffd"}'], start=1)
    ]
    assert all(fields is None for *_, fields in rows)


def test_every_file_is_numbered_on_its_own_whatever_its_name(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    names = ["a b+c%20é.jsonl", "x{1,2}[3]*?.jsonl", "y.jsonl.gz", "z.jsonl", "empty.jsonl"]
    for name in names[:4]:
        lake_folder.put("d", DAY, name, '{"a": 1}\n{"a": 2}\n')
    lake_folder.put("d", DAY, names[4], "")
    rows = read(spark, lake_folder, contract(lake, "jsonl", "a"))
    assert [(name, row, fields["a"]) for name, row, _, fields in rows if fields] == [
        (name, row, str(row)) for name in sorted(names[:4]) for row in (1, 2)
    ]


@pytest.mark.parametrize(("kind", "header"), [("jsonl", ""), ("csv", "a\n")])
def test_files_that_share_a_task_are_numbered_each_on_its_own(
    spark: SparkSession,
    lake_folder: LakeFolder,
    lake: Lake,
    kind: str,
    header: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    files = 5 * spark.sparkContext.defaultParallelism
    monkeypatch.setattr(sources, "TASKS_PER_CORE", 1)
    for file in range(files):
        values = [str(value) for value in range(file, 2 * file + 1)]
        lines = values if header else [f'{{"a":{value}}}' for value in values]
        lake_folder.put("d", DAY, f"{file:03}.{kind}", header + "\n".join(lines))
    rows = read(spark, lake_folder, contract(lake, kind, "a"))
    first = 2 if header else 1
    assert [(name, row, fields["a"]) for name, row, _, fields in rows if fields] == [
        (f"{file:03}.{kind}", row, str(value))
        for file in range(files)
        for row, value in enumerate(range(file, 2 * file + 1), start=first)
    ]


def test_csv_from_spark_to_records_and_back(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    text = '\ufeffb,a,more\r\n"x, ""y""",1.10,\r\n\r\n"two\r\nlines",,\r\n1,2\r\n'
    lake_folder.put("d", DAY, "a.csv", text)
    lake_folder.put("d", DAY, "b.csv.gz", b"a,b\n1,caf\xe9\n2,z\n")
    lake_folder.put("d", DAY, "c.csv", "a,b\n")
    lake_folder.put("d", DAY, "d.csv", "")
    assert read(spark, lake_folder, contract(lake, "csv", "a", "b")) == [
        ("a.csv", 2, '"x, ""y""",1.10,', {"a": "1.10", "b": 'x, "y"'}),
        ("a.csv", 4, '"two\r\nlines",,', {"a": None, "b": "two\r\nlines"}),
        ("a.csv", 6, "1,2", None),
        ("b.csv.gz", 2, "1,caf\ufffd", None),
        ("b.csv.gz", 3, "2,z", {"a": "2", "b": "z"}),
    ]


def test_a_csv_without_a_column_fails_with_one_line(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    key = lake_folder.put("d", DAY, "a.csv", "a,B\n1,2\n")
    with pytest.raises(SourceError) as failure, source_errors():
        read(spark, lake_folder, contract(lake, "csv", "a", "b", "c"))
    assert str(failure.value) == (
        f"{key}: the header lacks b, c (it has a, B); ask for the file again, or change the "
        f"contract if the source has changed"
    )


def parquet(**columns: pa.Array) -> bytes:
    target = io.BytesIO()
    pq.write_table(pa.table(columns), target)
    return target.getvalue()


def test_xml_from_spark_to_records_and_back(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    rows = '<row a="1"><b>é &gt; x</b></row>\n<row>\n<b/></row>'
    lake_folder.put("d", DAY, "a.xml", f'\ufeff<?xml version="1.0"?>\n<all>\n{rows}</all>')
    utf16 = f'<?xml version="1.0" encoding="UTF-16"?><all>{rows}'.encode("utf-16-be")
    lake_folder.put("d", DAY, "b.xml.gz", utf16)
    lake_folder.put("d", DAY, "c.xml", '<!DOCTYPE x [<!ENTITY e "e">]>\n<all><row>&e;</row></all>')
    lake_folder.put("d", DAY, "d.xml", "<all/>")
    lake_folder.put("d", DAY, "e.xml", "")
    of = contract(lake, "xml", "_a", "b")
    of = replace(of, source=replace(of.source, options={"rowTag": "row"}))
    first, second = rows.split("\n", 1)
    whole = [(first, {"_a": "1", "b": "é > x"}), (second, {"_a": None, "b": None})]
    found = read(spark, lake_folder, of)
    assert [row[:2] for row in found] == [
        *(("a.xml", 3), ("a.xml", 4)),
        *(("b.xml.gz", 1), ("b.xml.gz", 2), ("b.xml.gz", 3), ("c.xml", 1)),
    ]
    assert [row[2:] for row in found[:4]] == whole * 2
    assert [fields for *_, fields in found[4:]] == [None, None]
    assert found[5][2].startswith("<!DOCTYPE x [")


def test_parquet_keeps_instants_and_decimals(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    at = datetime(2026, 3, 10, 12, 0, 0, 123456, tzinfo=UTC)
    data = parquet(
        a=pa.array([Decimal("19.10"), None], pa.decimal128(18, 2)),
        at=pa.array([at, None], pa.timestamp("us", "UTC")),
        more=pa.array([1, 2], pa.int32()),
    )
    lake_folder.put("d", DAY, "a.parquet", data)
    of = contract(lake, "parquet", "a", "at")
    kinds = {"a": Column("a", "a", "decimal", precision=18, scale=2)}
    kinds["at"] = Column("at", "at", "timestamp", time_zone="Europe/London")
    rows = read(spark, lake_folder, replace(of, columns=tuple(kinds.values())))
    assert [(row, raw) for _, row, raw, _ in rows] == [
        (1, '{"a":19.10,"at":"2026-03-10T12:00:00.123456Z","more":1}'),
        (2, '{"a":null,"at":null,"more":2}'),
    ]
    assert rows[0][3] is not None
    assert rows[0][3]["a"] == Decimal("19.10")
    assert rows[0][3]["at"].astimezone(UTC) == at


def test_text_of_parquet_is_trimmed_and_composed(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    lake_folder.put("d", DAY, "a.parquet", parquet(a=pa.array([" e\u0301\t", " ", None])))
    rows = read(spark, lake_folder, contract(lake, "parquet", "a"))
    assert [fields for *_, fields in rows] == [{"a": "\u00e9"}, {"a": None}, {"a": None}]
    assert rows[0][2] == '{"a":" e\u0301\\t"}', "as delivered"


def test_parquet_without_a_column_names_it(
    spark: SparkSession, lake_folder: LakeFolder, lake: Lake
) -> None:
    lake_folder.put("d", DAY, "a.parquet", parquet(a=pa.array(["x"])))
    message = r"a\.parquet: it lacks b, c \(it has a\)"
    with pytest.raises(SourceError, match=message), source_errors():
        read(spark, lake_folder, contract(lake, "parquet", "a", "b", "c"))
