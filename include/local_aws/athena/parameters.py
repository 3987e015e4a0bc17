"""Parameters of a statement (`?`), and PREPARE, EXECUTE and DEALLOCATE PREPARE.

Prepared statements belong to a work group; MiniStack keeps them, as it keeps work groups, so that
`ListPreparedStatements` and `CreatePreparedStatement` are about the same ones.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import sqlglot
from sqlglot import TokenType, exp
from sqlglot.errors import ParseError, TokenError

from include.local_aws.athena.ddl import done, words
from include.local_aws.athena.errors import QueryError, not_supported
from include.local_aws.athena.session import Forward, Outcome, Session
from include.local_aws.athena.statements import Statement, classify
from include.local_aws.athena.types import split_top
from include.local_aws.front.context import AwsError

WORD = r"(?P<quote>\"?)(?P<name>[\w@:]+)(?P=quote)"
EXECUTE = re.compile(rf"EXECUTE\s+{WORD}(?:\s+USING\s+(?P<using>.*))?", re.IGNORECASE | re.DOTALL)
PREPARABLE = {"select", "insert", "create_table_as", "unload"}


def bind(sql: str, parameters: Sequence[str]) -> str:
    """Put the parameters' texts in the places of the question marks, in their order.

    Args:
        sql: a statement.
        parameters: constant expressions, texts in single quotes.

    Raises:
        QueryError: INVALID_PARAMETER_USAGE, when the numbers differ; SYNTAX_ERROR, when one of them
            is not a constant.
    """
    try:
        tokens = sqlglot.tokenize(sql, read="athena")
    except TokenError as error:
        raise QueryError("SYNTAX_ERROR", str(error)) from error
    places = [token for token in tokens if token.token_type == TokenType.PLACEHOLDER]
    if len(places) != len(parameters):
        raise QueryError(
            "INVALID_PARAMETER_USAGE",
            f"line 1:1: Incorrect number of parameters: expected {len(places)} but found "
            f"{len(parameters)}",
        )
    for place, text in reversed(list(zip(places, parameters, strict=True))):
        sql = sql[: place.start] + _constant(text) + sql[place.end + 1 :]
    return sql


def _constant(text: str) -> str:
    """Check that a parameter is one constant, and give its text for the statement."""
    try:
        tokens = sqlglot.tokenize(text, read="athena")
        tree = sqlglot.parse_one(f"SELECT {text}", read="athena")
    except (ParseError, TokenError) as error:
        raise QueryError("SYNTAX_ERROR", f"not a value for a parameter: {text}") from error
    value = tree.selects[0] if isinstance(tree, exp.Select) and len(tree.selects) == 1 else None
    clauses = [key for key, given in tree.args.items() if given and key != "expressions"]
    if (
        value is None
        or clauses
        or value.find(exp.Column, exp.Query, exp.Star, exp.Placeholder)
        or isinstance(value, exp.Alias)
        or any(token.comments for token in tokens)
    ):
        raise QueryError("SYNTAX_ERROR", f"not a constant value for a parameter: {text}")
    return text.strip() if isinstance(value, exp.Literal) else f"({text.strip()})"


def prepare(session: Session) -> Outcome:
    """PREPARE name FROM statement; a statement of the same name is replaced."""
    found = words(session, rf"PREPARE\s+{WORD}\s+FROM\s+(?P<sql>.*)")
    if classify(found["sql"]).kind not in PREPARABLE:
        raise not_supported("PREPARE of a statement other than SELECT, INSERT, CTAS and UNLOAD")
    request = {"StatementName": found["name"], "WorkGroup": session.work_group}
    if _find(session.forward, session.work_group, found["name"]) is not None:
        session.forward("AmazonAthena.DeletePreparedStatement", request)
    request["QueryStatement"] = found["sql"]
    session.forward("AmazonAthena.CreatePreparedStatement", request)
    return done(session)


def deallocate(session: Session) -> Outcome:
    """DEALLOCATE PREPARE name."""
    name = words(session, rf"DEALLOCATE\s+PREPARE\s+{WORD}")["name"]
    if _find(session.forward, session.work_group, name) is None:
        raise QueryError("NOT_FOUND", f"Prepared statement not found: {name}")
    request = {"StatementName": name, "WorkGroup": session.work_group}
    session.forward("AmazonAthena.DeletePreparedStatement", request)
    return done(session)


def resolved(
    statement: Statement, parameters: Sequence[str], forward: Forward, work_group: str
) -> Statement:
    """Give the statement to run: the one that EXECUTE names, with its parameters in place.

    Args:
        statement: as it was sent.
        parameters: ExecutionParameters of the request.
        forward: calls MiniStack's Athena.
        work_group: where prepared statements are looked for.

    Raises:
        QueryError: the prepared statement is not there, or the parameters do not fit.
    """
    if statement.kind == "execute":
        found = EXECUTE.fullmatch(statement.sql)
        if found is None:
            raise not_supported("this form of EXECUTE")
        parameters = _split(found["using"] or "") or parameters
        sql = _find(forward, work_group, found["name"])
        if sql is None:
            raise QueryError("NOT_FOUND", f"Prepared statement not found: {found['name']}")
        statement = classify(sql)
    if statement.kind in PREPARABLE and ("?" in statement.sql or parameters):
        return replace(statement, sql=bind(statement.sql, parameters))
    if parameters:
        raise QueryError("INVALID_PARAMETER_USAGE", f"{statement.subtype} takes no parameters")
    return statement


def _split(using: str) -> list[str]:
    """Split at the commas outside quotes and brackets."""
    texts: list[str] = []

    def keep(match: re.Match[str]) -> str:
        texts.append(match[0])
        return f"\x00{len(texts) - 1}\x00"

    plain = re.sub(r"'(?:[^']|'')*'", keep, using)
    return [
        re.sub(r"\x00(\d+)\x00", lambda match: texts[int(match[1])], part)
        for part in split_top(plain)
    ]


def _find(forward: Forward, work_group: str, name: str) -> str | None:
    request = {"StatementName": name, "WorkGroup": work_group}
    try:
        answer = forward("AmazonAthena.GetPreparedStatement", request)
    except AwsError as error:
        if error.code == "ResourceNotFoundException":
            return None
        raise
    return str(answer["PreparedStatement"]["QueryStatement"])
