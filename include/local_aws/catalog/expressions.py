"""GetPartitions' Expression: a boolean expression over the table's partition keys.

    expression := and (OR and)*            and := not (AND not)*
    not        := NOT not | "(" expression ")" | comparison
    comparison := key (= | <> | != | < | <= | > | >=) literal
                | key [NOT] IN "(" literal ("," literal)* ")"
                | key [NOT] BETWEEN literal AND literal
                | key [NOT] LIKE literal
                | key IS [NOT] NULL
    literal    := 'text' | number | (DATE | TIMESTAMP) 'text'

Values are compared in the key's declared type. A comparison with a null is neither true nor false,
as in SQL, and a partition is returned only when the whole expression is true.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from include.local_aws.front.context import AwsError

Truth = bool | None
Predicate = Callable[[Mapping[str, str]], Truth]
"""Partition values by key -> true, false, or None when a null leaves it open."""

NULL = "__HIVE_DEFAULT_PARTITION__"
"""How Hive writes a null into a partition's value."""

TOKEN = re.compile(
    r"""\s*(?:(?P<text>'(?:[^']|'')*')
    |(?P<number>-?\d+(?:\.\d+)?(?![\w.]))
    |(?P<operator><>|!=|<=|>=|=|<|>|\(|\)|,)
    |(?P<quoted>`[^`]+`|"[^"]+")
    |(?P<word>[A-Za-z_][\w.]*))""",
    re.VERBOSE,
)
OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "=": lambda left, right: bool(left == right),
    "<>": lambda left, right: bool(left != right),
    "!=": lambda left, right: bool(left != right),
    "<": lambda left, right: bool(left < right),
    "<=": lambda left, right: bool(left <= right),
    ">": lambda left, right: bool(left > right),
    ">=": lambda left, right: bool(left >= right),
}
CONVERTERS: dict[str, Callable[[str], Any]] = {
    "string": str,
    "char": str,
    "varchar": str,
    "date": date.fromisoformat,
    "timestamp": datetime.fromisoformat,
    "tinyint": int,
    "smallint": int,
    "int": int,
    "integer": int,
    "bigint": int,
    "long": int,
    "decimal": Decimal,
}


