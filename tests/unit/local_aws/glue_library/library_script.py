"""A Glue script that tries the library; prints `name: JSON` per case, the tests look at them.

Run by the local Glue as one job, for the sake of one Spark for all cases.
"""

import json
import sys
import traceback
from collections.abc import Callable
from typing import Any

from pyspark.context import SparkContext

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import *  # noqa: F403 - as foreign scripts do
from awsglue.transforms import (
    ApplyMapping,
    DropFields,
    DropNullFields,
    Filter,
    Join,
    Map,
    MapToCollection,
    Relationalize,
    RenameField,
    ResolveChoice,
    SelectFields,
    SelectFromCollection,
    SplitFields,
    SplitRows,
)
from awsglue.utils import getResolvedOptions

arguments = getResolvedOptions(sys.argv, ["JOB_NAME", "BUCKET", "DATABASE"])
context = GlueContext(SparkContext.getOrCreate())
job = Job(context)
job.init(arguments["JOB_NAME"], arguments)
spark = context.spark_session
ROOT, DATABASE = f"s3://{arguments['BUCKET']}", arguments["DATABASE"]


def case(work: Callable[[], Any]) -> None:
    """Run a case and print what it gives, or its error."""
    try:
        answer = work()
    except Exception as error:
        answer = f"{type(error).__name__}: {str(error).splitlines()[0]}"
        traceback.print_exc()
    print(f"{work.__name__}: {json.dumps(answer, default=str)}")


def rows(frame: Any) -> list[list[Any]]:
    """The rows of a frame, sorted."""
    data = frame.toDF() if isinstance(frame, DynamicFrame) else frame
    return sorted(json.loads(json.dumps(data.collect(), default=str)), key=str)


def frame(texts: list[str], name: str = "frame") -> DynamicFrame:
    """A frame out of JSON texts."""
    data = spark.read.json(spark.sparkContext.parallelize(texts, 1))
    return DynamicFrame.fromDF(data, context, name)


orders = frame(
    [
        '{"id": 1, "amount": "12.50", "who": {"name": "Ann", "age": 31}, "gone": null}',
        '{"id": 2, "amount": "x", "who": {"name": "Bob", "age": 29}, "gone": null}',
    ],
    "orders",
)


@case
def catalog_json() -> Any:
    found = context.create_dynamic_frame.from_catalog(DATABASE, "sales_json")
    return [found.count(), sorted(found.toDF().dtypes), found.errorsCount()]


@case
def catalog_predicates() -> Any:
    frames = [
        context.create_dynamic_frame.from_catalog(
            database=DATABASE, table_name="sales_json", push_down_predicate="day >= '2024-01-02'"
        ),
        context.create_dynamic_frame.from_catalog(
            database=DATABASE,
            table_name="sales_json",
            additional_options={"catalogPartitionPredicate": "day = '2024-01-01'"},
        ),
        context.create_dynamic_frame.from_catalog(
            name_space=DATABASE, table_name="sales_json", push_down_predicate="day = 'none'"
        ),
    ]
    days = [rows(found.toDF().select("id")) if found.count() else [] for found in frames]
    return [*days, frames[2].toDF().columns]


@case
def catalog_elsewhere() -> Any:
    found = context.create_dynamic_frame.from_catalog(
        database=DATABASE, table_name="elsewhere", push_down_predicate="n > 6"
    )
    return [rows(found.toDF().select("id", "n")), dict(found.toDF().dtypes)["n"]]


@case
def catalog_csv() -> Any:
    found = context.create_data_frame.from_catalog(database=DATABASE, table_name="prices")
    return [found.dtypes, rows(found)]


@case
def catalog_missing() -> Any:
    return context.create_dynamic_frame.from_catalog(DATABASE, "none")


@case
def options_csv() -> Any:
    found = context.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options={"paths": [f"{ROOT}/csv/"], "exclusions": '["**/*.txt"]'},
        format="csv",
        format_options={"withHeader": True, "separator": ";"},
    )
    return [found.toDF().dtypes, rows(found)]


