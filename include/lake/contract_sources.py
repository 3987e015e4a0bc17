"""Reads where a contract's dataset comes from: the ``servers`` of the standard."""

import re
from typing import Any, Literal, cast

from include.lake.contracts import Column, Source
from include.lake.odcs import IDENTIFIER, custom_properties
from include.lake.strict_yaml import Cursor

#: type of server in the contract → how we get its data
_KINDS = {"s3": "s3_drop", "postgres": "database", "mysql": "database", "api": "rest_api"}
#: format of a drop in the contract → format of its files
_FORMATS = {"json": "jsonl", "csv": "csv", "xml": "xml", "parquet": "parquet"}
_PATH = r"(?:/[A-Za-z0-9_-]+)+"


def read_source(cursor: Cursor, business_time: str | None, columns: tuple[Column, ...]) -> Source:
    """The one server of a contract.

    Args:
        cursor: the ``servers`` list.
        business_time: column that decides the business day, if any.
        columns: of the contract.

    Raises:
        ContractError: the server breaks the format.
    """
    servers = cursor.items()
    if len(servers) != 1:
        cursor.fail("must list exactly one server; the dataset comes from one place")
    server = servers[0].entries()
    if "type" not in server:
        servers[0].fail(f"missing type; use one of {', '.join(_KINDS)}")
    kind = _KINDS[server["type"].one_of(_KINDS)]
    read = {"s3_drop": _drop, "database": _database, "rest_api": _api}[kind]
    return Source(
        kind=cast("Literal['s3_drop', 'database', 'rest_api']", kind),
        business_time=business_time,
        **read(servers[0], business_time, columns),
    )


def _drop(cursor: Cursor, _: str | None, __: tuple[Column, ...]) -> dict[str, Any]:
    server = cursor.mapping(
        ("server", "type", "location", "format"), ("delimiter", "description", "customProperties")
    )
    delivered = server["format"].one_of(_FORMATS)
    if delivered == "json" and "delimiter" not in server:
        cursor.fail("missing delimiter; JSON is read line by line, so say delimiter: new_line")
    if "delimiter" in server:
        server["delimiter"].one_of(("new_line",))
    location = server["location"].text()
    if not re.fullmatch(r"s3://\{lake_bucket\}/bronze/[a-z0-9_]+/", location):
        server["location"].fail("must be s3://{lake_bucket}/bronze/<dataset>/, the drop's folder")
    options: dict[str, str] = {}
    if "customProperties" in server:
        custom = custom_properties(server["customProperties"], (), ("readerOptions",))
        options = {name: value.text() for name, value in custom["readerOptions"].entries().items()}
    if delivered == "xml" and "rowTag" not in options:
        cursor.fail("has no readerOptions.rowTag; say which element of the XML is one row")
    return {
        "format": _FORMATS[delivered],
        "options": options,
        "server": server["server"].text(),
    }


def _database(
    cursor: Cursor, business_time: str | None, columns: tuple[Column, ...]
) -> dict[str, Any]:
    server = cursor.mapping(
        ("server", "type", "host", "port", "database", "customProperties"),
        ("description", "schema"),
    )
    for key in ("host", "database"):
        server[key].text(r"\{secret\.[a-z]+\}", "a placeholder for a field of the secret")
    server["port"].integer(1, 65535)
    custom = custom_properties(
        server["customProperties"], ("table", "secret"), ("rows", "timeColumn", "engine")
    )
    time = business_time
    if "timeColumn" in custom:
        times = [column.name for column in columns if column.type == "timestamp"]
        time = custom["timeColumn"].one_of(times)
    if time is None:
        cursor.fail("has no timeColumn; name the timestamp column that puts rows into days")
    return {
        "format": "parquet",
        "options": {},
        "server": server["server"].text(),
        "secret": custom["secret"].text(IDENTIFIER, "the name of a secret of the deployment"),
        "schema": server["schema"].text(IDENTIFIER, "a schema") if "schema" in server else None,
        "table": custom["table"].text(IDENTIFIER, "a table name"),
        "time_column": time,
        "rows": _choice(custom, "rows", ("of_the_day", "until_day_end")),
        "engine": _choice(custom, "engine", ("worker", "glue")),
    }


def _choice(custom: dict[str, Cursor], name: str, allowed: tuple[str, ...]) -> str:
    """The property's value; without it, the first that is allowed."""
    return custom[name].one_of(allowed) if name in custom else allowed[0]


def _api(cursor: Cursor, business_time: str | None, _: tuple[Column, ...]) -> dict[str, Any]:
    server = cursor.mapping(("server", "type", "location", "customProperties"), ("description",))
    server["location"].text(r"\{secret\.url\}", "{secret.url}: addresses are the deployment's")
    custom = custom_properties(server["customProperties"], ("path", "secret"))
    if business_time is None:
        cursor.fail("needs a businessTime: the API is asked for the interval of a day")
    return {
        "format": "jsonl",
        "options": {},
        "server": server["server"].text(),
        "secret": custom["secret"].text(IDENTIFIER, "the name of a secret of the deployment"),
        "path": custom["path"].text(_PATH, "a path like /v1/sales"),
        "time_column": business_time,
    }
