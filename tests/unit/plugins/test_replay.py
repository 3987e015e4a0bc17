"""Which quarantined rows would pass now: real queries on the local Athena, and the job's list."""

import io
import json
from datetime import date
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException

from include.lake import catalog, layout, releases
from include.lake.contracts import load_lake
from include.lake.replay import Replay, ranges
from include.lake.window import Window
from retail_lake.hooks.catalog import CatalogHook
from retail_lake.operators.replay import FindQuarantinedOperator, ReplayVerdictOperator
from tests.unit.plugins.conftest import complete
from tests.unit.plugins.world import World, release

PUBLISHED, SUPERSEDED, JUDGED = release(1), release(2), release(3)
FIRST, SECOND, FOURTH = (date(2025, 3, day) for day in (1, 2, 4))
PARQUET = "org.apache.hadoop.hive.ql.io.parquet.serde.ParquetHiveSerDe"
JSON_LINES = "org.openx.data.jsonserde.JsonSerDe"
ORDERS = "ecommerce_orders"


def file(day: date, name: str = "orders.jsonl") -> str:
    return f"bronze/{ORDERS}/ingest_date={day}/{name}"


class Books:
    """Quarantine and ledger of releases, and which of them is published."""

    def __init__(self, world: World, workgroup: str) -> None:
        self.world = world
        self.database = {"workgroup": workgroup, "database": world.database}
        lake = load_lake()
        self.rules = Replay(
            type(lake)(
                **{
                    **vars(lake),
                    "ops_database": world.database,
                    "contracts": (lake.contract(ORDERS),),
                }
            )
        )
        keys = {"ingest_date": "date", "release": "string"}
        world.glue.delete_table(DatabaseName=world.database, Name="published")
        for name, columns, by, serde in (
            ("quarantine", catalog.QUARANTINE_COLUMNS, keys, PARQUET),
            ("run_ledger", {"dataset": "string", "source_file": "string"}, keys, PARQUET),
            ("published", catalog.PUBLISHED_COLUMNS, {}, JSON_LINES),
        ):
            listed = [{"Name": one, "Type": kind} for one, kind in columns.items()]
            world.table(name, by, {"Columns": listed, "SerdeInfo": {"SerializationLibrary": serde}})

    def refuse(self, name: str, day: date, *rows: tuple[str, int, str]) -> None:
        """Quarantined rows (file, row, reason) of a release."""
        columns: dict[str, Any] = {
            "dataset": [ORDERS for _ in rows],
            "source_file": [row[0] for row in rows],
            "source_row": [row[1] for row in rows],
            "reason": [row[2] for row in rows],
            "raw": ["…" for _ in rows],
        }
        self.put("quarantine", name, day, pa.table(columns))

    def judge(self, name: str, day: date, *files: str) -> None:
        """Files that a release was built from."""
        columns = {"dataset": [ORDERS for _ in files], "source_file": list(files)}
        self.put("run_ledger", name, day, pa.table(columns))

    def put(self, table: str, name: str, day: date, content: pa.Table) -> None:
        data = io.BytesIO()
        pq.write_table(content, data)
        folder = f"{table}/{name}/{day}/"
        self.world.put(f"{folder}part.parquet", data.getvalue())
        location = f"s3://{self.world.bucket}/{folder}"
        partition = {"values": [str(day), name], "location": location}
        CatalogHook().register(self.world.database, table, [partition])

    def publish(self, **rows: date) -> None:
        listed = [releases.PointerRow("quarantine", day, None, name) for name, day in rows.items()]
        text = releases.Pointer(tuple(listed)).text()
        self.world.put("published/pointer.jsonl", text.encode())

    def find(self, **params: Any) -> dict[str, Any]:
        operator = FindQuarantinedOperator(
            task_id="find_rows",
            rules=self.rules,
            bucket=self.world.bucket,
            layout=layout,
            **self.database,
        )
        found: dict[str, Any] = complete(operator, {**self.world.context, "params": params})
        return found

    def verdict(self, **params: Any) -> dict[str, Any]:
        operator = ReplayVerdictOperator(
            task_id="verdict", rules=self.rules, release=JUDGED, **self.database
        )
        runs = complete(operator, {**self.world.context, "params": params})
        verdict: dict[str, Any] = self.world.context["ti"].xcoms["load", "verdict"]
        return {**verdict, "runs": runs}