def parse(text: str, types: Mapping[str, str]) -> Predicate:
    """Compile an Expression.

    Args:
        text: the expression.
        types: Glue type of each partition key by its lower-cased name.

    Returns:
        A predicate over one partition's values by key; raises AwsError (InvalidInputException)
        for a value that is not of the key's type.

    Raises:
        AwsError: InvalidInputException: not an expression, not a partition key, or a literal that
            is not of the key's type.
    """
    parser = _Parser(text, types)
    predicate = parser.expression()
    parser.end()
    return predicate


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, types: Mapping[str, str]) -> None:
        self._text = text
        self._types = types
        self._tokens: list[tuple[str, str]] = []
        position, end = 0, len(text.rstrip())
        while position < end:
            match = TOKEN.match(text, position)
            if match is None:
                raise self._error(f"cannot read {text[position:].strip()[:20]!r}")
            self._tokens.append((str(match.lastgroup), match.group(str(match.lastgroup))))
            position = match.end()
        self._at = 0

    def _error(self, reason: str) -> AwsError:
        return AwsError("InvalidInputException", f"Expression {self._text!r}: {reason}")

    def _peek(self) -> str:
        """Give the next token as a keyword or operator, or "" for anything else."""
        if self._at == len(self._tokens):
            return ""
        kind, value = self._tokens[self._at]
        return value.upper() if kind in {"word", "operator"} else ""

    def _accept(self, *expected: str) -> str:
        """Take the next token if it is one of the keywords or operators."""
        found = self._peek()
        if found and found in expected:
            self._at += 1
            return found
        return ""

    def _expect(self, expected: str) -> None:
        if not self._accept(expected):
            raise self._error(f"{expected} expected after {self._before()!r}")

    def _before(self) -> str:
        return " ".join(value for _, value in self._tokens[: self._at])

    def _take(self, what: str, *kinds: str) -> tuple[str, str]:
        if self._at == len(self._tokens) or self._tokens[self._at][0] not in kinds:
            raise self._error(f"{what} expected after {self._before()!r}")
        self._at += 1
        return self._tokens[self._at - 1]

    def end(self) -> None:
        """Refuse what is left over."""
        if self._at < len(self._tokens):
            raise self._error(f"nothing may follow {self._before()!r}")

    def expression(self) -> Predicate:
        """Parse terms joined by OR."""
        terms = [self._conjunction()]
        while self._accept("OR"):
            terms.append(self._conjunction())
        return terms[0] if len(terms) == 1 else lambda row: _any([term(row) for term in terms])

    def _conjunction(self) -> Predicate:
        terms = [self._negation()]
        while self._accept("AND"):
            terms.append(self._negation())
        if len(terms) == 1:
            return terms[0]
        return lambda row: _not(_any([_not(term(row)) for term in terms]))

    def _negation(self) -> Predicate:
        if self._accept("NOT"):
            inner = self._negation()
            return lambda row: _not(inner(row))
        if self._accept("("):
            inner = self.expression()
            self._expect(")")
            return inner
        return self._comparison()

    def _comparison(self) -> Predicate:
        _, word = self._take("a partition key", "word", "quoted")
        key = word.strip('`"').lower()
        if key not in self._types:
            raise self._error(f"{key} is not a partition key, those are {', '.join(self._types)}")
        convert = self._converter(key)
        if self._accept("IS"):
            negated = bool(self._accept("NOT"))
            self._expect("NULL")
            return lambda row: (row[key] == NULL) != negated
        if operator := self._accept(*OPERATORS):
            compare, literal = OPERATORS[operator], self._literal(convert)
            return _on_value(key, convert, lambda value: compare(value, literal))
        negated = bool(self._accept("NOT"))
        predicate = _on_value(key, convert, self._membership(convert))
        return (lambda row: _not(predicate(row))) if negated else predicate

    def _membership(self, convert: Callable[[str], Any]) -> Callable[[Any], bool]:
        """Parse IN, BETWEEN or LIKE, after the key."""
        if self._accept("IN"):
            self._expect("(")
            literals = [self._literal(convert)]
            while self._accept(","):
                literals.append(self._literal(convert))
            self._expect(")")
            return lambda value: value in literals
        if self._accept("BETWEEN"):
            low = self._literal(convert)
            self._expect("AND")
            high = self._literal(convert)
            return lambda value: bool(low <= value <= high)
        if self._accept("LIKE"):
            pattern = _like(self._literal(str))
            return lambda value: pattern.fullmatch(str(value)) is not None
        raise self._error(f"a comparison expected after {self._before()!r}")

    def _literal(self, convert: Callable[[str], Any]) -> Any:
        self._accept("DATE", "TIMESTAMP")
        kind, value = self._take("a literal", "text", "number")
        return convert(value[1:-1].replace("''", "'") if kind == "text" else value)

    def _converter(self, key: str) -> Callable[[str], Any]:
        """Give what reads a text as a value of the key's type."""
        declared = self._types[key].lower()
        plain = CONVERTERS.get(declared.partition("(")[0])
        if plain is None:
            raise self._error(f"partition key {key} is {declared}, which cannot be compared")

        def convert(text: str) -> Any:
            try:
                return plain(text)
            except (ValueError, InvalidOperation) as error:
                raise self._error(f"{text!r} is not a {declared}, as {key} is") from error

        return convert


def _on_value(key: str, convert: Callable[[str], Any], check: Callable[[Any], bool]) -> Predicate:
    """Check a partition's value of one key; a null leaves the check open."""
    return lambda row: None if row[key] == NULL else check(convert(row[key]))


def _not(truth: Truth) -> Truth:
    return None if truth is None else not truth


def _any(truths: list[Truth]) -> Truth:
    """SQL's OR: true if one is, open if one is open, else false."""
    if any(truths):
        return True
    return None if None in truths else False


def _like(pattern: str) -> re.Pattern[str]:
    """Compile a LIKE pattern: % is any text, _ one character."""
    parts = {"%": ".*", "_": "."}
    return re.compile("".join(parts.get(c, re.escape(c)) for c in pattern), re.DOTALL)
