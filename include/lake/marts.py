"""Gold tables: one file ``sql/gold/<mart>.sql`` each, a header and one SELECT.

The header is YAML in the file's first comment: description, grain, columns with their types, and
checks. The SELECT reads ``retail_silver.sales`` and may use ``{{ release }}``. From it follow the
CTAS that builds a release of the mart, its catalog table, its view and its checks.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Literal

from yaml.nodes import ScalarNode

from include.lake import values
from include.lake.contracts import Lake
from include.lake.layout import SNAPSHOTS
from include.lake.odcs import IDENTIFIER
from include.lake.shipped import shipped
from include.lake.strict_yaml import ContractError, Cursor, parse

DAY = "sale_date"
#: Written for ``accepted``: the channels of the contracts.
CHANNELS = "channels"
#: Athena refuses a CTAS that writes more partitions.
MAX_PARTITIONS = 100

_TYPE = r"string|bigint|boolean|date|decimal\([1-9][0-9]?,[0-9][0-9]?\)"
_FILE = re.compile(r"\s*/\*\n(?P<header>.*?)\*/\s*(?P<select>.*?);?\s*", re.DOTALL)
_RELEASE = re.compile(r"\{\{\s*release\s*\}\}")


@dataclass(frozen=True)
class MartColumn:
    """One column of a mart.

    Attributes:
        type: as in the Glue catalog (``string``, ``bigint``, ``decimal(18,2)``, …).
        required: a null fails the checks.
        minimum: smallest allowed value.
        maximum: largest allowed value.
        accepted: closed list of values, or ``channels``; empty means any.
        references: snapshot table that should have the value in its column of that name: what is
            not there is warned of.
        reconciles_with: aggregate over a day's ``retail_silver.sales`` rows that the day's sum of
            this column must equal exactly. Marts that reconcile with the same aggregate so equal
            each other, to the cent.
    """

    name: str
    type: str
    description: str
    required: bool = True
    minimum: Decimal | None = None
    maximum: Decimal | None = None
    accepted: tuple[str, ...] | Literal["channels"] = ()
    references: str | None = None
    reconciles_with: str | None = None

    @property
    def athena_type(self) -> str:
        """The type as Athena's SQL writes it."""
        return "varchar" if self.type == "string" else self.type


@dataclass(frozen=True)
class MartCheck:
    """A boolean aggregate expression that must be true over each day's rows of the mart."""

    name: str
    severity: Literal["fail", "warn"]
    sql: str


@dataclass(frozen=True)
class Mart:
    """One gold table; one row per ``grain``."""

    name: str
    description: str
    grain: tuple[str, ...]
    columns: tuple[MartColumn, ...]
    checks: tuple[MartCheck, ...]
    select: str

    @property
    def data_columns(self) -> tuple[MartColumn, ...]:
        """The columns in the files: all but the partition key sale_date."""
        return tuple(column for column in self.columns if column.name != DAY)

    def ctas(
        self,
        staged_table: str,
        location: str,
        release: str,
        days: tuple[date, date] | None = None,
    ) -> str:
        """The statement that builds one release of the mart.

        Args:
            staged_table: ``database.table`` to create (or a Template of it).
            location: empty S3 folder for its files (or a Template of it).
            release: whose silver rows to read (or a Template of it).
            days: first and last business day to take, where there are too many for one statement.

        Returns:
            CREATE TABLE … AS SELECT with exactly the header's types, sale_date as the partition
            key, rows sorted by the grain.

        Raises:
            UnsafeValueError: an argument is not what it should be.
        """
        return (
            f"CREATE TABLE {values.table(staged_table)}\n"
            f"WITH (\n"
            f"  format = 'PARQUET',\n"
            f"  write_compression = 'ZSTD',\n"
            f"  external_location = '{values.location(location)}',\n"
            f"  partitioned_by = ARRAY['{DAY}']\n"
            f") AS\n{self._rows(release, days)}"
        )

    def insert(self, staged_table: str, release: str, days: tuple[date, date]) -> str:
        """The statement that adds further business days to a staged table (see ``batches``)."""
        return f"INSERT INTO {values.table(staged_table)}\n{self._rows(release, days)}"

    def batched(
        self, staged_table: str, location: str, release: str, days: Sequence[date]
    ) -> list[str]:
        """The CTAS and INSERTs for more days than one statement may write; else nothing."""
        ranges = batches(days)
        if len(ranges) < 2:
            return []
        first = self.ctas(staged_table, location, release, ranges[0])
        return [first, *(self.insert(staged_table, release, each) for each in ranges[1:])]

    def _rows(self, release: str, days: tuple[date, date] | None) -> str:
        select = _RELEASE.sub(lambda _: values.release(release), self.select)
        ordered = (*self.data_columns, *(column for column in self.columns if column.name == DAY))
        casts = ",\n".join(
            f"  CAST({column.name} AS {column.athena_type}) AS {column.name}" for column in ordered
        )
        only = ""
        if days is not None:
            first, last = (day.isoformat() for day in days)
            only = f"WHERE {DAY} BETWEEN DATE '{first}' AND DATE '{last}'\n"
        return (
            f"SELECT\n{casts}\nFROM (\n{select}\n) AS mart\n{only}ORDER BY {', '.join(self.grain)}"
        )


def batches(days: Sequence[date]) -> list[tuple[date, date]]:
    """Ranges of at most 100 business days: the first for ``ctas``, the others for ``insert``."""
    ordered = sorted(set(days))
    chunks = [ordered[i : i + MAX_PARTITIONS] for i in range(0, len(ordered), MAX_PARTITIONS)]
    return [(chunk[0], chunk[-1]) for chunk in chunks]