@pytest.fixture
def books(world: World, workgroup: str) -> Books:
    made = Books(world, workgroup)
    for day in (FIRST, SECOND):
        for name in (file(day), f"{file(day).rpartition('/')[0]}/_SUCCESS"):
            world.put(name, b"{}\n")
    rows = [(file(FIRST), 1, "invalid:quantity"), (file(FIRST), 2, "invalid:quantity")]
    made.refuse(PUBLISHED, FIRST, *rows, (file(FIRST), 3, "unreadable"))
    other = release(4)
    made.refuse(other, SECOND, (file(SECOND), 1, "invalid:unit_price"), ("lost.jsonl", 1, "x"))
    made.refuse(SUPERSEDED, FIRST, (file(FIRST), 9, "unreadable"))
    made.publish(**{PUBLISHED: FIRST, other: SECOND})
    return made


def test_the_published_rows_asked_for_are_found_and_their_files_listed(books: Books) -> None:
    found = books.find(dataset="", reason="", from_date=None, to_date=None)
    assert [tuple(row.values()) for row in found["rows"]] == [
        (ORDERS, str(FIRST), "invalid:quantity", "2"),
        (ORDERS, str(FIRST), "unreadable", "1"),
        (ORDERS, str(SECOND), "invalid:unit_price", "1"),
        (ORDERS, str(SECOND), "x", "1"),
    ]
    listed = json.loads(books.world.read(found["inputs"]))
    assert listed["release"] == found["release"]
    assert listed["window"] == {"from": str(FIRST), "to": str(SECOND)}
    assert [entry["key"] for entry in listed["datasets"][ORDERS]] == [file(FIRST), file(SECOND)]
    assert (listed["upstream"], listed["replaced"]) == ([], [])

    only = books.find(reason="invalid", from_date=str(SECOND))
    assert [row["reason"] for row in only["rows"]] == ["invalid:unit_price"]
    listed = json.loads(books.world.read(only["inputs"]))
    assert [entry["key"] for entry in listed["datasets"][ORDERS]] == [file(SECOND)]
    assert (
        books.find(reason="invalid:quantity", to_date=str(FIRST))["rows"][0]["quarantined"] == "2"
    )


def test_nothing_to_judge_skips_the_rest(books: Books) -> None:
    with pytest.raises(AirflowSkipException, match="nothing to judge"):
        books.find(reason="required", dataset=ORDERS)


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"dataset": "orders'; DROP TABLE x"}, "no dataset"),
        ({"reason": "invalid' OR '1' = '1"}, "not a reason"),
        ({"reason": "invalid%"}, "not a reason"),
        ({"from_date": "2025-03-01' --"}, "not a date"),
        ({"to_date": "2025-02-30"}, "not a day"),
    ],
)
def test_what_is_no_parameter_never_reaches_a_query(
    books: Books, params: dict[str, str], said: str
) -> None:
    with pytest.raises(AirflowFailException, match=said):
        books.find(**params)


def test_the_verdict_counts_what_would_pass_and_names_the_days(books: Books) -> None:
    books.judge(JUDGED, FIRST, file(FIRST))
    books.judge(JUDGED, SECOND, file(SECOND))
    books.refuse(
        JUDGED, FIRST, (file(FIRST), 2, "required:quantity"), (file(FIRST), 3, "unreadable")
    )
    books.refuse(JUDGED, SECOND, (file(SECOND), 7, "unreadable"))
    found = books.verdict(dry_run=False)
    assert [list(row.values()) for row in found["rows"]] == [
        [ORDERS, str(FIRST), "invalid:quantity", 2, 1, 0],
        [ORDERS, str(FIRST), "unreadable", 1, 0, 0],
        [ORDERS, str(SECOND), "invalid:unit_price", 1, 1, 0],
        [ORDERS, str(SECOND), "x", 1, 0, 1],
    ]
    assert (found["quarantined"], found["would_pass"], found["gone"]) == (5, 2, 1)
    (run,) = found["runs"]
    assert run["conf"] == {"from_date": str(FIRST), "to_date": str(SECOND)}

    dry = books.verdict(dry_run=True, reason="unreadable")
    assert (dry["quarantined"], dry["would_pass"], dry["days"]) == (1, 0, [])
    assert books.verdict(dry_run=True)["runs"] == []


def test_days_are_rebuilt_in_contiguous_ranges_and_the_same_replay_names_the_same_runs() -> None:
    assert ranges([FOURTH, FIRST, SECOND, FIRST]) == [Window(FIRST, SECOND), Window(FOURTH, FOURTH)]
    rules = Replay(load_lake())
    runs = rules.runs([FIRST, FOURTH], "manual__1")
    assert [run["conf"]["from_date"] for run in runs] == [str(FIRST), str(FOURTH)]
    assert runs == rules.runs([FIRST, FOURTH], "manual__1")
    others = rules.runs([FIRST, FOURTH], "manual__2")
    assert not {run["trigger_run_id"] for run in runs} & {run["trigger_run_id"] for run in others}