@case
def options_folders() -> Any:
    asked = {"connection_type": "s3", "format": "json"}
    paths = {"paths": [f"{ROOT}/tree/"]}
    plain = context.create_dynamic_frame.from_options(connection_options=paths, **asked)
    deep = {**paths, "recurse": True}
    recursive = context.create_dynamic_frame.from_options(connection_options=deep, **asked)
    pruned = context.create_dynamic_frame.from_options(
        connection_options=paths, push_down_predicate="k = 'b c'", **asked
    )
    return [rows(found.toDF().select("id")) for found in (plain, recursive, pruned)]


@case
def options_broken_json() -> Any:
    found = context.create_dynamic_frame.from_options("s3", {"paths": [f"{ROOT}/broken/"]}, "json")
    return [rows(found), found.errorsCount(), found.errorsAsDynamicFrame().count()]


@case
def mapping() -> Any:
    mapped = ApplyMapping.apply(
        frame=orders,
        mappings=[
            ("who.name", "string", "person.name", "string"),
            ("id", "long", "person.id", "int"),
            ("amount", "string", "amount", "double"),
            ("nothing", "string", "nothing", "string"),
        ],
    )
    mapped.printSchema()
    return [mapped.toDF().schema.simpleString(), rows(mapped)]


@case
def fields() -> Any:
    frames = [
        SelectFields.apply(frame=orders, paths=["who.age", "id", "none"]),
        DropFields.apply(frame=orders, paths=["who.age", "amount", "gone"]),
        RenameField.apply(frame=orders, old_name="who.age", new_name="who.years"),
        RenameField.apply(frame=orders, old_name="who.age", new_name="age"),
        orders.unnest(),
        DropNullFields.apply(frame=orders),
    ]
    return [found.toDF().schema.simpleString() for found in frames]


@case
def choices() -> Any:
    cast = ResolveChoice.apply(frame=orders, specs=[("amount", "cast:double")])
    same = orders.resolveChoice(choice="make_struct")
    matched = ResolveChoice.apply(
        frame=frame(['{"sku": "a", "price": "1.25"}']),
        choice="match_catalog",
        database=DATABASE,
        table_name="prices",
    )
    return [rows(cast.select_fields(["amount"])), same.count(), matched.toDF().dtypes]


@case
def choice_as_columns() -> Any:
    return orders.resolveChoice(specs=[("amount", "make_cols")]).count()


@case
def functions() -> Any:
    def grown(record: dict[str, Any]) -> dict[str, Any]:
        record["who"]["age"] += 1
        record["tag"] = f"n{record['id']}"
        del record["gone"]
        return record

    kept = Filter.apply(frame=orders, f=lambda record: float(record["amount"]) > 1)
    mapped = Map.apply(frame=orders, f=grown)
    return [rows(kept.select_fields("id")), mapped.toDF().schema.simpleString(), rows(mapped)]


@case
def failing_map() -> Any:
    return orders.map(lambda record: {"value": float(record["amount"])}).count()


@case
def joins() -> Any:
    people = frame(['{"id": 7, "name": "Ann"}', '{"id": 8, "name": "Zoe"}'], "people")
    both = Join.apply(orders, people, "who.name", "name")
    return [both.toDF().columns, rows(both.select_fields(["id", "`.id`"]))]


@case
def splits() -> Any:
    fields = SplitFields.apply(orders, ["id", "who.age"], "some", "rest")
    ages = SplitRows.apply(frame=orders, comparison_dict={"who.age": {">": 30}})
    chosen = SelectFromCollection.apply(dfc=ages, key="frame1")
    mapped = MapToCollection.apply(ages, DropFields, "frame", paths=["who", "gone", "amount"])
    return [
        {name: found.toDF().schema.simpleString() for name, found in fields.items()},
        rows(chosen.select_fields("id")),
        {name: rows(found) for name, found in mapped.items()},
    ]


