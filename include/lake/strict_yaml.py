"""Reads YAML so strictly that a slip stops the import and names its file and line.

``yaml.safe_load`` forgets where a value stood, silently keeps the last of two equal keys and
turns ``no`` into ``False``. Here every value is asked for by its meaning, through a cursor that
remembers file, line and key path, and whatever was not asked for is an error.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import NoReturn, Self

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

_TAG = "tag:yaml.org,2002:"
#: Every task of Airflow reads the contracts anew: by libyaml, where PyYAML was built with it, at a
#: fifth of the time.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KIND = {MappingNode: "a mapping", SequenceNode: "a list", ScalarNode: "a single value"}


class ContractError(ValueError):
    """A contract, mart header or lake file that does not mean what it should.

    The message is ``<file>:<line>: <key path>: <what is wrong, what it means, the fix>``.
    """


@dataclass(frozen=True)
class Cursor:
    """One value of a YAML document, with where it stands."""

    file: str
    node: Node
    path: str = ""
    first_line: int = 1

    @property
    def line(self) -> int:
        """Line of the value in its file, counted from 1."""
        return int(self.node.start_mark.line) + self.first_line

    def fail(self, message: str) -> NoReturn:
        """Raises the ContractError of this place.

        Args:
            message: what is wrong, what it means and the fix, in one sentence each.
        """
        raise ContractError(f"{self.file}:{self.line}: {self.path or 'document'}: {message}")

    def mapping(self, required: Iterable[str], optional: Iterable[str] = ()) -> dict[str, Self]:
        """The entries of a mapping that may have these keys and no other."""
        required, optional = tuple(required), tuple(optional)
        entries = self.entries()
        allowed = (*required, *optional)
        for key, value in entries.items():
            if key not in allowed:
                value.fail(
                    f"unknown key; nothing would read it, so a misspelt setting would be lost. "
                    f"Use one of: {', '.join(sorted(allowed))}"
                )
        missing = [key for key in required if key not in entries]
        if missing:
            self.fail(f"missing {', '.join(missing)}; add the key, it has no default")
        return entries

    def entries(self) -> dict[str, Self]:
        """The entries of a mapping with free keys; keys are text and unique."""
        if not isinstance(self.node, MappingNode):
            self._expected("a mapping (key: value lines)")
        found: dict[str, Self] = {}
        for key_node, value_node in self.node.value:
            key_cursor = type(self)(self.file, key_node, self.path, self.first_line)
            key = key_cursor.text()
            value = type(self)(
                self.file, value_node, f"{self.path}.{key}".lstrip("."), self.first_line
            )
            if key in found:
                key_cursor.fail(f"key {key!r} stands twice; YAML would keep the last. Remove one")
            found[key] = value
        return found

    def items(self) -> list[Self]:
        """The items of a list that has at least one."""
        if not isinstance(self.node, SequenceNode):
            self._expected("a list (lines that begin with '- ')")
        if not self.node.value:
            self.fail("is empty; list at least one item or remove the key")
        return [
            type(self)(self.file, item, f"{self.path}[{index}]", self.first_line)
            for index, item in enumerate(self.node.value)
        ]

    def text(self, pattern: str | None = None, meaning: str = "") -> str:
        """Non-empty text, matching a regular expression as a whole if one is given."""
        value = self._scalar("str", "text; put it in quotes if it is meant as text").strip()
        if not value:
            self.fail("is empty; write the text or remove the key")
        if pattern is not None and not re.fullmatch(pattern, value):
            self.fail(f"{value!r} is not {meaning or 'allowed'}; it must match {pattern}")
        return value

    def one_of(self, allowed: Iterable[str]) -> str:
        """Text out of a closed list."""
        allowed = tuple(allowed)
        value = self.text()
        if value not in allowed:
            self.fail(f"{value!r} is not known here; use one of: {', '.join(allowed)}")
        return value

    def boolean(self) -> bool:
        """``true`` or ``false``; YAML's yes/no/on/off are refused."""
        value = self._scalar("bool", "true or false")
        if value not in ("true", "false"):
            self.fail(f"{value!r} is an old spelling; write true or false")
        return value == "true"

    def integer(self, minimum: int, maximum: int) -> int:
        """A plain decimal whole number within bounds."""
        value = self._scalar("int", "a whole number")
        if not re.fullmatch(r"-?(0|[1-9][0-9]*)", value):
            self.fail(f"{value!r} is not a plain whole number; write it in decimal digits")
        if not minimum <= int(value) <= maximum:
            self.fail(f"{value} is out of range; it must be from {minimum} to {maximum}")
        return int(value)

    def decimal(self) -> Decimal:
        """A number, exactly as written (never through a float)."""
        value = self._scalar(("int", "float"), "a number")
        if not re.fullmatch(r"-?[0-9]+(\.[0-9]+)?", value):
            self.fail(f"{value!r} is not a plain number; write digits with at most one point")
        return Decimal(value)

    def _scalar(self, tags: str | tuple[str, ...], expected: str) -> str:
        wanted = (tags,) if isinstance(tags, str) else tags
        if not isinstance(self.node, ScalarNode) or self.node.tag.removeprefix(_TAG) not in wanted:
            self._expected(expected)
        return str(self.node.value)

    def _expected(self, expected: str) -> NoReturn:
        got = _KIND[type(self.node)]
        if isinstance(self.node, ScalarNode):
            got = f"{self.node.value!r} ({self.node.tag.removeprefix(_TAG)})"
        self.fail(f"is {got} but must be {expected}")


def parse(text: str, file: str, first_line: int = 1) -> Cursor:
    """The root of one YAML document.

    Args:
        text: the YAML.
        file: name for messages.
        first_line: line of the file on which the text begins (a header inside an SQL file).

    Raises:
        ContractError: the text is not YAML, is empty or has several documents.
    """
    try:
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        line = (error.problem_mark.line if error.problem_mark else 0) + first_line
        raise ContractError(f"{file}:{line}: document: not YAML: {error.problem}") from error
    except yaml.YAMLError as error:
        raise ContractError(f"{file}:{first_line}: document: not YAML: {error}") from error
    if node is None:
        raise ContractError(f"{file}:{first_line}: document: is empty; a missing rule is an error")
    return Cursor(file, node, "", first_line)
