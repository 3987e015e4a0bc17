"""The views that analysts query, over what is published now and over every kept version of it.

A view's SQL is written once. It joins on ``retail_ops.published``; lines that end in ``-- history``
select, group by and join on the version, and stand only in the view over all versions, which reads
``retail_ops.published_history`` in its place.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources.abc import Traversable

from include.lake.contracts import Lake
from include.lake.marts import DAY, Mart, split_sql
from include.lake.shipped import shipped

#: The table with a partition per version of the pointer, and all their rows.
HISTORY = "published_history"
MARK = "-- history"


@dataclass(frozen=True)
class View:
    """One view for analysts; ``sql`` is its CREATE OR REPLACE VIEW."""

    name: str
    sql: str


def views(lake: Lake, marts: Iterable[Mart], root: Traversable | None = None) -> list[View]:
    """The views of what is published now: one per mart, and those of ``sql/views``.

    Args:
        lake: for the names of the databases.
        marts: the gold tables.
        root: the folder of ``<view>.sql`` files; by default ``sql/views`` as shipped.

    Raises:
        ContractError: a file breaks the format, or its name is a mart's.
    """
    return [
        _view(lake.analytics_database, name, _now(select))
        for name, select in _selects(lake, marts, root).items()
    ]


def history_views(lake: Lake, marts: Iterable[Mart], root: Traversable | None = None) -> list[View]:
    """The same views over every kept version; each has the column ``version`` before its others.

    What does not read the pointer is the same in all versions and is not among them. The view
    ``versions`` says when each was published.

    Args:
        lake: for the names of the databases.
        marts: the gold tables.
        root: as in ``views``.

    Raises:
        ContractError: as in ``views``.
    """
    database = history_database(lake)
    when = (
        "SELECT DISTINCT\n    version,\n    CAST(published_at AS timestamp) AS published_at\n"
        f"FROM {lake.ops_database}.{HISTORY}"
    )
    pointer = re.compile(rf"\b{lake.ops_database}\.published\b")
    found = {"versions": when} | {
        name: pointer.sub(f"{lake.ops_database}.{HISTORY}", _then(select))
        for name, select in _selects(lake, marts, root).items()
        if pointer.search(select)
    }
    return [_view(database, name, select) for name, select in found.items()]


def history_database(lake: Lake) -> str:
    """The database of ``history_views``."""
    return f"{lake.analytics_database}_history"


def _selects(lake: Lake, marts: Iterable[Mart], root: Traversable | None) -> Mapping[str, str]:
    """Every view's SELECT as it is written, by name."""
    found = {mart.name: _mart_select(lake, mart) for mart in marts}
    folder = shipped("sql", "views") if root is None else root
    for file in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if not file.name.endswith(".sql"):
            continue
        header, select = split_sql(file)
        header.mapping(("description",))["description"].text()
        name = file.name.removesuffix(".sql")
        if name in found:
            header.fail(f"{name} is a mart's view already; choose another file name")
        if f"{lake.ops_database}.published" in select and MARK not in select:
            header.fail(
                f"{name} reads {lake.ops_database}.published; select its version in a line that "
                f"ends in {MARK!r}, or versions would be mixed in {history_database(lake)}"
            )
        found[name] = select
    return found


def _mart_select(lake: Lake, mart: Mart) -> str:
    columns = ",\n".join(f"    mart.{column.name}" for column in mart.columns)
    return (
        f"SELECT\n    published.version,  {MARK}\n{columns}\n"
        f"FROM {lake.gold_database}.{mart.name} AS mart\n"
        f"INNER JOIN {lake.ops_database}.published AS published\n"
        f"    ON published.table_name = '{mart.name}'\n"
        f"    AND CAST(published.{DAY} AS date) = mart.{DAY}\n"
        f"    AND published.release = mart.release"
    )


def _view(database: str, name: str, select: str) -> View:
    return View(name, f"CREATE OR REPLACE VIEW {database}.{name} AS\n{select}")


def _now(select: str) -> str:
    return "\n".join(line for line in select.splitlines() if not line.endswith(MARK))


def _then(select: str) -> str:
    return "\n".join(line.removesuffix(MARK).rstrip() for line in select.splitlines())
