"""A script as tutorials have it: a database to S3, XML files to a database, Spark SQL."""

import sys

from pyspark.context import SparkContext

from awsglue.context import GlueContext
from awsglue.dynamicframe import DynamicFrame
from awsglue.job import Job
from awsglue.transforms import *  # noqa: F403 - as tutorials do
from awsglue.transforms import ApplyMapping
from awsglue.utils import getResolvedOptions

args = getResolvedOptions(sys.argv, ["JOB_NAME", "BUCKET", "DATABASE", "CONNECTION"])
sc = SparkContext.getOrCreate()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)

# a crawled table of the database -> Parquet, registered in the catalog
orders = glueContext.create_dynamic_frame.from_catalog(
    database=args["DATABASE"], table_name="postgres_shop_orders", transformation_ctx="orders"
)
orders.printSchema()
mapped = ApplyMapping.apply(
    frame=orders,
    mappings=[
        ("id", "long", "order_id", "long"),
        ("price", "decimal", "price", "decimal"),
        ("at", "timestamp", "ordered_at", "timestamp"),
        ("note", "string", "note", "string"),
        ("sku", "string", "sku", "string"),
    ],
)
sink = glueContext.getSink(
    connection_type="s3",
    path=f"s3://{args['BUCKET']}/lake/orders/",
    enableUpdateCatalog=True,
    partitionKeys=["sku"],
)
sink.setFormat("glueparquet")
sink.setCatalogInfo(catalogDatabase=args["DATABASE"], catalogTableName="orders")
sink.writeFrame(mapped)

# XML files -> a table of the database
products = glueContext.create_dynamic_frame.from_options(
    connection_type="s3",
    connection_options={"paths": [f"s3://{args['BUCKET']}/feed/"], "recurse": True},
    format="xml",
    format_options={"rowTag": "product"},
)
glueContext.write_dynamic_frame.from_jdbc_conf(
    frame=products,
    catalog_connection=args["CONNECTION"],
    connection_options={"dbtable": "shop.products", "database": "postgres"},
    transformation_ctx="products",
)

# what both are together, in SQL on the catalog, back into the database
options = glueContext.extract_jdbc_conf(args["CONNECTION"])
login = {"url": options["fullUrl"], "user": options["user"], "password": options["password"]}
back = glueContext.create_dynamic_frame.from_options(
    connection_type="postgresql", connection_options={**login, "dbtable": "shop.products"}
)
back.toDF().createOrReplaceTempView("products")
spark.sql(f"USE {args['DATABASE']}")
summary = spark.sql(
    """
    SELECT p.name, count(*) AS orders, sum(o.price) AS revenue, max(o.ordered_at) AS latest
    FROM orders o JOIN products p ON p.sku = o.sku
    WHERE o.sku <> 'none'
    GROUP BY p.name
    """
)
glueContext.write_dynamic_frame.from_options(
    frame=DynamicFrame.fromDF(summary, glueContext, "summary"),
    connection_type="postgresql",
    connection_options={**login, "dbtable": "shop.summary"},
)

# the same with MySQL, where there is one
if "--TILLS" in sys.argv:
    tills = getResolvedOptions(sys.argv, ["TILLS"])["TILLS"]
    glueContext.write_dynamic_frame.from_jdbc_conf(
        frame=mapped, catalog_connection=tills, connection_options={"dbtable": "orders"}
    )
    again = glueContext.create_dynamic_frame.from_options(
        connection_type="mysql",
        connection_options={
            "useConnectionProperties": "true",
            "connectionName": tills,
            "dbtable": "orders",
        },
    ).toDF()
    print("mysql types:", again.schema.simpleString())
    print("mysql rows:", [tuple(map(str, row)) for row in again.orderBy("order_id").collect()])
job.commit()
