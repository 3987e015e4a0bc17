"""DQDL text -> rules."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn, TypeVar

TOKENS = re.compile(
    r"""(?P<space>(?:[ \t\r\n]+|\#[^\n]*)+)
    |(?P<text>"(?:\\.|[^"\\])*")
    |(?P<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)
    |(?P<name>[A-Za-z_][\w.]*)
    |(?P<sign>!=|>=|<=|[=><\[\](){},*+/:-])""",
    re.VERBOSE,
)
KEYWORDS = {"null": "NULL", "empty": "EMPTY", "whitespaces_only": "WHITESPACES_ONLY"}
SECONDS = {"minutes": 60, "hours": 3600, "days": 86400}
T = TypeVar("T")
COMPARISONS = ("=", "!=", ">", ">=", "<", "<=")


class DqdlError(ValueError):
    """A ruleset that cannot be read or evaluated; says which rule and why."""


@dataclass(frozen=True)
class Keyword:
    """NULL, EMPTY or WHITESPACES_ONLY."""

    name: str


@dataclass(frozen=True)
class Duration:
    """`24 hours`, in seconds."""

    seconds: float


@dataclass(frozen=True)
class Now:
    """`now()`, or `(now() - 3 days)` with that many seconds added."""

    offset: float = 0.0


Operand = Decimal | str | Keyword | Duration | Now


@dataclass(frozen=True)
class Condition:
    """A test of one value.

    Attributes:
        operator: A comparison, `between`, `in` or `matches`, with `not ` before it if negated.
        operands: One, two for `between`, any number for `in`.
    """

    operator: str
    operands: tuple[Operand, ...]


@dataclass(frozen=True)
class Rule:
    """One rule.

    Attributes:
        kind: Rule type.
        parameters: Column names, data set names, SQL.
        condition: Of the metric, or of each value.
        threshold: Of the share of values that meet the condition; None: all of them.
        where: SQL: only these rows count.
        text: As written, with single spaces.
    """

    kind: str
    parameters: tuple[str, ...]
    condition: Condition | None
    threshold: Condition | None
    where: str | None
    text: str


@dataclass(frozen=True)
class Composite:
    """Rules combined by `and` or `or`."""

    operator: str
    rules: tuple["Rule | Composite", ...]
    text: str


def parse(text: str) -> tuple[Rule | Composite, ...]:
    """Read a ruleset.

    Raises:
        DqdlError: It is not DQDL, names a section or an expression that is not supported here,
            or has no rules.
    """
    return _Parser(text).ruleset()


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[tuple[str, str, int]] = []
        position = 0
        while position < len(text):
            match = TOKENS.match(text, position)
            if match is None:
                self._fail_at(position, f"{text[position]!r} cannot be read")
            if match.lastgroup != "space":
                self._tokens.append((str(match.lastgroup), match.group(), position))
            position = match.end()
        self._next = 0

    def ruleset(self) -> tuple[Rule | Composite, ...]:
        rules: tuple[Rule | Composite, ...] | None = None
        while self._next < len(self._tokens):
            section = self._take("name")
            self._expect("=")
            if section != "Rules":
                raise DqdlError(f"not supported here: the section {section!r}; Rules is")
            if rules is not None:
                raise DqdlError("the ruleset has two Rules sections")
            rules = tuple(self._listed(self._top_level))
        if not rules:
            raise DqdlError("the ruleset has no rules: write Rules = [ … ]")
        return rules

    def _top_level(self) -> Rule | Composite:
        start = self._next
        if not self._is("("):
            return self._rule()
        members, operators = [self._inside()], set()
        while self._peek()[1].lower() in ("and", "or"):
            operators.add(self._take("name").lower())
            members.append(self._inside())
        if len(operators) > 1:
            self._fail("and and or cannot be mixed: put one of them into parentheses")
        if len(members) == 1:
            return members[0]
        return Composite(operators.pop(), tuple(members), self._source(start))

    def _inside(self) -> Rule | Composite:
        self._expect("(")
        rule = self._top_level()
        self._expect(")")
        return rule

    def _rule(self) -> Rule:
        start = self._next
        kind = self._take("name")
        parameters = []
        while self._peek()[0] == "text":
            parameters.append(self._string())
        condition = self._condition()
        threshold = where = None
        while (word := self._peek()[1]) in ("with", "where"):
            self._next += 1
            if word == "where":
                where = self._string()
            elif self._peek()[1] == "threshold":
                self._next += 1
                threshold = self._condition()
                if threshold is None:
                    self._fail("with threshold is followed by a condition")
            else:
                self._fail(f"not supported here: with {self._peek()[1]}; with threshold is")
        return Rule(kind, tuple(parameters), condition, threshold, where, self._source(start))

    def _condition(self) -> Condition | None:
        negated = self._peek()[1] == "not"
        operator = self._peek(1 if negated else 0)[1]
        if operator not in (*COMPARISONS, "between", "in", "matches"):
            return None
        self._next += 2 if negated else 1
        if operator == "in":
            operands = tuple(self._listed(self._operand))
        elif operator == "between":
            low = self._operand()
            if self._take("name").lower() != "and":
                self._fail("between is followed by two values with and between them")
            operands = (low, self._operand())
        else:
            operands = (self._operand(),)
        return Condition(f"not {operator}" if negated else operator, operands)

    def _operand(self) -> Operand:
        kind, word, _ = self._peek()
        if kind == "text":
            return self._string()
        if kind == "number":
            return self._number()
        if word.lower() in KEYWORDS:
            self._next += 1
            return Keyword(KEYWORDS[word.lower()])
        if word == "(" and self._peek(1)[1] == "now":
            self._next += 1
            self._now()
            sign = self._take("sign")
            duration = self._number()
            self._expect(")")
            if sign not in "+-" or not isinstance(duration, Duration):
                self._fail("now() is followed by + or - and a duration such as 3 days")
            return Now(duration.seconds if sign == "+" else -duration.seconds)
        if word == "now":
            self._now()
            return Now()
        if kind == "name" and self._peek(1)[1] == "(":
            self._fail(f"not supported here: the dynamic rule with {word}(): there is no history")
        self._fail(f"{word!r} is not a value")

    def _number(self) -> Decimal | Duration:
        number = Decimal(self._take("number"))
        word = self._peek()[1]
        if word in ("*", "/", "+"):
            self._fail("not supported here: arithmetic in a condition")
        if word in SECONDS:
            self._next += 1
            return Duration(float(number) * SECONDS[word])
        return number

    def _now(self) -> None:
        self._next += 1
        self._expect("(")
        self._expect(")")

    def _listed(self, item: Callable[[], T]) -> list[T]:
        self._expect("[")
        items = []
        while not self._is("]"):
            items.append(item())
            if not self._is("]"):
                self._expect(",")
        self._expect("]")
        return items

    def _string(self) -> str:
        return re.sub(r'\\(["\\])', r"\1", self._take("text")[1:-1])

    def _is(self, sign: str) -> bool:
        return self._peek()[:2] == ("sign", sign)

    def _expect(self, sign: str) -> None:
        if not self._is(sign):
            self._fail(f"{sign!r} is expected, not {self._peek()[1]!r}")
        self._next += 1

    def _take(self, kind: str) -> str:
        if self._peek()[0] != kind:
            self._fail(f"a {kind} is expected, not {self._peek()[1]!r}")
        self._next += 1
        return self._tokens[self._next - 1][1]

    def _peek(self, ahead: int = 0) -> tuple[str, str, int]:
        number = self._next + ahead
        at_end = number >= len(self._tokens)
        return ("end", "the end", len(self._text)) if at_end else self._tokens[number]

    def _source(self, start: int) -> str:
        begin = self._tokens[start][2]
        _, word, last = self._tokens[self._next - 1]
        return re.sub(r"\s+", " ", self._text[begin : last + len(word)])

    def _fail(self, reason: str) -> NoReturn:
        self._fail_at(self._peek()[2], reason)

    def _fail_at(self, position: int, reason: str) -> NoReturn:
        line = self._text.count("\n", 0, position) + 1
        column = position - self._text.rfind("\n", 0, position)
        raise DqdlError(f"line {line}, column {column}: {reason}")
