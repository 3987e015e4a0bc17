"""Every view as of each version: what readers saw then, by an independent engine."""

from collections.abc import Iterator
from itertools import pairwise

import duckdb
import pytest

from include.lake import catalog, layout, views
from include.lake.contracts import load_lake
from include.lake.marts import load_marts

LAKE, MARTS = load_lake(), load_marts()
NOW = [view.name for view in views.views(LAKE, MARTS)]
THEN = [view.name for view in views.history_views(LAKE, MARTS)]
FIRST, SECOND = "2026-07-01", "2026-07-02"
TABLES = {
    "sales": ("retail_silver", catalog.SALES_COLUMNS),
    "restatements": ("retail_ops", catalog.RESTATEMENTS_COLUMNS),
    **{
        mart.name: ("retail_gold", {each.name: each.type for each in mart.data_columns})
        for mart in MARTS
    },
    **{
        contract.silver_table: ("retail_silver", catalog.clean_columns(contract))
        for contract in LAKE.snapshots
    },
}
#: What becomes of the lake: days and the number in their rows, by state.
STATES = ({FIRST: 1}, {FIRST: 1, SECOND: 2}, {FIRST: 3, SECOND: 2})


def cell(name: str, kind: str, number: int, day: str) -> str:
    """A value that tells the state by every measure."""
    if kind == "string":
        # a shop sells what it has in stock, to a customer who is known
        return f"'{name}'"
    if kind.startswith("array"):
        return f"['{number}']"
    values = {"boolean": "false", "date": f"DATE '{day}'", "timestamp": f"TIMESTAMP '{day} 12:00'"}
    return values.get(kind, str(number))


def declared(kind: str) -> str:
    return "varchar[]" if kind.startswith("array") else kind.replace("string", "varchar")


class Lake:
    """Tables with all that was ever built, the pointer, and its history."""

    def __init__(self, connection: duckdb.DuckDBPyConnection) -> None:
        self.run = connection.execute
        for schema in ("silver", "gold", "ops"):
            self.run(f"CREATE SCHEMA retail_{schema}")
        self.run("CREATE SCHEMA sales_analytics; CREATE SCHEMA sales_analytics_history")
        pointer = ", ".join(f"{name} varchar" for name in catalog.PUBLISHED_COLUMNS)
        self.run(f"CREATE TABLE retail_ops.published ({pointer})")
        self.run(
            "CREATE TABLE retail_ops.published_history "
            f"({pointer}, version integer, published_at varchar)"
        )
        self.run("CREATE TABLE retail_ops.run_costs AS SELECT 1 AS one")
        for name, (schema, columns) in TABLES.items():
            day = layout.partition_keys(name)[0]
            listed = {**columns, day: "date", "release": "string"}
            text = ", ".join(f"{column} {declared(kind)}" for column, kind in listed.items())
            self.run(f"CREATE TABLE {schema}.{name} ({text})")
        for view in [*views.views(LAKE, MARTS), *views.history_views(LAKE, MARTS)]:
            if view.name != "run_costs":  # it is not about what is published
                self.run(view.sql)

    def build(self, day: str, number: int) -> None:
        """One release of a day, with a row in every table."""
        for name, (schema, columns) in TABLES.items():
            first = layout.partition_keys(name)[0]
            kinds = {column: kind for column, kind in columns.items() if column != first}
            row = [cell(column, kind, number, day) for column, kind in kinds.items()]
            names = ", ".join([*kinds, first, "release"])
            values = ", ".join([*row, f"DATE '{day}'", f"'r{number}'"])
            self.run(f"INSERT INTO {schema}.{name} ({names}) VALUES ({values})")

    def show(self, version: int, state: dict[str, int]) -> dict[str, list[tuple[object, ...]]]:
        """Make the pointer name a state, in a version of its own; return what readers see."""
        self.run("DELETE FROM retail_ops.published")
        for name in TABLES:
            for day, number in state.items():
                is_arrival = layout.partition_keys(name)[0] == "ingest_date"
                days = (f"'{day}'", "NULL") if is_arrival else ("NULL", f"'{day}'")
                self.run(
                    "INSERT INTO retail_ops.published "
                    f"VALUES ('{name}', {', '.join(days)}, 'r{number}')"
                )
        self.run(
            "INSERT INTO retail_ops.published_history "
            f"SELECT *, {version}, '2026-07-0{version} 05:00:00' FROM retail_ops.published"
        )
        return {
            name: self.run(f"SELECT * FROM sales_analytics.{name} ORDER BY ALL").fetchall()
            for name in NOW
            if name in THEN
        }


@pytest.fixture
def lake() -> Iterator[Lake]:
    with duckdb.connect(config={"threads": 1}) as connection:
        yield Lake(connection)


def test_each_version_shows_what_readers_saw_then(lake: Lake) -> None:
    for day, number in ((FIRST, 1), (SECOND, 2), (FIRST, 3)):
        lake.build(day, number)
    # three publications, then back to the second of them
    seen = {n: lake.show(n, state) for n, state in enumerate((*STATES, STATES[1]), start=1)}
    for name in seen[1]:
        assert all(seen[version][name] for version in seen), f"{name} shows nothing"
        for before, after in pairwise(seen):
            changes = seen[before][name] != seen[after][name]
            is_latest = name in ("customers", "products", "inventory_cover")
            assert changes or is_latest, f"{name} would not tell the versions apart"
        for version, shown in seen.items():
            found = lake.run(
                f"SELECT * EXCLUDE (version) FROM sales_analytics_history.{name} "
                f"WHERE version = {version} ORDER BY ALL"
            ).fetchall()
            assert found == shown[name], f"{name} as of version {version}"


def test_versions_say_when_they_were_published(lake: Lake) -> None:
    lake.build(FIRST, 1)
    lake.show(1, STATES[0])
    lake.show(2, STATES[0])
    found = lake.run(
        "SELECT version, CAST(published_at AS varchar) FROM sales_analytics_history.versions"
        " ORDER BY 1"
    ).fetchall()
    assert found == [(1, "2026-07-01 05:00:00"), (2, "2026-07-02 05:00:00")]


def test_only_what_reads_the_pointer_has_a_history() -> None:
    assert set(NOW) - set(THEN) == {"run_costs"}
    assert set(THEN) - set(NOW) == {"versions"}
