"""JDBC targets: which tables of a PostgreSQL or MySQL database a crawler describes, and how.

An include path is `database/schema/table` in PostgreSQL and `database/table` in MySQL, `%` stands
for any part of a name, and what is left out at its end means everything (AWS Glue Developer Guide,
"Crawler source type", include path of JDBC data stores). A table is named after the whole path,
its location is the path with dots.
"""

import json
import re
import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from include.local_aws.crawlers.listing import CrawlError, glob

URL = re.compile(r"jdbc:(?P<engine>\w+)://(?P<host>[^:/?]+)(?::(?P<port>\d+))?/(?P<database>[^?]+)")
PORTS = {"postgresql": 5432, "mysql": 3306}
CONNECT_SECONDS = 10
COLUMNS = """
SELECT {path}, tables.table_type, columns.column_name, columns.{type}, columns.numeric_precision,
       columns.numeric_scale, columns.data_type
FROM information_schema.columns AS columns
JOIN information_schema.tables AS tables USING (table_schema, table_name)
WHERE table_schema NOT IN ('pg_catalog', 'information_schema', 'mysql', 'performance_schema', 'sys')
ORDER BY table_schema, table_name, columns.ordinal_position
"""
PATHS = {
    "postgresql": "columns.table_catalog, table_schema, table_name",
    "mysql": "table_schema, table_name",
}
RAW_TYPES = {"postgresql": "udt_name", "mysql": "column_type"}
TYPES = {
    "postgresql": {
        **{"int2": "smallint", "int4": "int", "int8": "bigint", "bool": "boolean"},
        **{"float4": "float", "float8": "double", "date": "date", "bytea": "binary"},
        **{"timestamp": "timestamp", "timestamptz": "timestamp", "money": "double"},
    },
    "mysql": {
        **{"tinyint": "tinyint", "smallint": "smallint", "mediumint": "int", "int": "int"},
        **{"bigint": "bigint", "float": "float", "double": "double", "date": "date"},
        **{"datetime": "timestamp", "timestamp": "timestamp", "year": "int"},
        **{"binary": "binary", "varbinary": "binary", "blob": "binary", "tinyblob": "binary"},
        **{"mediumblob": "binary", "longblob": "binary", "bit": "binary"},
    },
}
"""Engine -> its type -> Glue's, as their JDBC drivers map them; all others are read as text."""
WIDER = {"tinyint": "smallint", "smallint": "int", "int": "bigint", "bigint": "decimal(20,0)"}
"""Type of MySQL's unsigned integers."""


@dataclass(frozen=True)
class DatabaseTarget:
    """One JDBC target of a crawler.

    Attributes:
        connection: name of the Glue connection.
        path: the include path.
        exclusions: patterns of tables, by name or by the path below the database.
    """

    connection: str
    path: str
    exclusions: tuple[re.Pattern[str], ...] = ()

    @staticmethod
    def of(definition: dict[str, Any]) -> "DatabaseTarget":
        """Read a JdbcTarget of a crawler's definition."""
        if definition.get("EnableAdditionalMetadata"):
            raise CrawlError("JDBC targets with EnableAdditionalMetadata are not crawled here")
        patterns = (pattern.replace("%", "*") for pattern in definition.get("Exclusions") or ())
        return DatabaseTarget(
            definition["ConnectionName"], definition.get("Path") or "%", tuple(map(glob, patterns))
        )

    def covers(self, parts: tuple[str, ...]) -> bool:
        """Say whether a table is one that the target describes."""
        wanted = self.path.strip("/").split("/")
        if len(wanted) > len(parts):
            return False
        wanted += ["%"] * (len(parts) - len(wanted))
        inside = all(_like(pattern, part) for pattern, part in zip(wanted, parts, strict=True))
        names = {parts[-1], "/".join(parts[1:])}
        return inside and not any(
            rule.fullmatch(name) for rule in self.exclusions for name in names
        )


@dataclass
class DatabaseTable:
    """A table or view that was found.

    Attributes:
        parts: database, schema (not in MySQL) and name.
        view: whether it is a view.
        columns: Glue type by name, in their order.
    """

    parts: tuple[str, ...]
    view: bool
    columns: dict[str, str] = field(default_factory=dict)

    @property
    def location(self) -> str:
        """Where the catalog says it is."""
        return ".".join(self.parts)


@dataclass(frozen=True)
class Address:
    """What a Glue connection says of its database."""

    engine: str
    host: str
    port: int
    database: str
    user: str
    password: str
    encrypted: bool


