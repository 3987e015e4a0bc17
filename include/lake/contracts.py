"""The types of a data contract, and the lake they make together.

One contract per dataset says everything the pipeline knows of a source: schema, keys, personal
data, rules, where it comes from, how late it may be and what it contributes to ``sales``. DAG,
job arguments, catalog tables and checks follow from it. The files are Open Data Contract
Standard v3.1.0; ``include.lake.contract_files`` reads them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from importlib.resources.abc import Traversable
from typing import Literal

from include.lake.costs import Costs
from include.lake.drift import DriftPolicy
from include.lake.strict_yaml import ContractError

__all__ = [
    "NOTHING",
    "RESTRICTED",
    "SALES_INPUTS",
    "Column",
    "Contract",
    "ContractError",
    "Enrichment",
    "Lake",
    "Rule",
    "Source",
    "load_lake",
]

ColumnType = Literal["string", "integer", "decimal", "timestamp", "date", "boolean"]

RESTRICTED = "restricted"
#: In a contract's ``sales`` mapping: this dataset knows no such thing.
NOTHING = "CAST(NULL AS STRING)"
#: What a contract's ``sales`` mapping must give, each a Spark SQL expression over clean columns.
#: ``customer_id`` names the restricted column whose token becomes ``customer_token``, or is
#: NOTHING; channel, calculated_total, amount_matches and provenance are added by the job.
SALES_INPUTS: tuple[str, ...] = (
    "transaction_id",
    "sold_at",
    "product_id",
    "product_name",
    "category",
    "quantity",
    "unit_price",
    "total_amount",
    "customer_id",
    "region",
    "store_id",
    "payment_method",
    "is_return",
)


@dataclass(frozen=True)
class Column:
    """One column of the clean table, in the order of the contract.

    Attributes:
        name: name in silver (snake_case).
        source: name in the delivered file; equals ``name`` for a derived column.
        type: logical type; ``integer`` is a 64-bit integer.
        precision: decimal digits in all, for decimals.
        scale: decimal digits after the point, for decimals.
        required: a null (or blank text) is quarantined as ``required:<name>``.
        primary_key: position in the key from 1, or None.
        formats: see ``datetime_patterns``, tried in order.
        time_zone: zone of a timestamp written without one.
        minimum: smallest allowed value.
        exclusive_minimum: every value must be above it.
        maximum: largest allowed value.
        pattern: regular expression that the text must match as a whole.
        accepted: closed list of values; empty means any.
        aliases: lower-cased spelling to accepted value.
        decimal_separator: what a number in a text file has before its decimals.
        grouping_separator: what it may have between thousands, or None.
        derived: Spark SQL expression over the columns before this one, or None.
        classification: ``restricted`` marks personal data.
        description: for the catalog.
    """

    name: str
    source: str
    type: ColumnType
    precision: int | None = None
    scale: int | None = None
    required: bool = False
    primary_key: int | None = None
    formats: tuple[str, ...] = ()
    time_zone: str | None = None
    minimum: Decimal | None = None
    exclusive_minimum: Decimal | None = None
    maximum: Decimal | None = None
    pattern: str | None = None
    accepted: tuple[str, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)
    decimal_separator: str = "."
    grouping_separator: str | None = None
    derived: str | None = None
    classification: str | None = None
    description: str = ""

    @property
    def is_restricted(self) -> bool:
        """Whether it is personal data; silver stores a token in its place."""
        return self.classification == RESTRICTED

    @property
    def stored_name(self) -> str:
        """Name of the column in silver: ``customer_id`` is stored as ``customer_token``."""
        return f"{self.name.removesuffix('_id')}_token" if self.is_restricted else self.name

    @property
    def stored_type(self) -> str:
        """SQL type of the column in silver; a token is a string."""
        return "string" if self.is_restricted else self.sql_type

    @property
    def sql_type(self) -> str:
        """The type as Spark, Hive and the Glue catalog write it, e.g. ``decimal(18,2)``."""
        if self.type == "decimal":
            return f"decimal({self.precision},{self.scale})"
        return "bigint" if self.type == "integer" else self.type


@dataclass(frozen=True)
class Rule:
    """A condition over a whole row: a Spark SQL boolean that must be true (null is not true)."""

    name: str
    expression: str
    description: str


@dataclass(frozen=True)
class Source:
    """Where a dataset comes from.

    Attributes:
        kind: ``s3_drop`` (somebody puts files, ``_SUCCESS`` last), or ``database`` or
            ``rest_api`` (we extract).
        format: of the bronze files.
        options: reader options, e.g. ``{"header": "true"}`` for CSV.
        business_time: column whose business day is the row's sale_date; None for a snapshot
            whose day is its arrival day.
        server: name of the server entry in the contract.
        secret: which secret of the deployment opens it (``tills``), for what we extract.
        schema: database schema, for PostgreSQL.
        table: database table.
        time_column: column that decides which rows of a database belong to a day.
        rows: ``of_the_day`` (the half-open interval of the day), or ``until_day_end`` (all rows
            before the day's end: a snapshot).
        engine: who reads the table, to the same files: an Airflow ``worker``, or ``glue``, a job of
            its own, for tables that take a worker too long.
        path: of the REST resource, e.g. ``/v1/sales``.
    """

    kind: Literal["s3_drop", "database", "rest_api"]
    format: Literal["jsonl", "csv", "xml", "parquet"]
    options: Mapping[str, str]
    business_time: str | None
    server: str
    secret: str | None = None
    schema: str | None = None
    table: str | None = None
    time_column: str | None = None
    rows: Literal["of_the_day", "until_day_end"] = "of_the_day"
    engine: Literal["worker", "glue"] = "worker"
    path: str | None = None


@dataclass(frozen=True)
class Enrichment:
    """What ``sales`` takes from a snapshot of the same day where the sale itself says nothing.

    Attributes:
        key: sales column to the snapshot's column that must equal it; they are its whole key.
        fill: sales column to the snapshot's column that stands in for a null.
    """

    key: Mapping[str, str]
    fill: Mapping[str, str]


@dataclass(frozen=True)
class Contract:
    """One dataset, from delivery to its share of ``sales``, or to its snapshot table.

    Attributes:
        dataset: its name; bronze folder and task ids follow from it.
        lateness_days: how many days before its arrival a row's business day may lie.
        channel: value of ``sales.channel``; None for a snapshot.
        sales: each of SALES_INPUTS to Spark SQL over the clean columns; empty for a snapshot.
        snapshot: silver table of each arrival day's state, a row per key; None for a channel.
        enriches: what ``sales`` takes from the snapshot, if anything.
        drift: what its files may change without asking.
    """

    dataset: str
    version: str
    title: str
    owner: str
    description: str
    source: Source
    columns: tuple[Column, ...]
    rules: tuple[Rule, ...]
    lateness_days: int
    channel: str | None
    sales: Mapping[str, str]
    snapshot: str | None = None
    enriches: Enrichment | None = None
    drift: DriftPolicy = field(default_factory=DriftPolicy)

    @property
    def silver_table(self) -> str:
        """Its table in silver."""
        return self.snapshot or f"clean_{self.dataset}"

    @property
    def key_columns(self) -> tuple[str, ...]:
        """Stored names of the primary key, in order."""
        keys = {each.primary_key: each.stored_name for each in self.columns if each.primary_key}
        return tuple(keys[position] for position in sorted(keys))

    @property
    def delivered_columns(self) -> tuple[Column, ...]:
        """The columns that the files must have (all but the derived ones)."""
        return tuple(column for column in self.columns if column.derived is None)

    def column(self, name: str) -> Column:
        """The column of that name; KeyError if the contract has none."""
        for column in self.columns:
            if column.name == name:
                return column
        raise KeyError(f"contract {self.dataset} has no column {name}")


@dataclass(frozen=True)
class Lake:
    """What all datasets share.

    Attributes:
        time_zone: IANA zone of the business day; every ingest_date and sale_date is a day of it.
        costs: prices, and what a run may cost.
        contracts: in alphabetical order of their dataset.
    """

    time_zone: str
    bronze_database: str
    silver_database: str
    gold_database: str
    ops_database: str
    analytics_database: str
    costs: Costs
    contracts: tuple[Contract, ...]

    @property
    def channels(self) -> tuple[Contract, ...]:
        """The contracts whose rows become ``sales``."""
        return tuple(contract for contract in self.contracts if contract.snapshot is None)

    @property
    def snapshots(self) -> tuple[Contract, ...]:
        """The contracts of which each arrival day is a state of its own."""
        return tuple(contract for contract in self.contracts if contract.snapshot is not None)

    @property
    def max_lateness_days(self) -> int:
        """The longest lateness of any contract."""
        return max(contract.lateness_days for contract in self.contracts)

    def contract(self, dataset: str) -> Contract:
        """The contract of that dataset.

        Raises:
            KeyError: there is none; the message lists those there are.
        """
        for contract in self.contracts:
            if contract.dataset == dataset:
                return contract
        known = ", ".join(contract.dataset for contract in self.contracts)
        raise KeyError(f"no contract for {dataset}; include/contracts has: {known}")


def load_lake(root: Traversable | None = None) -> Lake:
    """The lake of a folder of contracts.

    Args:
        root: folder of ``lake.yaml`` and a ``<dataset>.yaml`` per dataset; by default as shipped.

    Raises:
        ContractError: a file breaks the contract format; names file, line, key and fix.
    """
    # Imported late: the reader builds these types, so it imports this module.
    from include.lake import contract_files

    return contract_files.read_lake(root)
