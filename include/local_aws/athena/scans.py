"""Makes the tables of a translated query readable: prunes, lists, and defines one view per scan."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlglot import exp

from include.local_aws.athena.catalog_filter import expression
from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.files import File, Partition, list_files, partitions_of
from include.local_aws.athena.formats import format_of, readable, relation
from include.local_aws.athena.information_schema import Listing
from include.local_aws.athena.names import FILE
from include.local_aws.athena.pruning import Needs, needs
from include.local_aws.athena.relations import Glue, Table
from include.local_aws.athena.translation import Translation, shown_columns
from include.local_aws.athena.types import from_hive, literal, quoted, to_hive

SMALL_BYTES = 4 * 1024 * 1024
"""A text table up to this size is read once, first, and decides which partitions a join needs."""


class Scans:
    """Defines the scans of one query in its engine.

    Args:
        engine: the query's connection.
        s3: boto3 client.
        glue: calls Glue actions.
        scratch: folder for decoded text files.
    """

    def __init__(self, engine: Engine, s3: Any, glue: Glue, scratch: Path) -> None:
        self._engine = engine
        self._s3 = s3
        self._glue = glue
        self._scratch = scratch
        self._partitions: dict[str, list[Partition]] = {}
        self._materialised: set[str] = set()

    def define(self, translation: Translation) -> None:
        """Create a temporary view, or table, for each scan of the query."""
        needed = needs(translation.tree)
        files = {}
        for name, table in translation.scans.items():
            if isinstance(table, Listing):
                self._list(name, table)
            else:
                files[name] = table
                self._register(name, table, needed.get(name))
        joined = {match.other_scan for need in needed.values() for match in need.joins}
        order = sorted(files, key=lambda name: bool(files[name].keys))
        for name in order:
            table = translation.scans[name]
            numbers = self._numbers(name, table, needed.get(name))
            chosen = [(number, self._partitions[name][number]) for number in numbers]
            for _, partition in chosen:
                _require_same_types(table, partition)
            listed = list_files(self._s3, chosen)
            self._create(name, table, listed, small=name in joined)

    def _list(self, name: str, table: Listing) -> None:
        """Create the scan of a table whose rows are known; nothing is read for it."""
        columns = ", ".join(f"{quoted(c.name)} {c.type}" for c in table.columns)
        self._engine.run(f"CREATE TEMP TABLE {name} ({columns})")
        for start in range(0, len(table.rows), 1000):
            rows = [
                f"({', '.join('NULL' if v is None else literal(str(v)) for v in row)})"
                for row in table.rows[start : start + 1000]
            ]
            self._engine.run(f"INSERT INTO {name} VALUES {', '.join(rows)}")
        self._materialised.add(name)

    def _register(self, name: str, table: Table, need: Needs | None) -> None:
        """Write the table's partitions, typed as the catalog declares, to `_parts<scan>`.

        Those that the catalog itself can leave out are not among them.
        """
        types = {key.name: key.type for key in table.keys}
        filtered = expression(need.predicates, types) if need else None
        self._partitions[name] = partitions = partitions_of(table, self._glue, filtered)
        keys = "".join(f", {quoted(key.name)} {key.type}" for key in table.keys)
        self._engine.run(f"CREATE TEMP TABLE _parts{name} (_number BIGINT{keys})")
        rows = []
        for number, partition in enumerate(partitions):
            if len(partition.values) != len(table.keys):
                raise QueryError(
                    "HIVE_INVALID_METADATA",
                    f"a partition of {table.qualified} has {len(partition.values)} values for "
                    f"{len(table.keys)} keys: {partition.values}",
                )
            values = ["NULL" if v is None else literal(v) for v in partition.values]
            rows.append(f"({', '.join([str(number), *values])})")
        for start in range(0, len(rows), 1000):
            chunk = ", ".join(rows[start : start + 1000])
            try:
                self._engine.run(f"INSERT INTO _parts{name} VALUES {chunk}")
            except QueryError as error:
                text = f"partition values of {table.qualified} do not fit its keys: {error.message}"
                raise QueryError("HIVE_INVALID_PARTITION_VALUE", text) from error

    def _numbers(self, name: str, table: Table, need: Needs | None) -> list[int]:
        """Choose the partitions that can hold rows the query needs."""
        if not table.keys or need is None:
            return list(range(len(self._partitions[name])))
        keys = {key.name for key in table.keys}
        alias = quoted(need.alias)
        conditions = [
            item.sql("duckdb") for item in need.predicates if _columns(item, need.alias) <= keys
        ]
        where = " AND ".join(f"({condition})" for condition in conditions) or "true"
        for match in need.joins:
            on = [item for item in match.conditions if _columns(item, need.alias) <= keys]
            both = [item for item in on if _columns(item, need.alias)]
            if match.other_scan not in self._materialised or not both:
                continue
            text = " AND ".join(f"({item.sql('duckdb')})" for item in on)
            other = f"{match.other_scan} AS {quoted(match.other_alias)}"
            where += f" AND EXISTS (SELECT 1 FROM {other} WHERE {text})"
        sql = f"SELECT _number FROM _parts{name} AS {alias} WHERE {where} ORDER BY 1"
        return [row[0] for row in self._engine.run(sql).fetchall()]

    def _create(self, name: str, table: Table, files: Sequence[File], *, small: bool) -> None:
        """Define the scan over the chosen files."""
        reader = format_of(table)
        columns = ", ".join(
            [f"f.{quoted(c.name)}" for c in table.columns]
            + [f"p.{quoted(key.name)}" for key in table.keys]
        )
        hidden = quoted(FILE)
        if not files:
            nulls = ", ".join(
                f"CAST(NULL AS {c.type}) AS {quoted(c.name)}" for c in shown_columns(table)
            )
            self._engine.run(f"CREATE TEMP VIEW {name} AS SELECT {nulls} WHERE false")
            self._materialised.add(name)
            return
        source, paths = relation(self._engine, self._s3, table, files, self._scratch / name)
        if table.keys or paths != [file.url for file in files]:
            pairs = ", ".join(
                f"({literal(path)}, {literal(file.url)}, {file.partition})"
                for path, file in zip(paths, files, strict=True)
            )
            self._engine.run(
                f"CREATE TEMP TABLE _files{name} AS SELECT v._path, v._url, p.* FROM (VALUES "
                f"{pairs}) v(_path, _url, _of) JOIN _parts{name} p ON p._number = v._of"
            )
            source = f"{source} f JOIN _files{name} p ON f._path = p._path"
            select = f"SELECT {columns}, p._url AS {hidden} FROM {source}"
        else:
            select = f"SELECT {columns}, f._path AS {hidden} FROM {source} f"
        if small and reader != "parquet" and sum(file.size for file in files) <= SMALL_BYTES:
            self._engine.run(f"CREATE TEMP TABLE {name} AS {select}").fetchall()
            self._engine.settle()
            self._materialised.add(name)
        else:
            self._engine.run(f"CREATE TEMP VIEW {name} AS {select}")


def _require_same_types(table: Table, partition: Partition) -> None:
    """Refuse a partition whose own column types cannot be read as the table's.

    Raises:
        QueryError: HIVE_PARTITION_SCHEMA_MISMATCH.
    """
    expected = {column.name: column.type for column in table.columns}
    for name, kind in partition.columns:
        want = expected.get(name)
        if want is None or want == "VARCHAR" or readable(from_hive(kind), want):
            continue
        values = "/".join(str(value) for value in partition.values)
        text = (
            "There is a mismatch between the table and partition schemas. The types are "
            f"incompatible and cannot be coerced. The column '{name}' in table "
            f"'{table.qualified}' is declared as type '{to_hive(want)}', but partition "
            f"'{values}' declared column '{name}' as type '{kind}'."
        )
        raise QueryError("HIVE_PARTITION_SCHEMA_MISMATCH", text)


def _columns(item: exp.Expr, alias: str) -> set[str]:
    return {column.name for column in item.find_all(exp.Column) if column.table == alias}