@case
def nested_to_flat() -> Any:
    nested = frame(
        ['{"id": 1, "a": {"b": 2}, "list": [{"x": 1}, {"x": 2}]}', '{"id": 2, "list": [{"x": 3}]}']
    )
    tables = Relationalize.apply(frame=nested, staging_path=f"{ROOT}/staging", name="root")
    root = tables.select("root").toDF()
    items = tables.select("root_list").toDF()
    joined = root.join(items, root["list"] == items["id"]).select(
        root["id"], "index", "`list.val.x`"
    )
    return [sorted(tables.keys()), root.columns, items.columns, rows(joined)]


@case
def sink_parquet() -> Any:
    written = DynamicFrame.fromDF(
        spark.sql("select 1 as id, 'a b' as k union all select 2, null"), context, "written"
    )
    for _ in range(2):
        context.write_dynamic_frame.from_options(
            frame=written,
            connection_type="s3",
            connection_options={"path": f"{ROOT}/out/parquet/", "partitionKeys": ["k"]},
            format="glueparquet",
            format_options={"compression": "gzip"},
        )
    return rows(spark.read.parquet(f"{ROOT}/out/parquet/"))


@case
def sink_catalog() -> Any:
    for names in ("1 as id, 'x' as k", "2 as id, 'y/z' as k, 2.5D as extra"):
        sink = context.getSink(
            connection_type="s3",
            path=f"{ROOT}/out/made",
            enableUpdateCatalog=True,
            updateBehavior="UPDATE_IN_DATABASE",
            partitionKeys=["k"],
        )
        sink.setFormat("glueparquet")
        sink.setCatalogInfo(catalogDatabase=DATABASE, catalogTableName="made")
        sink.writeFrame(DynamicFrame.fromDF(spark.sql(f"select {names}"), context, "made"))
    found = context.create_dynamic_frame.from_catalog(DATABASE, "made")
    return sorted(found.toDF().select("id", "k").collect())


@case
def sink_table() -> Any:
    more = DynamicFrame.fromDF(spark.sql("select 'c' as sku, 3.5D as price"), context, "more")
    context.write_dynamic_frame.from_catalog(frame=more, database=DATABASE, table_name="prices")
    return rows(context.create_data_frame.from_catalog(DATABASE, "prices"))


@case
def sink_csv() -> Any:
    data = DynamicFrame.fromDF(spark.sql("select 1 as a, 'x|y' as b"), context, "data")
    context.write_dynamic_frame.from_options(
        data, "s3", {"path": f"{ROOT}/out/csv"}, "csv", {"separator": "|", "quoteChar": "'"}
    )
    data.spigot(f"{ROOT}/out/spigot", options={"topk": 1})
    return [
        spark.read.text(f"{ROOT}/out/csv").collect(),
        rows(spark.read.json(f"{ROOT}/out/spigot")),
    ]


@case
def purges() -> Any:
    context.purge_s3_path(f"{ROOT}/out/spigot", options={"retentionPeriod": 1})
    kept = len(spark.read.json(f"{ROOT}/out/spigot").collect())
    context.purge_s3_path(f"{ROOT}/out/spigot", options={"retentionPeriod": 0})
    context.purge_table(DATABASE, "made", options={"retentionPeriod": 0})
    return [kept, context.create_dynamic_frame.from_catalog(DATABASE, "made").count()]


@case
def studio() -> Any:
    """A script as Glue Studio writes it."""
    from awsglue import DynamicFrame as Frame

    read = context.create_dynamic_frame.from_options(
        format_options={"multiLine": "true"},
        connection_type="s3",
        format="json",
        connection_options={"paths": [f"{ROOT}/lines/"], "recurse": True},
        transformation_ctx="AmazonS3_node1",
    )
    read.toDF().createOrReplaceTempView("myDataSource")
    summed = Frame.fromDF(spark.sql("select sum(id) as s from myDataSource"), context, "SQL_node2")
    context.write_dynamic_frame.from_options(
        frame=summed,
        connection_type="s3",
        format="glueparquet",
        connection_options={"path": f"{ROOT}/out/studio", "partitionKeys": []},
        format_options={"compression": "snappy"},
        transformation_ctx="AmazonS3_node3",
    )
    return [rows(spark.read.parquet(f"{ROOT}/out/studio")), hasattr(context, "getSinkhole")]