def load_marts(root: Traversable | None = None) -> tuple[Mart, ...]:
    """The marts of a folder, by name.

    Args:
        root: the folder of ``<mart>.sql`` files; by default ``sql/gold`` as shipped.

    Raises:
        ContractError: a file breaks the format; names file, line and fix.
    """
    folder = shipped("sql", "gold") if root is None else root
    files = sorted(
        (entry for entry in folder.iterdir() if entry.name.endswith(".sql")),
        key=lambda entry: entry.name,
    )
    if not files:
        raise ContractError(f"{folder}:1: document: there is no mart; add <mart>.sql")
    return tuple(read_mart(file) for file in files)


def published_tables(lake: Lake, marts: Iterable[Mart]) -> list[str]:
    """``database.table`` of every table of silver and gold that a run publishes."""
    silver = [*(contract.silver_table for contract in lake.contracts), "sales"]
    return [
        *(f"{lake.silver_database}.{name}" for name in silver),
        *(f"{lake.gold_database}.{mart.name}" for mart in marts),
    ]


def split_sql(file: Traversable) -> tuple[Cursor, str]:
    """The YAML header and the one statement of an SQL file.

    Raises:
        ContractError: there is no header comment or no SELECT, or there are several statements.
    """
    text = file.read_text(encoding="utf-8")
    match = _FILE.fullmatch(text)
    if match is None:
        raise ContractError(f"{file.name}:1: document: must begin with a /* … */ header of YAML")
    first_line = text[: match.start("header")].count("\n") + 1
    header = parse(match["header"], file.name, first_line)
    select = match["select"].strip()
    line = text[: match.start("select")].count("\n") + 1
    if not re.match(r"(SELECT|WITH)\b", select):
        raise ContractError(f"{file.name}:{line}: document: must be one SELECT after the header")
    if ";" in select or "/*" in select:
        raise ContractError(
            f"{file.name}:{line}: document: must be a single statement with -- comments only"
        )
    return header, select


def read_mart(file: Traversable) -> Mart:
    """One mart (see ``load_marts``)."""
    header, select = split_sql(file)
    name = file.name.removesuffix(".sql")
    if not re.fullmatch(IDENTIFIER, name):
        header.fail(f"{name!r} cannot be a table name; call the file <lower_case_name>.sql")
    top = header.mapping(("description", "grain", "columns"), ("checks",))
    columns = tuple(_column(key, value) for key, value in top["columns"].entries().items())
    names = [column.name for column in columns]
    grain = tuple(item.one_of(names) for item in top["grain"].items())
    if grain[0] != DAY or len(set(grain)) != len(grain):
        top["grain"].fail(f"must begin with {DAY}, the partition key, and name no column twice")
    day = next(column for column in columns if column.name == DAY)
    if day.type != "date":
        top["columns"].fail(f"{DAY} must have type date; readers join on it")
    if not _RELEASE.search(select):
        header.fail("the SELECT does not filter on {{ release }}; it would mix releases")
    return Mart(
        name=name,
        description=top["description"].text(),
        grain=grain,
        columns=columns,
        checks=tuple(_checks(top["checks"])) if "checks" in top else (),
        select=select,
    )


def _column(name: str, cursor: Cursor) -> MartColumn:
    rules = ("required", "minimum", "maximum", "accepted", "references", "reconciles_with")
    entry = cursor.mapping(("type", "description"), rules)
    if not re.fullmatch(IDENTIFIER, name) or name == "release":
        cursor.fail(f"{name!r} cannot be a column of a mart; use lower_case_words")
    kind = entry["type"].text(_TYPE, "a column type")
    for rule in ("minimum", "maximum"):
        if rule in entry and not kind.startswith(("bigint", "decimal")):
            entry[rule].fail(f"{kind} has no {rule}; only numbers do")
    if "accepted" in entry and kind != "string":
        entry["accepted"].fail(f"{kind} has no list of values; only strings do")
    return MartColumn(
        name=name,
        type=kind,
        description=entry["description"].text(),
        required=entry["required"].boolean() if "required" in entry else True,
        minimum=entry["minimum"].decimal() if "minimum" in entry else None,
        maximum=entry["maximum"].decimal() if "maximum" in entry else None,
        accepted=_accepted(entry["accepted"]) if "accepted" in entry else (),
        references=entry["references"].one_of(SNAPSHOTS) if "references" in entry else None,
        reconciles_with=entry["reconciles_with"].text() if "reconciles_with" in entry else None,
    )


def _accepted(cursor: Cursor) -> tuple[str, ...] | Literal["channels"]:
    if isinstance(cursor.node, ScalarNode):
        cursor.one_of([CHANNELS])
        return "channels"
    return tuple(item.text() for item in cursor.items())


def _checks(cursor: Cursor) -> list[MartCheck]:
    checks: list[MartCheck] = []
    for item in cursor.items():
        entry = item.mapping(("name", "severity", "sql"))
        name = entry["name"].text(IDENTIFIER, "a check name")
        if name in {check.name for check in checks}:
            entry["name"].fail(f"check {name} stands twice; rename one")
        severity: Literal["fail", "warn"] = "fail"
        if entry["severity"].one_of(("fail", "warn")) == "warn":
            severity = "warn"
        checks.append(MartCheck(name, severity, entry["sql"].text()))
    return checks
