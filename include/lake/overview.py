"""The README's tables of sources and marts, as they follow from contracts and SQL headers.

``python -m include.lake.overview README.md`` writes them between their markers.
"""

import argparse
import re
import sys
from collections.abc import Iterable
from pathlib import Path

from include.lake.contracts import Contract, Lake, load_lake
from include.lake.marts import Mart, load_marts

_ORIGINS = {"s3_drop": "files on S3", "database": "database", "rest_api": "REST API"}
_FORMATS = {"jsonl": "JSON Lines", "csv": "CSV", "xml": "XML", "parquet": "Parquet by extract"}


def sources(lake: Lake) -> str:
    """One row per contract."""
    rows = [
        (
            f"[`{each.dataset}`](include/contracts/{each.dataset}.yaml)",
            each.title,
            _ORIGINS[each.source.kind],
            _FORMATS[each.source.format],
            ", ".join(f"`{column.name}`" for column in each.columns if column.primary_key),
            _becomes(each),
        )
        for each in lake.contracts
    ]
    return _table(("source", "what", "from", "as", "key", "becomes"), rows)


def gold(marts: Iterable[Mart]) -> str:
    """One row per mart."""
    rows = [
        (
            f"[`{mart.name}`](sql/gold/{mart.name}.sql)",
            ", ".join(f"`{name}`" for name in mart.grain),
            re.split(r"[;.](?: |$)", mart.description)[0],
        )
        for mart in marts
    ]
    return _table(("mart", "one row per", "what"), rows)


def with_tables(text: str, lake: Lake, marts: Iterable[Mart]) -> str:
    """The text with its tables as they should be.

    Raises:
        ValueError: it lacks a pair of markers.
    """
    for name, table in (("sources", sources(lake)), ("marts", gold(marts))):
        begin, end = f"<!-- {name}: generated -->\n", f"<!-- end of {name} -->"
        if text.count(begin) != 1 or text.count(end) != 1:
            raise ValueError(f"no place for the {name}; add the lines {begin.strip()} and {end}")
        before, rest = text.split(begin)
        text = f"{before}{begin}{table}{end}{rest.split(end)[1]}"
    return text


def _becomes(contract: Contract) -> str:
    if contract.channel is not None:
        return f"channel `{contract.channel}` of `sales`"
    return f"`{contract.silver_table}`, a state per day"


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [header, ("---",) * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Writes the file's tables; 1 if it has no place for them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", type=Path, help="the README")
    file: Path = parser.parse_args().file
    try:
        file.write_text(with_tables(file.read_text(), load_lake(), load_marts()))
    except (OSError, ValueError) as error:
        print(f"{file}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
