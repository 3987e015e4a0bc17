"""Schema drift: the columns of delivered files, held against the contract.

What would make the job fail, or quarantine every row, is a problem. A column more, or another
order, is none, unless the contract's ``drift`` policy says so.
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from include.lake.headers import ENOUGH_TO_DIFFER, Header, parquet_header, text_header

if TYPE_CHECKING:
    from include.lake.contracts import Contract

__all__ = ["Drift", "DriftPolicy", "Header", "compare", "parquet_header", "text_header"]

Verdict = Literal["allow", "fail"]


@dataclass(frozen=True)
class DriftPolicy:
    """What a dataset's files may do without asking.

    Attributes:
        added: have columns that the contract does not name; allowed, they raise an alert once.
        reordered: have the columns in another order.
    """

    added: Verdict = "allow"
    reordered: Verdict = "allow"


@dataclass(frozen=True)
class Drift:
    """How a file's columns differ from those of its contract.

    Attributes:
        problems: what the release cannot be built on, in words that name the columns.
        added: names that the contract does not know, in order.
    """

    problems: tuple[str, ...] = ()
    added: tuple[str, ...] = ()


def compare(contract: "Contract", header: Header) -> Drift:
    """How a file's columns differ from the contract's.

    Columns are found by name, exactly as it is written: another spelling is a problem here, since
    the job would find nothing under the name it looks for.
    """
    declared = {column.source: column.required for column in contract.delivered_columns}
    if not header.names:
        return Drift()
    present = set(header.names)
    spelled = {name.lower(): name for name in header.names}
    gone = [
        name
        for name, required in declared.items()
        if name not in present
        and (header.is_complete or (required and header.records >= ENOUGH_TO_DIFFER))
    ]
    recased = {name: spelled[name.lower()] for name in gone if name.lower() in spelled}
    known = {name.lower() for name in declared}
    added = tuple(name for name in header.names if name and name.lower() not in known)
    order = [name for name in header.names if name in declared]
    lost = [name for name in gone if name not in recased]
    twice = sorted(header.repeated & declared.keys())
    retyped = sorted(header.retyped)
    moved = order != [name for name in declared if name in order]
    found = [
        (lost, f"lacks columns {', '.join(lost)}"),
        (recased, ", ".join(f"column {name} is written {recased[name]}" for name in recased)),
        (twice, f"has columns {', '.join(twice)} twice"),
        (retyped, "; ".join(f"column {name} is no {_type(contract, name)}" for name in retyped)),
        (
            moved and contract.drift.reordered == "fail",
            f"has its columns in another order: {', '.join(order)}",
        ),
        (
            added and contract.drift.added == "fail",
            f"has columns {', '.join(added)} that its contract does not name",
        ),
    ]
    return Drift(tuple(f"{header.file} {text}" for is_so, text in found if is_so), added)


def _type(contract: "Contract", source: str) -> str:
    return next(each.type for each in contract.delivered_columns if each.source == source)
