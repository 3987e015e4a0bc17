"""Scripts with `awsglue`: one job tries everything (library_script.py), a test per thing."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.unit.local_aws.jobs.whole_front import WholeFront

SCRIPT = Path(__file__).with_name("library_script.py")
JSON_SERDE = "org.openx.data.jsonserde.JsonSerDe"
PRODUCTS = """<feed xmlns:p="urn:p">
  <product p:id="1"><name>Mug &amp; cup</name><price cur="GBP">9.50</price><tag>a</tag></product>
  <product id="2"><name/><price cur="GBP">10</price><tag>b</tag><tag>c</tag></product>
</feed>"""
CSV_SERDE = "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe"


def table(
    lake: WholeFront,
    name: str,
    serde: str,
    columns: dict[str, str],
    keys: dict[str, str],
    **parameters: str,
) -> dict[str, Any]:
    """Create a table at <bucket>/<name>/; its storage."""
    storage = {
        "Columns": [{"Name": column, "Type": kind} for column, kind in columns.items()],
        "Location": f"s3://{lake.bucket}/{name}/",
        "SerdeInfo": {"Parameters": {"field.delim": ","}}
        | ({"SerializationLibrary": serde} if serde else {}),
    }
    lake.glue.create_table(
        DatabaseName=lake.database,
        TableInput={
            "Name": name,
            "StorageDescriptor": storage,
            "PartitionKeys": [{"Name": key, "Type": kind} for key, kind in keys.items()],
            "Parameters": parameters,
        },
    )
    return storage


def partition(lake: WholeFront, name: str, storage: dict[str, Any], value: str, key: str) -> None:
    lake.glue.create_partition(
        DatabaseName=lake.database,
        TableName=name,
        PartitionInput={
            "Values": [value],
            "StorageDescriptor": {**storage, "Location": f"s3://{lake.bucket}/{key}"},
        },
    )


@pytest.fixture(scope="module")
def found(lake: WholeFront) -> dict[str, Any]:
    """What the script printed, by case."""
    sales = table(lake, "sales_json", JSON_SERDE, {"id": "bigint"}, {"day": "string"})
    for number in (1, 2, 3):
        day = f"2024-01-0{number}"
        lines = "".join(json.dumps({"id": number * 10 + n, "x": 0.5}) + "\n" for n in range(2))
        lake.put(f"sales_json/day={day}/part.json", lines)
        if number < 3:  # the third day is not registered: it is not in the table
            partition(lake, "sales_json", sales, day, f"sales_json/day={day}/")
    other = table(lake, "elsewhere", JSON_SERDE, {"id": "bigint"}, {"n": "int"})
    for number in (6, 7):
        lake.put(f"other-place/{number}.d/part.json", json.dumps({"id": number}))
        partition(lake, "elsewhere", other, str(number), f"other-place/{number}.d")
    columns = {"sku": "string", "price": "double", "note": "bigint"}
    table(lake, "prices", CSV_SERDE, columns, {}, **{"skip.header.line.count": "1"})
    lake.put("prices/a.csv", "Sku,Price,Note\na,1.5,1\nb,2,not a number\n")
    lake.put("csv/one.csv", "a;b\n1;x\n2;\n")
    lake.put("csv/two.txt", "not;read\n")
    lake.put("tree/top.json", '{"id": 1}')
    lake.put("tree/k=a/in.json", '{"id": 2}')
    lake.put("tree/k=b%20c/in.json", '{"id": 3}')
    lake.put("tree/sub/in.json", '{"id": 4}')
    lake.put("tree/_hidden.json", '{"id": 5}')
    lake.put("broken/a.json", '{"id": 1}\n{"id": \n{"id": 3}\n')
    lake.put("lines/a.json", '[{"id": 1},\n {"id":\n 2}]')
    spelled = table(lake, "spelled", JSON_SERDE, {"userid": "bigint", "name": "string"}, {})
    assert spelled["Location"].endswith("/spelled/")
    lake.put("spelled/a.json", '{"userId": 1, "Name": "Ann"}\n{"userId": 2, "Name": null}\n')
    table(lake, "products_xml", "", {}, {}, classification="xml", rowTag="product")
    for folder in ("xml", "products_xml"):
        lake.put(f"{folder}/a.xml", PRODUCTS)
    job = lake.job("library", SCRIPT, DefaultArguments={"--enable-glue-datacatalog": "true"})
    run = lake.run(job, {"--BUCKET": lake.bucket, "--DATABASE": lake.database})
    assert run["JobRunState"] == "SUCCEEDED", run["log"]
    cases = {}
    for line in run["log"].splitlines():
        name, colon, text = line.partition(": ")
        if colon and name.isidentifier() and name.islower() and text[:1] in '["{n':
            cases[name] = json.loads(text)
    cases["log"] = run["log"]
    return cases


def test_a_json_table_has_the_types_of_its_files_and_its_registered_partitions(
    found: dict[str, Any],
) -> None:
    assert found["catalog_json"] == [4, [["day", "string"], ["id", "bigint"], ["x", "double"]], 0]


def test_predicates_choose_partitions(found: dict[str, Any]) -> None:
    assert found["catalog_predicates"] == [[[20], [21]], [[10], [11]], [], []]


def test_partitions_are_read_where_they_are_registered(found: dict[str, Any]) -> None:
    assert found["catalog_elsewhere"] == [[[7, 7]], "int"]


def test_a_csv_table_has_the_catalogs_types_where_the_values_fit(found: dict[str, Any]) -> None:
    assert found["catalog_csv"] == [
        [["sku", "string"], ["price", "double"], ["note", "string"]],
        [["a", 1.5, "1"], ["b", 2.0, "not a number"]],
    ]


def test_a_table_that_is_not_there(found: dict[str, Any]) -> None:
    assert found["catalog_missing"].startswith("EntityNotFoundException: ")


def test_csv_files_give_strings(found: dict[str, Any]) -> None:
    assert found["options_csv"] == [[["a", "string"], ["b", "string"]], [["1", "x"], ["2", None]]]


def test_folders(found: dict[str, Any]) -> None:
    assert found["options_folders"] == [[[1], [2], [3]], [[1], [2], [3], [4]], [[3]]]


def test_lines_that_are_no_json_are_errors(found: dict[str, Any]) -> None:
    assert found["options_broken_json"] == [[[1], [3]], 1, 1]


def test_apply_mapping(found: dict[str, Any]) -> None:
    assert found["mapping"] == [
        "struct<person:struct<name:string,id:int>,amount:double>",
        [[["Ann", 1], 12.5], [["Bob", 2], None]],
    ]
    schema = "root\n|-- person: struct\n|    |-- name: string\n|    |-- id: int\n|-- amount: double"
    assert schema in found["log"]


def test_fields(found: dict[str, Any]) -> None:
    assert found["fields"] == [
        "struct<id:bigint,who:struct<age:bigint>>",
        "struct<id:bigint,who:struct<name:string>>",
        "struct<amount:string,gone:string,id:bigint,who:struct<name:string,years:bigint>>",
        "struct<amount:string,gone:string,id:bigint,who:struct<name:string>,age:bigint>",
        "struct<amount:string,gone:string,id:bigint,who.age:bigint,who.name:string>",
        "struct<amount:string,id:bigint,who:struct<age:bigint,name:string>>",
    ]


def test_resolve_choice(found: dict[str, Any]) -> None:
    assert found["choices"] == [
        [[12.5], [None]],
        2,
        [["price", "double"], ["sku", "string"]],
    ]
    assert found["choice_as_columns"].startswith("NotSupportedHere: not supported here: make_cols")


def test_filter_and_map(found: dict[str, Any]) -> None:
    kept, schema, mapped = found["functions"]
    assert kept == [[1]]  # the amount x is no number: the record goes, as on AWS
    assert schema == "struct<amount:string,id:bigint,who:struct<age:bigint,name:string>,tag:string>"
    assert mapped == [["12.50", 1, [32, "Ann"], "n1"], ["x", 2, [30, "Bob"], "n2"]]
    assert "could not convert string to float" in found["log"]
    assert "Error" in found["failing_map"] or "Exception" in found["failing_map"]


def test_join(found: dict[str, Any]) -> None:
    columns, rows = found["joins"]
    assert columns == ["amount", "gone", "id", "who", ".id", "name"]
    assert rows == [[1, 7]]


def test_splits(found: dict[str, Any]) -> None:
    fields, chosen, mapped = found["splits"]
    assert fields == {
        "some": "struct<id:bigint,who:struct<age:bigint>>",
        "rest": "struct<amount:string,gone:string,who:struct<name:string>>",
    }
    assert chosen == [[1]]
    assert mapped == {"frame1": [[1]], "frame2": [[2]]}


def test_relationalize(found: dict[str, Any]) -> None:
    names, root, items, joined = found["nested_to_flat"]
    assert names == ["root", "root_list"]
    assert root == ["a.b", "id", "list"]
    assert items == ["id", "index", "list.val.x"]
    assert joined == [[1, 0, 1], [1, 1, 2], [2, 0, 3]]


def test_sinks_append(found: dict[str, Any], lake: WholeFront) -> None:
    assert found["sink_parquet"] == [[1, "a b"], [1, "a b"], [2, None], [2, None]]
    keys = lake.keys("out/parquet/")
    assert {key.rsplit("/", 1)[0] for key in keys} == {
        "out/parquet/k=a b",
        "out/parquet/k=__HIVE_DEFAULT_PARTITION__",
    }
    assert all(key.endswith(".gz.parquet") for key in keys)


def test_a_sink_keeps_its_table(found: dict[str, Any], lake: WholeFront) -> None:
    assert found["sink_catalog"] == [[1, "x"], [2, "y/z"]]
    made = lake.glue.get_table(DatabaseName=lake.database, Name="made")["Table"]
    columns = {item["Name"]: item["Type"] for item in made["StorageDescriptor"]["Columns"]}
    assert columns == {"id": "int", "extra": "double"}
    assert [key["Name"] for key in made["PartitionKeys"]] == ["k"]
    # purge_table removed the files, and with them the partitions
    assert (
        lake.glue.get_partitions(DatabaseName=lake.database, TableName="made")["Partitions"] == []
    )


def test_a_table_as_sink(found: dict[str, Any]) -> None:
    assert [row[:2] for row in found["sink_table"]] == [["a", 1.5], ["b", 2.0], ["c", 3.5]]


def test_csv_and_samples(found: dict[str, Any]) -> None:
    lines, sample = found["sink_csv"]
    assert sorted(line[0] for line in lines) == ["1|'x|y'", "a|b"]
    assert sample == [[1, "x|y"]]
    assert found["purges"] == [1, 0]


def test_a_script_of_glue_studio(found: dict[str, Any], lake: WholeFront) -> None:
    assert found["studio"] == [[[3]], False]
    assert [key.rpartition(".snappy.")[2] for key in lake.keys("out/studio/")] == ["parquet"]


def test_spark_sql_sees_the_catalog(found: dict[str, Any], lake: WholeFront) -> None:
    chosen, joined, prices, spelled, view, partitions, tables, known = found["sql_catalog"]
    assert chosen == [["2024-01-02", 20], ["2024-01-02", 21]]  # the third day is not registered
    assert joined == [[10, 7], [11, 7], [20, 7], [21, 7]]
    # what is no bigint is NULL, as in Hive; c is what another case added
    assert prices == [["a", 1.5, 1], ["b", 2.0, None], ["c", 3.5, None]]
    assert spelled == [[1, "Ann"], [2, None]]
    assert view == [[4, 62]]
    assert partitions == ["day=2024-01-01", "day=2024-01-02"]
    assert {"sales_json", "elsewhere", "prices", "spelled", "products_xml"} <= set(tables)
    assert known
    assert found["sql_sees_what_was_written"] == [[1, "a"], [2, "b"]]
    assert "TABLE_OR_VIEW_NOT_FOUND" in found["sql_missing"]


def test_xml(found: dict[str, Any]) -> None:
    schema, products, same = found["xml_files"]
    assert schema == (
        "struct<_id:bigint,name:string,price:struct<_VALUE:double,_cur:string>,tag:string>"
    )
    assert products == [
        [1, "Mug & cup", [9.5, "GBP"], "a"],
        [2, "", [10.0, "GBP"], '["b","c"]'],  # a choice on AWS, a string here
    ]
    assert same
    assert "rowTag" in found["xml_without_a_tag"]


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("not_here_jdbc", "the connection type 'oracle'"),
        ("not_here_avro", "the format 'avro'"),
        ("not_here_sql", "spark.sql"),
        ("not_here_save", "DataFrameWriter.saveAsTable"),
        ("not_here_option", "the connection option 'boundedFiles'"),
        ("not_here_method", "DynamicFrame.pivot"),
    ],
)
def test_what_is_missing_is_said(found: dict[str, Any], name: str, words: str) -> None:
    assert re.match(rf"(NotSupported|Missing)Here: not supported here: {words}", found[name])
