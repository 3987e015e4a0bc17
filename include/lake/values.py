"""What may be pasted into SQL text or an S3 key, and nothing else.

Athena takes no parameters in CTAS, table names or locations, so values must be pasted. Every
value passes one of these allow-lists first. A DAG pastes values that exist only at run time: it
passes a ``Template``, whose literal parts are checked the same way and whose Jinja expressions
yield values that were made here (release ids, tokens) or by Airflow (try numbers).
"""

import re
from datetime import date

RELEASE = r"r[0-9]{8}_[0-9a-f]{12}"
TOKEN = r"[0-9a-f]{16}"
PERSON = r"[0-9a-f]{64}"
DIGEST = r"[0-9a-f]{8}"
EXECUTION = r"[A-Za-z0-9_-]{1,128}"
IDENTIFIER = r"[a-z][a-z0-9_]{0,254}"
TABLE = rf"{IDENTIFIER}\.{IDENTIFIER}"
BUCKET = r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
LOCATION = rf"s3://{BUCKET}/[A-Za-z0-9_=./-]+/"

_EXPRESSION = re.compile(r"\{\{[^{};]+\}\}")
_LITERAL = re.compile(r"[A-Za-z0-9_=:./-]*")


class UnsafeValueError(ValueError):
    """A value that must not be pasted into SQL or a key."""


class Template(str):
    """Jinja text that Airflow renders before use, e.g. ``{{ ti.xcom_pull(…)['release'] }}``.

    Raises:
        UnsafeValueError: it has no Jinja expression, or its literal parts hold anything but
            letters, digits and ``_ = : . / -``.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> "Template":
        """Checks the literal parts; the expressions are Airflow's to render."""
        literal, expressions = _EXPRESSION.subn("", text)
        if not expressions or not _LITERAL.fullmatch(literal):
            raise UnsafeValueError(
                f"{text!r} is not a template of expressions and plain names; "
                f"write Template('name_{{{{ expression }}}}')"
            )
        return super().__new__(cls, text)


def checked(value: str, pattern: str, meaning: str) -> str:
    """The value, if it is a Template or matches the pattern as a whole.

    Raises:
        UnsafeValueError: it is neither; the message says what it should be.
    """
    if not isinstance(value, Template) and not re.fullmatch(pattern, value, re.ASCII):
        raise UnsafeValueError(f"{value!r} is not {meaning}; it must match {pattern}")
    return value


def joined(text: str, *parts: object) -> str:
    """``text``, which was built of ``parts``, as a Template if any of them is one."""
    return Template(text) if any(isinstance(part, Template) for part in parts) else text


def release(value: str) -> str:
    """A release id."""
    return checked(value, RELEASE, "a release id")


def token(value: str) -> str:
    """A run token."""
    return checked(value, TOKEN, "a run token")


def person(value: str) -> str:
    """The token that stands for a person."""
    return checked(value, PERSON, "a person's token of 64 hex digits")


def identifier(value: str) -> str:
    """A name of a dataset, table, column or mart."""
    return checked(value, IDENTIFIER, "a plain name")


def table(value: str) -> str:
    """``database.table``."""
    return checked(value, TABLE, "a table as database.table")


def location(value: str) -> str:
    """An S3 folder, ``s3://bucket/…/``."""
    return checked(value, LOCATION, "an S3 folder (s3://bucket/path/)")


def number(value: int | str) -> str:
    """A try number from 1, or a Template of one."""
    return checked(str(value) if isinstance(value, int) else value, r"[1-9][0-9]{0,5}", "a count")


def day(value: str) -> str:
    """A day as ``YYYY-MM-DD``, or a Template of one."""
    return checked(value, DAY, "a day (YYYY-MM-DD)")


def literal(text: str) -> str:
    """A text as SQL writes it, in quotes."""
    return "'" + text.replace("'", "''") + "'"


def iso_date(text: str) -> date:
    """A calendar day from exactly ``YYYY-MM-DD``.

    Raises:
        UnsafeValueError: it is written otherwise, or there is no such day.
    """
    try:
        if re.fullmatch(DAY, text, re.ASCII):
            return date.fromisoformat(text)
    except ValueError as error:
        raise UnsafeValueError(f"{text!r} is not a day of the calendar: {error}") from error
    raise UnsafeValueError(f"{text!r} is not a date; write YYYY-MM-DD")
