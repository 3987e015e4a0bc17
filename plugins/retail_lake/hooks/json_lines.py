"""JSON whose numbers keep their digits: parsed from an answer, written as canonical lines."""

import json
import re
from collections.abc import Mapping, Sequence
from json.encoder import encode_basestring, encode_basestring_ascii
from typing import Any

LONE = re.compile("[\ud800-\udfff]")  # half of a pair: valid JSON as an escape, but no UTF-8


class Number(str):
    """A JSON number as its sender wrote it: neither 12.50 nor 1e400 survives a float."""

    __slots__ = ()


def parse(text: str) -> Any:
    """Return the document, with every number as a `Number`.

    Raises:
        ValueError: it is not JSON, holds NaN or Infinity (which no JSON has), or an object that
            says a name twice. The message quotes nothing of the document: it may be personal.
    """
    try:
        return json.loads(
            text,
            parse_float=Number,
            parse_int=Number,
            parse_constant=_refuse_constant,
            object_pairs_hook=_object,
        )
    except json.JSONDecodeError as error:
        raise ValueError(f"{error.msg} at character {error.pos} of {len(text)}") from None
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def line(record: Mapping[str, Any]) -> bytes:
    """Return a parsed object as one line of UTF-8: sorted names, no spaces, numbers as sent."""
    return _encoded(record).encode() + b"\n"


def _encoded(value: Any) -> str:
    match value:
        case Number():
            return value
        case str():
            return _text(value)
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case Mapping():
            pairs = (f"{_text(name)}:{_encoded(value[name])}" for name in sorted(value))
            return f"{{{','.join(pairs)}}}"
        case Sequence():
            return f"[{','.join(map(_encoded, value))}]"
    raise TypeError(f"{type(value).__name__} is nothing that JSON has")


def _text(value: str) -> str:
    return (encode_basestring_ascii if LONE.search(value) else encode_basestring)(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"an object says {twice!r} twice")
    return found


def _refuse_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON number")
