"""PostgreSQL and MySQL as sources and sinks, through their Python drivers.

On AWS this is Spark's JDBC; columns get the types that it gives them. Rows pass through the driver
process: tables are as large as fit into it.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import types as T

from awsglue import bookmarks, catalog, keyed_rows
from awsglue.errors import NotSupportedHere

ENGINES = {"postgresql": 5432, "mysql": 3306}
URL = re.compile(r"jdbc:(?P<engine>\w+)://(?P<host>[^:/?]+)(?::(?P<port>\d+))?(?:/(?P<db>[^?]*))?")
KNOWN = {"url", "user", "password", "dbtable", "database", "sampleQuery"} | {
    "connectionName",
    "useConnectionProperties",
    keyed_rows.KEYS,
    keyed_rows.ORDER,
}
WITHOUT_EFFECT = {
    "bulkSize",
    "customJdbcDriverClassName",
    "customJdbcDriverS3Path",
    "hashexpression",
    "hashfield",
    "hashpartitions",
}
# type codes: pg_type.oid; MySQL's field types of its protocol
POSTGRESQL: dict[int, T.DataType] = {
    16: T.BooleanType(), 17: T.BinaryType(), 20: T.LongType(), 21: T.ShortType(),
    23: T.IntegerType(), 700: T.FloatType(), 701: T.DoubleType(), 1082: T.DateType(),
    1114: T.TimestampType(), 1184: T.TimestampType(),
}  # fmt: skip
MYSQL: dict[int, T.DataType] = {
    1: T.IntegerType(), 2: T.IntegerType(), 3: T.IntegerType(), 4: T.FloatType(),
    5: T.DoubleType(), 7: T.TimestampType(), 8: T.LongType(), 9: T.IntegerType(),
    10: T.DateType(), 12: T.TimestampType(), 13: T.IntegerType(),
}  # fmt: skip
NUMERIC = {"postgresql": 1700, "mysql": 246}
BATCH = 1000


@dataclass(frozen=True)
class Address:
    """Where a database is, and who logs in."""

    engine: str
    host: str
    port: int
    database: str
    user: str
    password: str


def is_one(connection_type: str) -> bool:
    """Whether a connection type is a database that can be read and written here."""
    return connection_type.lower() in ENGINES


def address(options: Mapping[str, Any]) -> Address:
    """Find the database of connection options, or of the Glue connection that they name.

    Raises:
        NotSupportedHere: An option, or a kind of database, that is missing here.
    """
    if unknown := set(options) - KNOWN - WITHOUT_EFFECT:
        raise NotSupportedHere(f"the connection option {sorted(unknown)[0]!r} of a database")
    given = dict(options)
    if options.get("connectionName"):
        given |= of_connection(str(options["connectionName"]))
    match = URL.match(str(given.get("url", "")))
    if match is None or match["engine"] not in ENGINES:
        raise NotSupportedHere(f"the database {given.get('url')!r}: {', '.join(ENGINES)} are")
    return Address(
        match["engine"],
        match["host"],
        int(match["port"] or ENGINES[match["engine"]]),
        str(options.get("database") or match["db"] or ""),
        str(given["user"]),
        str(given["password"]),
    )


def of_connection(name: str) -> dict[str, str]:
    """url, user and password of a Glue connection."""
    answer = catalog.client().get_connection(Name=name, HidePassword=False)
    found = answer["Connection"]["ConnectionProperties"]
    login = {"username": found.get("USERNAME", ""), "password": found.get("PASSWORD", "")}
    if found.get("SECRET_ID"):
        secret = boto3.client("secretsmanager").get_secret_value(SecretId=found["SECRET_ID"])
        login = json.loads(secret["SecretString"])
    url = found["JDBC_CONNECTION_URL"]
    return {"url": url, "user": login["username"], "password": login["password"]}


def of_table(document: Mapping[str, Any]) -> dict[str, str] | None:
    """Connection options of a table that a crawler found in a database, None for another one."""
    parameters = document.get("Parameters") or {}
    if not is_one(parameters.get("classification", "")) or "connectionName" not in parameters:
        return None
    parts = document["StorageDescriptor"]["Location"].split(".")
    name = ".".join(parts[1:] if parameters["classification"] == "postgresql" else parts)
    return {"connectionName": parameters["connectionName"], "database": parts[0], "dbtable": name}


def read(spark: SparkSession, options: Mapping[str, Any], transformation_ctx: str) -> DataFrame:
    """Read a table, or the rows of `sampleQuery`; of a table with a bookmark the new rows."""
    where = address(options)
    query = options.get("sampleQuery") or f"SELECT * FROM {options['dbtable']}"
    with connected(where) as connection:
        cursor = connection.cursor()
        marked = transformation_ctx and bookmarks.current.option != "job-bookmark-disable"
        keys = keyed_rows.keys_of(where.engine, cursor, options) if marked else ()
        cursor.execute(f"SELECT * FROM ({query}) q LIMIT 0")
        schema = T.StructType(list(_fields(where.engine, cursor)))
        as_text = [isinstance(field.dataType, T.StringType) for field in schema]
        if where.engine == "postgresql":
            names = [field.name.replace('"', '""') for field in schema]
            columns = ", ".join(
                f'"{name}"::text' if text else f'"{name}"'
                for name, text in zip(names, as_text, strict=True)
            )
            query = f"SELECT {columns} FROM ({query}) q"
        if keys:
            descending = keyed_rows.descending(options)
            keyed_rows.select(where.engine, cursor, query, keys, descending, transformation_ctx)
        else:
            cursor.execute(query)
        rows = [tuple(map(_value, row, as_text)) for row in cursor.fetchall()]
    if keys:
        places = [schema.fieldNames().index(key) for key in keys]
        values = [[row[place] for place in places] for row in rows]
        keyed_rows.remember(transformation_ctx, values)
    return spark.createDataFrame(rows, schema)


def _fields(engine: str, cursor: Any) -> Iterator[T.StructField]:
    """The columns of a result, in Spark's types."""
    for column in cursor.description:
        name, code, precision, scale = column[0], column[1], column[4], column[5]
        kind = (POSTGRESQL if engine == "postgresql" else MYSQL).get(code, T.StringType())
        if code == NUMERIC[engine]:
            if engine == "mysql":  # the length counts the point, and the sign
                precision -= 1 + (scale > 0)
            known = precision is not None and 0 < precision <= 38
            kind = T.DecimalType(precision, scale) if known else T.DecimalType(38, 18)
        yield T.StructField(name, kind)


