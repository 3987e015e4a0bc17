"""Runs INSERT INTO: a query's rows in new files of a table that exists."""

from sqlglot import exp

from include.local_aws.athena import writing
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.files import NULL_PARTITION, partitions_of, split_location
from include.local_aws.athena.formats import format_of
from include.local_aws.athena.projection import is_projected
from include.local_aws.athena.queries import prepare
from include.local_aws.athena.relations import View
from include.local_aws.athena.session import Outcome, Session
from include.local_aws.athena.tables_as import register, written_outcome
from include.local_aws.athena.translation import parse
from include.local_aws.athena.types import INTEGERS, decimal_of, to_trino


def insert(session: Session) -> Outcome:
    """Append a query's rows to a table, in new files."""
    tree = parse(session.statement.sql)
    if not isinstance(tree, exp.Insert) or tree.args.get("overwrite"):
        raise not_supported("this form of INSERT")
    schema = tree.this if isinstance(tree.this, exp.Schema) else None
    target = schema.this if schema else tree.this
    table = session.relations.find(target, session.database)
    if isinstance(table, View):
        raise not_supported("INSERT INTO a view")
    if is_projected(table):
        raise not_supported(f"INSERT INTO {table.qualified}, whose partitions are projected")
    source = tree.expression
    if isinstance(source, exp.Values):
        width = len(source.expressions[0].expressions)
        source = exp.select("*").from_(
            exp.Values(expressions=source.expressions, alias=exp.TableAlias(
                this=exp.to_identifier("_v"),
                columns=[exp.to_identifier(f"c{i}") for i in range(width)],
            ))
        )  # fmt: skip
    translation, given = prepare(session, source)
    named = [item.name.lower() for item in schema.expressions] if schema else [
        column.name for column in table.all_columns
    ]  # fmt: skip
    if len(named) != len(given):
        raise QueryError(
            "MISMATCHED_COLUMN_TYPES", f"Insert query has {len(given)} columns for {len(named)}"
        )
    sources = dict(
        zip(named, zip((f"_i{i}" for i in range(len(given))), given, strict=True), strict=True)
    )
    items = []
    for column in table.all_columns:
        if column.name not in sources:
            items.append(f"CAST(NULL AS {column.type})")
            continue
        alias, have = sources.pop(column.name)
        if not assignable(have.type, column.type):
            raise QueryError(
                "TYPE_MISMATCH",
                f"Insert query has mismatched column types: {column.name} is "
                f"{to_trino(column.type)}, query has {to_trino(have.type)}",
            )
        items.append(alias)
    if sources:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"Insert column name does not exist: {next(iter(sources))}"
        )
    names = ", ".join(f"_i{i}" for i in range(len(given)))
    sql = f"SELECT {', '.join(items)} FROM ({translation.sql}) _q({names})"
    rows = writing.materialise(session.engine, sql, table.all_columns)
    session.check_cutoff()
    storage = table.glue["StorageDescriptor"]
    parameters = table.glue.get("Parameters") or {}
    form = {"text": "textfile"}.get(format_of(table), format_of(table))
    if form not in writing.CODECS:
        raise not_supported(f"INSERT INTO a table of the SerDe of {table.qualified}")
    if storage.get("BucketColumns"):
        raise not_supported(f"INSERT INTO the bucketed table {table.qualified}, nor on AWS")
    bucket, prefix = split_location(storage["Location"])
    serde = (storage.get("SerdeInfo") or {}).get("Parameters") or {}
    codec = str(parameters.get(f"{form}.compression", "GZIP")).upper()
    keys = tuple(key.name for key in table.keys)
    layout = writing.Layout(f"s3://{bucket}/{prefix}", form, codec, None, keys,
                            serde.get("field.delim", "\x01"))  # fmt: skip
    folders = {
        tuple(NULL_PARTITION if v is None else v for v in p.values): p.location
        for p in (partitions_of(table, session.glue) if keys else [])
    }
    written = writing.write(
        session.engine, session.s3, table.all_columns, layout, f"{session.id}_00000",
        session.scratch, folders,
    )  # fmt: skip
    new = [item for item in written if keys and item.values not in folders]
    register(session, table.database, table.name, writing.partition_inputs(new, storage))
    return written_outcome(session, layout.location, written, rows)


def assignable(have: str, want: str) -> bool:
    """Tell whether Trino stores one type into a column of another without a CAST."""
    if have == want or have in {'"NULL"'}:
        return True
    if have in INTEGERS and want in INTEGERS:
        return INTEGERS.index(have) <= INTEGERS.index(want)
    if want == "DOUBLE":
        return have in INTEGERS or have == "FLOAT" or have.startswith("DECIMAL")
    first, second = decimal_of(have), decimal_of(want)
    if first and second and want.startswith("DECIMAL"):
        return first[1] <= second[1] and first[0] - first[1] <= second[0] - second[1]
    return have == "DATE" and want == "TIMESTAMP"
