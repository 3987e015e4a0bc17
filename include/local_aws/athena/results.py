"""Result files as Athena writes them, and pages of them as GetQueryResults gives them."""

import datetime as dt
import math
import re
import struct
from collections.abc import Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.types import Column

FETCH_ROWS = 10_000
FIELD = re.compile(r'"((?:[^"]|"")*)"|([^",\n]*)')


def write_csv(engine: Engine, sql: str, columns: Sequence[Column], path: Path) -> int:
    """Run a query and write its rows: every value quoted, NULL empty, a header first.

    Returns:
        Number of rows.
    """
    names = [f"_c{i}" for i in range(len(columns))]
    items = [
        f"CAST({name} AS TIMESTAMP)" if "TIME ZONE" in column.type else name
        for name, column in zip(names, columns, strict=True)
    ]
    cursor = engine.run(f"SELECT {', '.join(items)} FROM ({sql}) _r({', '.join(names)})")
    kinds = [column.type for column in columns]
    count = 0
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(",".join(_quoted(column.name) for column in columns) + "\n")
        while rows := engine.fetch(cursor, FETCH_ROWS):
            count += len(rows)
            for row in rows:
                file.write(",".join(map(_field, row, kinds)) + "\n")
    engine.settle()
    return count


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'


def _field(value: Any, kind: str) -> str:
    if value is None:
        return ""
    text = as_text(value, single=kind == "FLOAT")
    return _quoted(text + " UTC" if kind.endswith("TIME ZONE") else text)


def as_text(value: Any, *, single: bool = False) -> str:
    """Spell a value as Athena does; `single` is for 32-bit floats."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return _float(value, single=single)
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dt.datetime):
        return value.strftime("%Y-%m-%d %H:%M:%S.") + f"{value.microsecond // 1000:03d}"
    if isinstance(value, bytes):
        return " ".join(f"{byte:02x}" for byte in value)
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(as_text(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{as_text(k)}={as_text(v)}" for k, v in value.items()) + "}"
    return str(value)


def _float(value: float, *, single: bool) -> str:
    """Spell a float as Java does: shortest digits, E notation outside [1e-3, 1e7)."""
    if math.isnan(value) or math.isinf(value):
        return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
    digits = repr(value)
    if single:
        same = struct.pack("f", value)
        digits = next(
            text for p in range(1, 18) if struct.pack("f", float(text := f"{value:.{p}g}")) == same
        )
    number = Decimal(digits)
    if number == 0 or Decimal("0.001") <= abs(number) < Decimal(10_000_000):
        text = format(number, "f")
        return text if "." in text else text + ".0"
    sign, figures, _ = number.normalize().as_tuple()
    rest = "".join(map(str, figures[1:])) or "0"
    return f"{'-' if sign else ''}{figures[0]}.{rest}E{number.adjusted()}"


def read_rows(text: str, offset: int) -> Iterator[tuple[list[str | None], int]]:
    """Parse CSV from an offset: yields each row and the offset after it."""
    while offset < len(text):
        row: list[str | None] = []
        while True:
            found = FIELD.match(text, offset)
            if found is None:
                raise ValueError(f"the result file is damaged at character {offset}")
            quoted_text = found[1]
            row.append(
                quoted_text.replace('""', '"') if quoted_text is not None else found[2] or None
            )
            offset = found.end()
            if offset >= len(text) or text[offset] == "\n":
                offset += 1
                break
            offset += 1
        yield row, offset


def data_row(values: Sequence[str | None]) -> dict[str, Any]:
    """Shape a row as the API does; NULL is an empty object."""
    return {"Data": [{} if value is None else {"VarCharValue": value} for value in values]}
