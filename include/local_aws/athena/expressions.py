"""Small builders that the rewriting rules share."""

from collections.abc import Callable

from sqlglot import exp

from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.types import to_trino

TypeOf = Callable[[exp.Expr], str | None]
"""Gives the DuckDB type of an expression of the scope at hand, None if it cannot be told."""
Rule = Callable[[exp.Expr, TypeOf], exp.Expr | None]
"""Gets a node whose children are rewritten; gives its replacement, None to leave it as it is."""


def call(name: str, *arguments: exp.Expr) -> exp.Anonymous:
    """A call of a DuckDB function or macro."""
    return exp.Anonymous(this=name, expressions=[argument.copy() for argument in arguments])


def raw(sql: str) -> exp.Var:
    """A piece of DuckDB SQL that is generated as it stands."""
    return exp.Var(this=sql)


def cast(node: exp.Expr, kind: str) -> exp.Expr:
    """CAST to a type in DuckDB's spelling."""
    return exp.Cast(this=node.copy(), to=exp.DataType.build(kind, dialect="duckdb"))


def known(node: exp.Expr, type_of: TypeOf, purpose: str) -> str:
    """Give the type of a node on which the meaning of `purpose` depends.

    Raises:
        QueryError: NOT_SUPPORTED, asking for a CAST, when it cannot be told.
    """
    kind = type_of(node)
    if kind is None:
        text = node.sql("athena")
        raise not_supported(f"{purpose} with an operand whose type is not clear, CAST it: {text}")
    return kind


def mismatch(operator: str, left: str, right: str) -> QueryError:
    """Refuse an operator between types, as Trino words it."""
    return QueryError(
        "TYPE_MISMATCH",
        f"Cannot apply operator: {to_trino(left)} {operator} {to_trino(right)}",
    )
