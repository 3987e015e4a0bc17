"""UNNEST beyond one array of scalars: maps, arrays of rows, several values side by side."""

from collections.abc import Sequence

from sqlglot import exp

from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.types import split_top, struct_fields


def elements(kind: str | None) -> list[str | None]:
    """Give the types of the columns that UNNEST makes of a value of a DuckDB type.

    Raises:
        QueryError: TYPE_MISMATCH, it is neither an array nor a map.
    """
    if kind is None:
        return [None]
    if kind.startswith("MAP(") and kind.endswith(")"):
        return list(split_top(kind[4:-1]))
    if not kind.endswith("[]"):
        raise QueryError("TYPE_MISMATCH", f"Cannot unnest type: {kind.lower()}")
    inner = kind[:-2]
    if inner.startswith("STRUCT(") and inner.endswith(")"):
        return [field for _, field in struct_fields(inner)]
    return [inner]


def is_plain(node: exp.Unnest, kinds: Sequence[str | None]) -> bool:
    """Tell whether DuckDB's own UNNEST does the same: one array whose elements are not rows."""
    kind = kinds[0] or ""
    return len(kinds) == 1 and not kind.startswith("MAP(") and not kind.startswith("STRUCT(")


def side_by_side(node: exp.Unnest, kinds: Sequence[str | None], names: Sequence[str]) -> exp.Expr:
    """Give the lateral subquery that unnests several columns, NULL beyond each value's end.

    Args:
        node: the UNNEST, with its alias.
        kinds: DuckDB type of each of its values.
        names: names of the resulting columns, an ordinality last.
    """
    unnested: list[str] = []
    columns: list[str] = []
    lengths: list[str] = []
    for position, (item, kind) in enumerate(zip(node.expressions, kinds, strict=True)):
        value, alias = item.sql("duckdb"), f"_u{position}"
        if kind is not None and kind.startswith("MAP("):
            unnested += [f"unnest(map_keys({value})) AS {alias}k"]
            unnested += [f"unnest(map_values({value})) AS {alias}v"]
            columns += [f"{alias}k", f"{alias}v"]
            lengths.append(f"cardinality({value})")
            continue
        unnested.append(f"unnest({value}) AS {alias}")
        lengths.append(f"len({value})")
        if kind is not None and kind.startswith("STRUCT("):
            fields = struct_fields(kind[:-2])
            columns += [f"struct_extract_at({alias}, {n})" for n in range(1, len(fields) + 1)]
        else:
            columns.append(alias)
    if node.args.get("offset"):
        longest = ", ".join(f"coalesce(CAST({length} AS BIGINT), 0)" for length in lengths)
        unnested.append(f"unnest(range(1, greatest({longest}) + 1)) AS _ordinality")
        columns.append("_ordinality")
    alias_node = exp.TableAlias(
        this=exp.to_identifier(node.alias, quoted=True),
        columns=[exp.to_identifier(name, quoted=True) for name in names],
    )
    body = f"SELECT {', '.join(columns)} FROM (SELECT {', '.join(unnested)}) AS _unnested"
    return exp.Subquery(this=exp.Var(this=body), alias=alias_node)
