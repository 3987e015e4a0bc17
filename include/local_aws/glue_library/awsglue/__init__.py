"""The names that scripts written for AWS Glue import, over plain Spark and boto3.

Made for running other people's scripts on the embedded AWS. Names, arguments and results follow
the AWS Glue Developer Guide, "Program AWS Glue ETL scripts in Python"; the code is our own.

A `DynamicFrame` here is a Spark DataFrame. What follows from that, and differs from AWS: a column
with values of several types is a string column, not a choice; a function that fails on a record
fails the job instead of making an error record. Whatever is missing raises `NotSupportedHere`.

    context.py       GlueContext
    dynamicframe.py  DynamicFrame
    collection.py    DynamicFrameCollection; what glueContext.create_dynamic_frame and … are
    transforms/      ApplyMapping, ResolveChoice, Join, …
    job.py           Job
    utils.py         getResolvedOptions
    bookmarks.py     what a run has read, per transformation context
    fields.py        names of nested fields, types, schemas as text
    mapping.py, relationalizing.py   the work behind DynamicFrame's methods
    catalog.py       tables and partitions of the Data Catalog
    listing.py       objects in S3
    reading.py       files -> DataFrame
    xml_files.py     XML files -> DataFrame
    spark_catalog.py spark.sql on the Data Catalog
    sources.py       tables and folders -> DynamicFrame
    sinks.py         DataFrame -> files and catalog
    local_service.py what only the local Glue answers
"""

from typing import Any


def __getattr__(name: str) -> Any:
    """`from awsglue import DynamicFrame`, as Glue Studio writes it; Spark is loaded only then."""
    if name == "DynamicFrame":
        from awsglue.dynamicframe import DynamicFrame

        return DynamicFrame
    raise AttributeError(f"module 'awsglue' has no attribute {name!r}")
