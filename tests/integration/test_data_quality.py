"""Glue Data Quality and the project's own checks come to the same verdicts, rule by rule.

Each mart is built by its CTAS from hand-made sales, and spoilt so that every rule is broken once.
Both judge the same files: Athena by ``check_sql``, Glue by an evaluation run of the rulesets.
"""

import io
import time
from collections.abc import Callable, Iterator
from copy import deepcopy
from datetime import date
from decimal import Decimal
from itertools import cycle
from typing import Any

import pyarrow.parquet as pq
import pytest

from include.infrastructure.rulesets import apply_rulesets
from include.lake import checks, dqdl
from include.lake.marts import Mart
from tests.local_lake import DEPLOYMENT, LAKE, MARTS, LocalLake, Row, local_lake

DAYS = (date(2026, 7, 1), date(2026, 7, 2))
WRONG_DAY = date(2026, 7, 3)
SOUND = "r20260701_000000000000"
PRODUCTS = tuple(f"P00{number}" for number in range(6))
REGIONS = ("East", "North", "South", "West", None)
RELEASES = 5
RUN_SECONDS = 300
# a partition's value is in its folder's name: no file can hold a null
IMPOSSIBLE = {"not_null_sale_date"}


def sales(day: date) -> list[Row]:
    """Two lines of every channel, one of them taken back in part."""
    channels = sorted(str(contract.channel) for contract in LAKE.channels)
    lines = zip(channels * 2, cycle(PRODUCTS), cycle(REGIONS), strict=False)
    return [
        {
            "transaction_id": f"{day}-{number}",
            "channel": channel,
            "product_id": product,
            "product_name": f"Name of {product}",
            "category": None if product == "P001" else f"Category of {product}",
            "quantity": -1 if number == 3 else number,
            "total_amount": Decimal(-150 if number == 3 else 1010 * number) / 100,
            "customer_token": f"c{number % 4}",
            "region": region,
            "is_return": number == 3,
        }
        for number, (channel, product, region) in enumerate(lines, start=1)
    ]


Days = dict[date, list[Row]]
Damage = Callable[[Days], None]


def damages(mart: Mart) -> dict[str, Damage]:
    """Changes to the rows of a mart by the rule that they break.

    Each kind of damage has rows of its own, so that one does not undo the other.
    """
    first, second = DAYS

    def change(row: int, name: str, value: Any) -> Damage:
        return lambda days: days[first][row].update({name: value})

    found: dict[str, Damage] = {
        "rows_exist": lambda days: days.clear(),
        "right_days": lambda days: days.update({WRONG_DAY: [dict(days[first][4])]}),
        "grain_unique": lambda days: days[first].append(dict(days[first][3])),
        # of the headers
        "revenue_positive": change(2, "revenue", Decimal("-5.00")),
        "gross_and_returns_are_revenue": change(4, "gross_revenue", Decimal("0.01")),
        "no_more_customers_than_lines": change(4, "unique_customers", 99),
        "positions_without_gap": change(4, "position", 10),
    }
    for column in mart.columns:
        name = column.name

        def shift(days: Days, name: str = name) -> None:
            days[first][1][name] += 1
            days[second][1][name] -= 1

        found[f"reconciles_{name}"] = shift
        found[f"not_null_{name}"] = change(0, name, None)
        if column.minimum is not None:
            found[f"range_{name}"] = change(1, name, int(column.minimum) - 1)
        if column.maximum is not None:
            found[f"range_{name}"] = change(1, name, int(column.maximum) + 1)
        found[f"accepted_{name}"] = change(2, name, "fax")
        found[f"known_{name}"] = change(2, name, "P404")
    return found


def spoilt(mart: Mart, days: Days) -> dict[str, tuple[list[str], Days]]:
    """The mart in which all is well, and releases that together break every rule.

    Returns:
        Rules that are broken on purpose, and rows of each day, by release.
    """
    possible = damages(mart)
    # what shifts an amount goes first: it cannot be done to a null
    names = [name for name in dqdl.rules(LAKE, mart) if name not in IMPOSSIBLE | {"rows_exist"}]
    names.sort(key=lambda name: not name.startswith("reconciles"))
    wanted = [[], names]
    if mart.name == "daily_sales":  # and so that others still hold
        wanted += [names[0::2], names[1::2], ["rows_exist"]]
    found = {}
    for number, broken in enumerate(wanted):
        rows = deepcopy(days)
        for name in broken:
            possible[name](rows)
        found[f"r20260701_{number:012x}"] = (broken, rows)
    return found


@pytest.fixture(scope="module")
def lake(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalLake]:
    with local_lake(tmp_path_factory.mktemp("aws")) as lake:
        lake.put(
            LAKE.silver_database,
            "products",
            [str(DAYS[1]), SOUND],
            [{"product_id": product} for product in PRODUCTS],
        )
        for day in DAYS:
            lake.put(LAKE.silver_database, "sales", [str(day), SOUND], sales(day))
        for number in range(1, RELEASES):
            share_silver(lake, f"r20260701_{number:012x}")
        apply_rulesets(lake.glue, "parity", LAKE, MARTS.values(), lambda _: None)
        yield lake


