"""What a person is shown who decides whether a release is published."""

from collections.abc import Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from include.lake.marts import DAY

#: Rows of the table that are shown; a person does not read more.
SHOWN = 200
ZERO = Decimal("0.00")


def body(changes: Sequence[Mapping[str, Any]], release: str, *parts: str | None) -> str:
    """The text of the review, in Markdown.

    Args:
        changes: per mart and business day what becomes of it (see ``restatements.totals``).
        release: the release's id.
        parts: further paragraphs, such as the costs; empty ones are left out.
    """
    changed = [one for one in changes if one["changed"]]
    same = len(changes) - len(changed)
    text = [
        f"Release {release} is built and checked; readers see nothing of it yet. **Approve** "
        "publishes all of it at once, **Reject** leaves everything as it is.",
        *(part for part in parts if part),
    ]
    if len({one[DAY] for one in changed}) > 1:
        text.append("By mart:\n\n" + _table(("mart", "days"), _by_mart(changed)))
    if changed:
        text.append(
            "By mart and business day:\n\n"
            + _table(("mart", "business day"), ((one["mart"], one[DAY], one) for one in changed))
        )
    if len(changed) > SHOWN:
        text.append(f"… and {len(changed) - SHOWN} more; the sums by mart count all.")
    if same or not changed:
        text.append(f"As published: {same} days of marts, of {len(changes)}.")
    return "\n\n".join(text)


def _by_mart(changed: Iterable[Mapping[str, Any]]) -> Iterable[tuple[Any, Any, Mapping[str, Any]]]:
    """One line per mart: its name, how many days change, and their sums."""
    marts: dict[str, list[Mapping[str, Any]]] = {}
    for one in changed:
        marts.setdefault(one["mart"], []).append(one)
    for mart, days in marts.items():
        sums: dict[str, Any] = {
            name: sum(day[name] for day in days) for name in ("old_rows", "new_rows", "changed")
        }
        for name in ("old_revenue", "new_revenue"):
            known = [Decimal(day[name]) for day in days if day[name] is not None]
            sums[name] = str(sum(known, ZERO)) if known else None
        yield mart, len(days), sums


def _table(names: Sequence[str], lines: Iterable[tuple[Any, Any, Mapping[str, Any]]]) -> str:
    heads = (*names, "rows", "revenue", "difference", "rows that differ")
    rows = [heads, ("---", "---", *["---:"] * 4)]
    for first, second, one in list(lines)[:SHOWN]:
        before, after = (
            None if one[name] is None else Decimal(one[name])
            for name in ("old_revenue", "new_revenue")
        )
        difference = ""
        if before is not None or after is not None:
            difference = f"{(after or ZERO) - (before or ZERO):+,.2f}"
        rows.append(
            (
                str(first),
                str(second),
                _moved(one["old_rows"], one["new_rows"], "{:,}"),
                _moved(before, after, "{:,.2f}"),
                difference,
                f"{one['changed']:,}",
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _moved(before: Any, after: Any, form: str) -> str:
    """``before → after``, or one of them where they are the same."""
    texts = ["none" if one is None else form.format(one) for one in (before, after)]
    return texts[0] if before == after else " → ".join(texts)