def address(connection: Mapping[str, Any], secret: Callable[[str], str]) -> Address:
    """Read a Glue connection.

    Args:
        connection: Connection of GetConnection's answer.
        secret: gives the text of a secret by its id.

    Raises:
        CrawlError: it is of another kind, or does not say who logs in.
    """
    name, given = connection["Name"], connection.get("ConnectionProperties") or {}
    match = URL.match(given.get("JDBC_CONNECTION_URL", ""))
    if match is None or match["engine"] not in PORTS:
        raise CrawlError(
            f"connection {name}: JDBC_CONNECTION_URL {given.get('JDBC_CONNECTION_URL')!r} is not"
            " jdbc:postgresql://host:port/database or jdbc:mysql://host:port/database, which are"
            " the databases that are crawled here"
        )
    login = {"username": given.get("USERNAME"), "password": given.get("PASSWORD")}
    if given.get("SECRET_ID"):
        login = json.loads(secret(given["SECRET_ID"]))
    if not login.get("username") or login.get("password") is None:
        raise CrawlError(f"connection {name} has neither USERNAME and PASSWORD nor a SECRET_ID")
    return Address(
        engine=match["engine"],
        host=match["host"],
        port=int(match["port"] or PORTS[match["engine"]]),
        database=match["database"],
        user=str(login["username"]),
        password=str(login["password"]),
        encrypted=str(given.get("JDBC_ENFORCE_SSL", "false")).lower() == "true",
    )


def tables(where: Address) -> list[DatabaseTable]:
    """Describe all tables and views that the user may see.

    Raises:
        CrawlError: the database does not let us in.
    """
    statement = COLUMNS.format(path=PATHS[where.engine], type=RAW_TYPES[where.engine])
    found: dict[tuple[str, ...], DatabaseTable] = {}
    length = PATHS[where.engine].count(",") + 1
    for row in _rows(where, statement):
        parts = tuple(row[:length])
        kind, column, raw, precision, scale, plain = row[length:]
        table = found.setdefault(parts, DatabaseTable(parts, kind == "VIEW"))
        table.columns[column.lower()] = glue_type(where.engine, raw, plain, precision, scale)
    return list(found.values())


def _rows(where: Address, statement: str) -> Iterator[tuple[Any, ...]]:
    """Run a query over a connection of its own."""
    import psycopg2
    import pymysql

    try:
        connection: Any
        if where.engine == "postgresql":
            connection = psycopg2.connect(
                host=where.host,
                port=where.port,
                dbname=where.database,
                user=where.user,
                password=where.password,
                sslmode="require" if where.encrypted else "prefer",
                connect_timeout=CONNECT_SECONDS,
            )
        else:
            connection = pymysql.connect(
                host=where.host,
                port=where.port,
                database=where.database,
                user=where.user,
                password=where.password,
                ssl=ssl.create_default_context() if where.encrypted else None,
                connect_timeout=CONNECT_SECONDS,
            )
    except (psycopg2.OperationalError, pymysql.err.OperationalError) as error:
        raise CrawlError(
            f"{where.engine} at {where.host}:{where.port} does not let {where.user} into"
            f" {where.database}: {str(error).strip()}"
        ) from error
    try:
        cursor = connection.cursor()
        cursor.execute(statement)
        yield from cursor.fetchall()
    finally:
        connection.close()


def glue_type(
    engine: str, raw: str, plain: str, precision: int | None = None, scale: int | None = None
) -> str:
    """Give the Glue type of a column.

    Args:
        engine: postgresql or mysql.
        raw: the database's own name of the type (MySQL: with its length and `unsigned`).
        plain: MySQL's name without them.
        precision: digits of a decimal.
        scale: of them behind the point.
    """
    if engine == "postgresql":
        name = raw
    else:
        name = plain.lower()
        if raw.lower() in ("tinyint(1)", "bit(1)"):
            return "boolean"
    if name in ("numeric", "decimal"):
        if precision is None:
            return "decimal(38,18)"
        return f"decimal({min(precision, 38)},{min(scale or 0, 38)})"
    mapped = TYPES[engine].get(name, "string")
    return WIDER.get(mapped, mapped) if "unsigned" in raw.lower() else mapped


def _like(pattern: str, name: str) -> bool:
    """Match a part of an include path."""
    return re.fullmatch(".*".join(map(re.escape, pattern.split("%"))), name) is not None


def table_input(
    name: str, crawler: str, target: DatabaseTarget, engine: str, found: DatabaseTable
) -> dict[str, Any]:
    """Describe a database's table to the catalog."""
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [],
        "StorageDescriptor": {
            "Columns": [{"Name": key, "Type": kind} for key, kind in found.columns.items()],
            "Location": found.location,
            "Compressed": False,
            "NumberOfBuckets": -1,
            "SerdeInfo": {"Parameters": {}},
            "BucketColumns": [],
            "SortColumns": [],
            "StoredAsSubDirectories": False,
        },
        "Parameters": {
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
            "UPDATED_BY_CRAWLER": crawler,
            "classification": engine,
            "compressionType": "none",
            "connectionName": target.connection,
            "typeOfData": "view" if found.view else "table",
        },
    }