def _value(value: Any, as_text: bool) -> Any:
    if isinstance(value, memoryview):
        return bytes(value)
    if as_text and value is not None and not isinstance(value, str):
        return value.decode() if isinstance(value, bytes) else str(value)
    return value


def write(frame: DataFrame, options: Mapping[str, Any]) -> None:
    """Append rows to a table, which is made if it is missing; all of them or none."""
    where, table = address(options), options["dbtable"]
    quote = '"' if where.engine == "postgresql" else "`"
    names = [quote + name.replace(quote, quote * 2) + quote for name in frame.columns]
    declared = ", ".join(
        f"{name} {_ddl(where.engine, field.dataType)}"
        for name, field in zip(names, frame.schema, strict=True)
    )
    marks = ", ".join(["%s"] * len(names))
    with connected(where) as connection:
        cursor = connection.cursor()
        cursor.execute(f"CREATE TABLE IF NOT EXISTS {table} ({declared})")
        statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({marks})"
        batch: list[Sequence[Any]] = []
        for row in frame.toLocalIterator():
            batch.append(tuple(row))
            if len(batch) == BATCH:
                cursor.executemany(statement, batch)
                batch.clear()
        if batch:
            cursor.executemany(statement, batch)
        connection.commit()


def _ddl(engine: str, kind: T.DataType) -> str:
    """The database's type of a column that it is given, as Spark's dialects choose it."""
    if isinstance(kind, T.DecimalType):
        return f"NUMERIC({kind.precision},{kind.scale})"
    postgresql = engine == "postgresql"
    chosen = {
        "boolean": "BOOLEAN" if postgresql else "BIT(1)",
        "tinyint": "SMALLINT", "smallint": "SMALLINT", "int": "INTEGER", "bigint": "BIGINT",
        "float": "FLOAT4" if postgresql else "FLOAT",
        "double": "FLOAT8" if postgresql else "DOUBLE PRECISION",
        "date": "DATE", "timestamp": "TIMESTAMP" if postgresql else "DATETIME(6)",
        "binary": "BYTEA" if postgresql else "BLOB", "string": "TEXT" if postgresql else "LONGTEXT",
    }.get(kind.simpleString())  # fmt: skip
    if chosen is None:
        raise NotSupportedHere(f"a column of the type {kind.simpleString()} in a database")
    return chosen


@contextmanager
def connected(where: Address) -> Iterator[Any]:
    """Log in; what is not committed is undone."""
    import psycopg2
    import pymysql

    login: dict[str, Any] = {"host": where.host, "port": where.port, "user": where.user}
    login |= {"password": where.password, "connect_timeout": 10}
    connection: Any
    if where.engine == "postgresql":
        connection = psycopg2.connect(dbname=where.database, **login)
    else:
        connection = pymysql.connect(database=where.database, **login)
    try:
        yield connection
    finally:
        connection.close()