@case
def sql_catalog() -> Any:
    """Spark SQL on the catalog: registered partitions, where they are, with the table's types."""
    spark.sql(f"CREATE OR REPLACE TEMP VIEW days AS SELECT day, id FROM {DATABASE}.sales_json")
    spark.sql(f"USE {DATABASE}")
    return [
        rows(spark.sql(f"SELECT day, id FROM {DATABASE}.sales_json WHERE day > '2024-01-01'")),
        rows(spark.sql("SELECT s.id, e.n FROM sales_json s CROSS JOIN `elsewhere` e WHERE n = 7")),
        rows(spark.table(f"{DATABASE}.prices")),
        rows(spark.read.table("spelled").select("userid", "name")),
        rows(spark.sql("SELECT count(*), sum(id) FROM days")),
        [row[0] for row in spark.sql(f"SHOW PARTITIONS {DATABASE}.sales_json").collect()],
        sorted(row["tableName"] for row in spark.sql(f"SHOW TABLES IN {DATABASE}").collect()),
        DATABASE in [row[0] for row in spark.sql("SHOW DATABASES").collect()],
    ]


@case
def sql_sees_what_was_written() -> Any:
    """Nothing of the catalog is kept from statement to statement."""
    counts = []
    for key in ("a", "b"):
        sink = context.getSink(
            "s3", path=f"{ROOT}/out/grown", enableUpdateCatalog=True, partitionKeys=["k"]
        )
        sink.setFormat("parquet")
        sink.setCatalogInfo(catalogDatabase=DATABASE, catalogTableName="grown")
        new = spark.createDataFrame([(9, key)], "id int, k string")
        sink.writeFrame(DynamicFrame.fromDF(new, context, "new"))
        counts += rows(spark.sql(f"SELECT count(*), max(k) FROM {DATABASE}.grown"))
    return counts


@case
def sql_missing() -> Any:
    return spark.sql(f"SELECT * FROM {DATABASE}.nothing")


@case
def not_here_sql() -> Any:
    return spark.sql(f"INSERT INTO {DATABASE}.prices SELECT 'd', 1.0, 2")


@case
def not_here_save() -> Any:
    return orders.toDF().write.saveAsTable(f"{DATABASE}.orders")


@case
def xml_files() -> Any:
    options: dict[str, Any] = {"paths": [f"{ROOT}/xml"]}
    found = context.create_dynamic_frame.from_options(
        connection_type="s3",
        connection_options=options,
        format="xml",
        format_options={"rowTag": "product"},
    )
    crawled = context.create_dynamic_frame.from_catalog(DATABASE, "products_xml")
    return [found.toDF().schema.simpleString(), rows(found), rows(crawled) == rows(found)]


@case
def xml_without_a_tag() -> Any:
    return context.create_dynamic_frame.from_options("s3", {"paths": [f"{ROOT}/xml"]}, "xml")


@case
def not_here_jdbc() -> Any:
    return context.create_dynamic_frame.from_options("oracle", {"url": "jdbc:oracle:thin:@x"})


@case
def not_here_avro() -> Any:
    return context.create_dynamic_frame.from_options("s3", {"paths": [ROOT]}, "avro")


@case
def not_here_option() -> Any:
    options = {"paths": [ROOT], "boundedFiles": "5"}
    return context.create_dynamic_frame.from_options("s3", options, "json")


@case
def not_here_method() -> Any:
    return orders.pivot("x")


job.commit()
