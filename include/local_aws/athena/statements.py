"""What kind of statement a text is, told from its first words, as GetQueryExecution reports it."""

import re
from dataclasses import dataclass

from include.local_aws.athena.errors import QueryError, not_supported

COMMENT = re.compile(r"\s*(--[^\n]*(\n|$)|/\*.*?\*/)", re.DOTALL)
NAME = r"(?P<name>(?:[`\"]?[\w$-]+[`\"]?\.)?[`\"]?[\w$-]+[`\"]?)"
KINDS = [
    # pattern at the start, kind, StatementType, SubstatementType
    (r"(SELECT|WITH|VALUES|TABLE|\()\b|\(", "select", "DML", "SELECT"),
    (r"INSERT\s+INTO\b", "insert", "DML", "INSERT"),
    (r"UNLOAD\b", "unload", "DML", "UNLOAD"),
    (r"EXPLAIN\b", "explain", "UTILITY", "EXPLAIN"),
    (r"PREPARE\b", "prepare", "DDL", "PREPARE"),
    (r"EXECUTE\b", "execute", "DML", "EXECUTE"),
    (r"DEALLOCATE\s+PREPARE\b", "deallocate", "DDL", "DEALLOCATE_PREPARE"),
    (r"CREATE\s+(OR\s+REPLACE\s+)?VIEW\b", "create_view", "DDL", "CREATE_VIEW"),
    (r"CREATE\s+EXTERNAL\s+TABLE\b", "create_table", "DDL", "CREATE_TABLE"),
    (r"CREATE\s+TABLE\b", "create_table_as", "DDL", "CREATE_TABLE_AS_SELECT"),
    (r"CREATE\s+(DATABASE|SCHEMA)\b", "create_database", "DDL", "CREATE_DATABASE"),
    (r"DROP\s+(DATABASE|SCHEMA)\b", "drop_database", "DDL", "DROP_DATABASE"),
    (r"DROP\s+TABLE\b", "drop_table", "DDL", "DROP_TABLE"),
    (r"DROP\s+VIEW\b", "drop_view", "DDL", "DROP_VIEW"),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+COLUMNS\b", "add_columns", "DDL", "ALTER_TABLE_ADD_COLUMNS"),
    (
        rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+TBLPROPERTIES\b",
        "set_properties",
        "DDL",
        "ALTER_TABLE_PROPERTIES",
    ),
    (
        rf"ALTER\s+TABLE\s+{NAME}\s+REPLACE\s+COLUMNS\b",
        "replace_columns",
        "DDL",
        "ALTER_TABLE_REPLACE_COLUMNS",
    ),
    (
        rf"ALTER\s+TABLE\s+{NAME}\s+SET\s+LOCATION\b",
        "set_location",
        "DDL",
        "ALTER_TABLE_SET_LOCATION",
    ),
    (rf"ALTER\s+TABLE\s+{NAME}\s+ADD\b", "add_partition", "DDL", "ALTER_TABLE_ADD_PARTITION"),
    (rf"ALTER\s+TABLE\s+{NAME}\s+DROP\b", "drop_partition", "DDL", "ALTER_TABLE_DROP_PARTITION"),
    (r"MSCK\s+REPAIR\s+TABLE\b", "repair", "DDL", "MSCK_REPAIR_TABLE"),
    (r"SHOW\s+(DATABASES|SCHEMAS)\b", "show_databases", "UTILITY", "SHOW_DATABASES"),
    (r"SHOW\s+TABLES\b", "show_tables", "UTILITY", "SHOW_TABLES"),
    (r"SHOW\s+VIEWS\b", "show_views", "UTILITY", "SHOW_VIEWS"),
    (r"SHOW\s+COLUMNS\b", "show_columns", "UTILITY", "SHOW_COLUMNS"),
    (r"SHOW\s+PARTITIONS\b", "show_partitions", "UTILITY", "SHOW_PARTITIONS"),
    (r"SHOW\s+TBLPROPERTIES\b", "show_properties", "UTILITY", "SHOW_TBLPROPERTIES"),
    (r"SHOW\s+CREATE\s+TABLE\b", "show_create_table", "UTILITY", "SHOW_CREATE_TABLE"),
    (r"SHOW\s+CREATE\s+VIEW\b", "show_create_view", "UTILITY", "SHOW_CREATE_VIEW"),
    (r"DESC(RIBE)?\b", "describe", "UTILITY", "DESCRIBE_TABLE"),
]
RESERVED = re.compile(r"\bCAST\s*\(\s*'[^']*'\s+AS\s+DECIMAL\s*\)", re.IGNORECASE)


@dataclass(frozen=True)
class Statement:
    """One statement: its text without outer comments and semicolon, and what it is.

    Attributes:
        sql: text to run.
        kind: name of the function that runs it.
        type: StatementType: DML, DDL or UTILITY.
        subtype: SubstatementType.
    """

    sql: str
    kind: str
    type: str
    subtype: str


def classify(text: str) -> Statement:
    """Tell what a statement is; an unknown one is of kind `other` and fails when it runs."""
    sql = text.strip()
    while found := COMMENT.match(sql):
        sql = sql[found.end() :]
    sql = sql.strip()
    while sql.endswith(";"):
        sql = sql[:-1].rstrip()
    for pattern, kind, statement_type, subtype in KINDS:
        if re.match(pattern, sql, re.IGNORECASE):
            return Statement(sql, kind, statement_type, subtype)
    words = re.findall(r"\w+", sql.upper())[:1]
    return Statement(sql, "other", "DDL", words[0] if words else "UNKNOWN")


def refuse(statement: Statement) -> QueryError:
    """Make the refusal of a statement of kind `other`."""
    words = " ".join(re.findall(r"\w+", statement.sql)[:3]).upper()
    known = {"ALTER", "MERGE", "DELETE", "UPDATE",
             "OPTIMIZE", "VACUUM", "SHOW", "CREATE", "DROP"}  # fmt: skip
    if words.partition(" ")[0] in known:
        return not_supported(f"statement {words} …")
    return QueryError("SYNTAX_ERROR", f"line 1:1: mismatched input '{words.partition(' ')[0]}'")


def split_name(name: str, database: str) -> tuple[str, str]:
    """Split `db.table`, quoted or not, into lower-case database and table."""
    parts = [part.strip('`"').lower() for part in name.split(".")]
    if len(parts) == 3 and parts[0] == "awsdatacatalog":
        parts = parts[1:]
    if len(parts) > 2 or not all(parts):
        raise QueryError("SYNTAX_ERROR", f"not the name of a table: {name}")
    return (parts[0], parts[1]) if len(parts) == 2 else (database.lower(), parts[0])