def build(lake: LocalLake, mart: Mart) -> Days:
    """Rows of each day, as the mart's CTAS writes them."""
    location = f"s3://{DEPLOYMENT.lake_bucket}/staged/{mart.name}/"
    lake.query(mart.ctas(f"retail_gold.{mart.name}__built", location, SOUND))
    files = {key: pq.read_table(io.BytesIO(body)) for key, body in lake.files(location).items()}
    order = [(name, "ascending") for name in mart.grain if name != "sale_date"]
    return {
        day: [
            row
            for key, table in files.items()
            if f"sale_date={day}/" in key
            for row in table.sort_by(order).to_pylist()
        ]
        for day in DAYS
    }


def stage(lake: LocalLake, mart: Mart, release: str, days: Days) -> str:
    """Puts a release into the mart; gives the staged table, which has the same files."""
    staged = f"{mart.name}__{release}_1"
    table = lake.glue.get_table(DatabaseName=LAKE.gold_database, Name=mart.name)["Table"]
    kept = {key: table[key] for key in ("TableType", "Parameters", "StorageDescriptor")}
    keys = [key for key in table["PartitionKeys"] if key["Name"] == "sale_date"]
    table_input = {"Name": staged, "PartitionKeys": keys, **kept}
    lake.glue.create_table(DatabaseName=LAKE.gold_database, TableInput=table_input)
    for day, rows in days.items():
        location, _ = lake.put(LAKE.gold_database, mart.name, [str(day), release], rows)
        lake.register(LAKE.gold_database, staged, {(str(day),): location})
    return f"{LAKE.gold_database}.{staged}"


def share_silver(lake: LocalLake, release: str) -> None:
    """Gives a release the sound one's silver."""
    for table in ("sales", "products"):
        of_release = {"DatabaseName": LAKE.silver_database, "TableName": table}
        sound = lake.glue.get_partitions(**of_release, Expression=f"release = '{SOUND}'")
        locations = {
            (each["Values"][0], release): each["StorageDescriptor"]["Location"]
            for each in sound["Partitions"]
        }
        lake.register(LAKE.silver_database, table, locations)


def own_verdicts(lake: LocalLake, mart: Mart, staged: str, release: str) -> dict[str, bool]:
    days = (str(DAYS[0]), str(DAYS[1]))
    rows, _ = lake.query(checks.check_sql(LAKE, mart, staged, release, days))
    return {str(row["check_name"]): row["passed"] == "true" for row in rows}


def start(lake: LocalLake, mart: Mart, release: str) -> str:
    names = [f"parity-{name}" for name in dqdl.rulesets(LAKE, mart)]
    run = lake.glue.start_data_quality_ruleset_evaluation_run(
        **dqdl.evaluation(LAKE, mart, release),
        Role=DEPLOYMENT.glue_job_role_arn,
        RulesetNames=names,
    )
    return str(run["RunId"])


def glue_verdicts(lake: LocalLake, mart: Mart, run_id: str) -> dict[str, bool]:
    deadline = time.monotonic() + RUN_SECONDS
    while True:
        run = lake.glue.get_data_quality_ruleset_evaluation_run(RunId=run_id)
        if run["Status"] not in ("STARTING", "RUNNING"):
            break
        assert time.monotonic() < deadline, run
        time.sleep(0.2)
    assert run["Status"] == "SUCCEEDED", run
    found = {}
    severities = checks.check_names(LAKE, mart)
    for result_id in run["ResultIds"]:
        result = lake.glue.get_data_quality_result(ResultId=result_id)
        severity = result["RulesetName"].rpartition("_")[2]
        names = [name for name in dqdl.rules(LAKE, mart) if severities[name] == severity]
        for name, rule in zip(names, result["RuleResults"], strict=True):
            found[name] = rule["Result"] == "PASS"
    return found


@pytest.mark.parametrize("mart", MARTS.values(), ids=MARTS)
def test_verdicts_are_the_same(lake: LocalLake, mart: Mart) -> None:
    releases = spoilt(mart, build(lake, mart))
    staged = {release: stage(lake, mart, release, days) for release, (_, days) in releases.items()}
    runs = {release: start(lake, mart, release) for release in releases}
    for release, (broken, _) in releases.items():
        own = own_verdicts(lake, mart, staged[release], release)
        theirs = glue_verdicts(lake, mart, runs[release])
        assert theirs == {name: own[name] for name in dqdl.rules(LAKE, mart)}, release
        failed = {name for name, passed in theirs.items() if not passed}
        assert set(broken) <= failed, release
        assert bool(broken) == bool(failed), release
