"""Runs SHOW and DESCRIBE: lines of text about the catalog."""

import re
from typing import Any

from sqlglot import exp

from include.local_aws.athena.ddl import target, words
from include.local_aws.athena.errors import not_supported
from include.local_aws.athena.files import NULL_PARTITION, registered_partitions
from include.local_aws.athena.relations import Table, View
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import NAME, split_name
from include.local_aws.athena.writing import escaped


def _matching(names: list[str], pattern: str | None) -> list[str]:
    """Keep the names that a Hive pattern (`*`, `|`, or a regular expression) names, sorted."""
    if pattern is None:
        return sorted(names)
    expression = re.sub(r"(?<!\.)\*", ".*", pattern)
    return sorted(name for name in names if re.fullmatch(expression, name, re.IGNORECASE))


def _all(session: Session, action: str, key: str, request: dict[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    while True:
        page = session.glue(action, request)
        found += page.get(key, [])
        if not page.get("NextToken"):
            return found
        request = {**request, "NextToken": page["NextToken"]}


def databases(session: Session) -> Outcome:
    """SHOW DATABASES [LIKE 'pattern']."""
    found = words(session, r"SHOW\s+(?:DATABASES|SCHEMAS)(?:\s+LIKE\s+'(?P<like>[^']*)')?")
    names = [item["Name"] for item in _all(session, "GetDatabases", "DatabaseList", {})]
    return text_outcome(session, _matching(names, found["like"]), ["database_name"])


def _tables(session: Session, pattern: str, *, only_views: bool) -> Outcome:
    found = words(session, pattern)
    database = (found["in"] or session.database).strip('`"').lower()
    tables = _all(session, "GetTables", "TableList", {"DatabaseName": database})
    names = [
        item["Name"] for item in tables if not only_views or item.get("TableType") == "VIRTUAL_VIEW"
    ]
    return text_outcome(session, _matching(names, found["like"]), ["tab_name"])


def tables(session: Session) -> Outcome:
    """SHOW TABLES [IN database] ['pattern']; views are in it."""
    pattern = r"SHOW\s+TABLES(?:\s+(?:IN|FROM)\s+(?P<in>\S+))?(?:\s+(?:LIKE\s+)?'(?P<like>[^']*)')?"
    return _tables(session, pattern, only_views=False)


def views(session: Session) -> Outcome:
    """SHOW VIEWS [IN database] [LIKE 'pattern']."""
    pattern = r"SHOW\s+VIEWS(?:\s+(?:IN|FROM)\s+(?P<in>\S+))?(?:\s+LIKE\s+'(?P<like>[^']*)')?"
    return _tables(session, pattern, only_views=True)


def _described(session: Session, name: str) -> list[dict[str, str]]:
    """Give the columns of a table or view as the catalog stores them, partition keys last."""
    database, table = split_name(name, session.database)
    session.relations.find(exp.table_(table, db=database), database)
    glue = session.glue("GetTable", {"DatabaseName": database, "Name": table})["Table"]
    return [
        *(glue.get("StorageDescriptor") or {}).get("Columns", []),
        *glue.get("PartitionKeys", []),
    ]


def columns(session: Session) -> Outcome:
    """SHOW COLUMNS IN table."""
    found = words(session, rf"SHOW\s+COLUMNS\s+(?:IN|FROM)\s+{NAME}")
    return text_outcome(session, [c["Name"] for c in _described(session, found["name"])], ["field"])


def describe(session: Session) -> Outcome:
    """DESCRIBE table: name, type and comment of each column; partition keys again below."""
    found = words(session, rf"DESC(?:RIBE)?\s+{NAME}")
    described = _described(session, found["name"])
    lines = [f"{c['Name']:<20}\t{c.get('Type', ''):<20}\t{c.get('Comment', '')}" for c in described]
    database, name = split_name(found["name"], session.database)
    relation = session.relations.find(exp.table_(name, db=database), database)
    if isinstance(relation, Table) and relation.keys:
        lines += ["\t\t", "# Partition Information\t\t", "# col_name\tdata_type\tcomment", "\t\t"]
        lines += lines[len(described) - len(relation.keys) : len(described)]
    # three columns, and each row is one value with tabs in it: so it is on AWS (PyAthenaJDBC#26)
    return text_outcome(session, lines, ["col_name", "data_type", "comment"])


def partitions(session: Session) -> Outcome:
    """SHOW PARTITIONS table: `key=value/…`, sorted."""
    table = target(session, words(session, rf"SHOW\s+PARTITIONS\s+{NAME}")["name"])
    lines = [
        "/".join(
            f"{escaped(key.name)}={escaped(NULL_PARTITION if value is None else value)}"
            for key, value in zip(table.keys, partition.values, strict=True)
        )
        for partition in (registered_partitions(table, session.glue) if table.keys else [])
    ]
    return text_outcome(session, sorted(lines), ["partition"])


def table_properties(session: Session) -> Outcome:
    """SHOW TBLPROPERTIES table [('key')]."""
    pattern = rf"SHOW\s+TBLPROPERTIES\s+{NAME}(?:\s*\(\s*['\"](?P<key>[^'\"]+)['\"]\s*\))?"
    found = words(session, pattern)
    table = target(session, found["name"])
    given: dict[str, str] = table.glue.get("Parameters") or {}
    if (key := found["key"]) is None:
        lines = [f"{name}\t{value}" for name, value in sorted(given.items())]
    else:
        missing = f"Table {table.qualified} does not have property: {key}"
        lines = [given.get(key, missing)]
    return text_outcome(session, lines, ["prpt_name", "prpt_value"])


def create_view(session: Session) -> Outcome:
    """SHOW CREATE VIEW view."""
    found = words(session, rf"SHOW\s+CREATE\s+VIEW\s+{NAME}")
    database, name = split_name(found["name"], session.database)
    view = session.relations.find(exp.table_(name, db=database), database)
    if not isinstance(view, View):
        raise not_supported(f"SHOW CREATE VIEW of the table {database}.{name}")
    lines = [f"CREATE VIEW {database}.{name} AS", *view.sql.splitlines()]
    return text_outcome(session, lines, ["Create View"])


def create_table(session: Session) -> Outcome:
    """SHOW CREATE TABLE table."""
    table = target(session, words(session, rf"SHOW\s+CREATE\s+TABLE\s+{NAME}")["name"])
    storage = table.glue["StorageDescriptor"]
    serde = storage.get("SerdeInfo") or {}
    lines = [f"CREATE EXTERNAL TABLE `{table.qualified}`("]
    lines += _definitions(storage["Columns"])
    if table.keys:
        lines += ["PARTITIONED BY (", *_definitions(table.glue["PartitionKeys"])]
    lines += ["ROW FORMAT SERDE", f"  '{serde.get('SerializationLibrary', '')}'"]
    lines += _properties("WITH SERDEPROPERTIES (", serde.get("Parameters") or {})
    lines += ["STORED AS INPUTFORMAT", f"  '{storage.get('InputFormat', '')}'"]
    lines += ["OUTPUTFORMAT", f"  '{storage.get('OutputFormat', '')}'"]
    lines += ["LOCATION", f"  '{storage.get('Location', '')}'"]
    lines += _properties("TBLPROPERTIES (", table.glue.get("Parameters") or {})
    return text_outcome(session, lines, ["createtab_stmt"])


def _definitions(described: list[dict[str, str]]) -> list[str]:
    lines = []
    for position, column in enumerate(described, 1):
        comment = f" COMMENT '{column['Comment']}'" if column.get("Comment") else ""
        end = ")" if position == len(described) else ", "
        lines.append(f"  `{column['Name']}` {column['Type']}{comment}{end}")
    return lines


def _properties(start: str, values: dict[str, str]) -> list[str]:
    if not values:
        return []
    pairs = [f"  '{key}'='{value}'" for key, value in sorted(values.items())]
    return [start, *(pair + ", " for pair in pairs[:-1]), pairs[-1] + ")"]
