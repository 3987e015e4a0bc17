"""Partitions: single calls, batches, filters and pages, through boto3 against the front."""

from typing import Any

import pytest

from include.local_aws.catalog import Catalog, actions
from include.local_aws.front.context import Context

DAYS = [f"2026-01-{day:02}" for day in range(1, 13)]


@pytest.fixture
def key(glue: Any, unique: str) -> dict[str, str]:
    """A table with keys (day date, shop string, number int) and three partitions per day."""
    glue.create_database(DatabaseInput={"Name": unique})
    keys = [("day", "date"), ("shop", "string"), ("number", "int")]
    glue.create_table(
        DatabaseName=unique,
        TableInput={
            "Name": "sales",
            "PartitionKeys": [{"Name": name, "Type": kind} for name, kind in keys],
            "StorageDescriptor": {"Columns": [], "Location": "s3://b/sales/"},
        },
    )
    where = {"DatabaseName": unique, "TableName": "sales"}
    for day in DAYS:
        added = glue.batch_create_partition(
            **where,
            PartitionInputList=[
                {
                    "Values": [day, shop, str(number)],
                    "StorageDescriptor": {"Columns": [], "Location": f"s3://b/{day}/{shop}/"},
                }
                for number, shop in ((7, "A"), (10, "O'Hare"), (200, "b_1"))
            ],
        )
        assert added["Errors"] == []
    return where


def values(answer: dict[str, Any]) -> list[list[str]]:
    return [partition["Values"] for partition in answer["Partitions"]]


@pytest.mark.parametrize(
    ("expression", "count"),
    [
        ("day = '2026-01-03'", 3),
        ("day = DATE '2026-01-03'", 3),
        ("day <> '2026-01-03'", 33),
        ("day != '2026-01-03'", 33),
        ("day < '2026-01-03'", 6),
        ("day <= '2026-01-03'", 9),
        ("day > '2026-01-10'", 6),
        ("day >= '2026-01-10'", 9),
        ("day BETWEEN '2026-01-02' AND '2026-01-04' AND shop = 'A'", 3),
        ("day not between '2026-01-02' and '2026-01-11' or number in (200)", 16),
        ("shop = 'O''Hare'", 12),
        ("shop IN ('A', 'b_1')", 24),
        ("shop NOT IN ('A', 'b_1')", 12),
        ("number > 9", 24),
        ("number > '9'", 24),
        ("number = 007", 12),
        ("shop LIKE 'b%'", 12),
        ("shop LIKE '_'", 12),
        ("shop LIKE 'b.1'", 0),
        ("shop not like '%a%'", 24),
        ("NOT (shop = 'A' OR number = 10)", 12),
        ("shop = 'A' OR shop = 'b_1' AND day = '2026-01-01'", 13),
        ("(shop = 'A' OR shop = 'b_1') AND day = '2026-01-01'", 2),
        ("shop IS NULL", 0),
        ("shop IS NOT NULL", 36),
        ("\"SHOP\" = 'A' and `Number` = 7", 12),
    ],
)
def test_an_expression_selects(glue: Any, key: dict[str, str], expression: str, count: int) -> None:
    assert len(values(glue.get_partitions(**key, Expression=expression))) == count


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("day = '2026-13-01'", "not a date"),
        ("number = 'seven'", "not a int"),
        ("colour = 'red'", "not a partition key"),
        ("day =", "a literal expected"),
        ("day = '2026-01-01' shop", "nothing may follow"),
        ("(day = '2026-01-01'", r"\) expected"),
        ("day ~ 'x'", "cannot read"),
        ("day", "a comparison expected"),
    ],
)
def test_a_wrong_expression_is_refused(
    glue: Any, key: dict[str, str], expression: str, reason: str
) -> None:
    with pytest.raises(glue.exceptions.InvalidInputException, match=reason):
        glue.get_partitions(**key, Expression=expression)


def test_nulls_compare_with_nothing(glue: Any, key: dict[str, str]) -> None:
    null = "__HIVE_DEFAULT_PARTITION__"
    glue.create_partition(**key, PartitionInput={"Values": ["2026-02-01", null, null]})
    only = "day = '2026-02-01' AND "
    found = {
        text: len(values(glue.get_partitions(**key, Expression=only + text)))
        for text in ("shop IS NULL", "number < 5", "NOT number < 5", "shop <> 'A'")
    }
    assert found == {"shop IS NULL": 1, "number < 5": 0, "NOT number < 5": 0, "shop <> 'A'": 0}


def test_partitions_come_in_pages(glue: Any, key: dict[str, str]) -> None:
    sizes: list[int] = []
    seen: list[list[str]] = []
    more: dict[str, str] = {}
    while True:
        answer = glue.get_partitions(**key, Expression="day > '2026-01-02'", MaxResults=12, **more)
        sizes.append(len(answer["Partitions"]))
        seen += values(answer)
        if "NextToken" not in answer:
            break
        more = {"NextToken": answer["NextToken"]}
    assert sizes == [12, 12, 6]
    assert seen == sorted(seen)
    assert {row[0] for row in seen} == set(DAYS[2:])
    with pytest.raises(glue.exceptions.InvalidInputException, match="NextToken"):
        glue.get_partitions(**key, NextToken="nonsense")


def test_segments_are_disjoint_and_complete(glue: Any, key: dict[str, str]) -> None:
    parts = [
        values(glue.get_partitions(**key, Segment={"SegmentNumber": n, "TotalSegments": 3}))
        for n in range(3)
    ]
    assert sorted(row for part in parts for row in part) == values(glue.get_partitions(**key))


def test_one_partition_lives(glue: Any, key: dict[str, str]) -> None:
    new = ["2026-03-01", "C", "1"]
    partition = {"Values": new, "StorageDescriptor": {"Location": "s3://b/new/"}}
    glue.create_partition(**key, PartitionInput=partition)
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_partition(**key, PartitionInput=partition)
    made = glue.get_partition(**key, PartitionValues=new)["Partition"]
    assert made["StorageDescriptor"]["Location"] == "s3://b/new/"
    assert (made["DatabaseName"], made["TableName"]) == (key["DatabaseName"], "sales")
    moved = partition | {"StorageDescriptor": {"Location": "s3://b/moved/"}}
    glue.update_partition(**key, PartitionValueList=new, PartitionInput=moved)
    found = glue.get_partition(**key, PartitionValues=new)["Partition"]
    assert found["StorageDescriptor"]["Location"] == "s3://b/moved/"
    assert found["CreationTime"] == made["CreationTime"]
    glue.delete_partition(**key, PartitionValues=new)
    for call in (glue.get_partition, glue.delete_partition):
        with pytest.raises(glue.exceptions.EntityNotFoundException):
            call(**key, PartitionValues=new)
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.update_partition(**key, PartitionValueList=new, PartitionInput=moved)


def test_a_partition_cannot_move_onto_another(glue: Any, key: dict[str, str]) -> None:
    one, other = ["2026-01-01", "A", "7"], ["2026-01-02", "A", "7"]
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.update_partition(**key, PartitionValueList=one, PartitionInput={"Values": other})
    assert len(values(glue.get_partitions(**key))) == 36
    glue.update_partition(
        **key, PartitionValueList=one, PartitionInput={"Values": ["2026-01-01", "A", "8"]}
    )
    assert ["2026-01-01", "A", "8"] in values(glue.get_partitions(**key))
    assert one not in values(glue.get_partitions(**key))


def test_values_must_match_the_keys(glue: Any, key: dict[str, str]) -> None:
    with pytest.raises(glue.exceptions.InvalidInputException, match="number of partition keys"):
        glue.create_partition(**key, PartitionInput={"Values": ["2026-01-01"]})


def test_a_batch_does_what_it_can_and_lists_the_rest(glue: Any, key: dict[str, str]) -> None:
    old, new = ["2026-01-01", "A", "7"], ["2026-04-01", "A", "7"]
    created = glue.batch_create_partition(
        **key, PartitionInputList=[{"Values": old}, {"Values": new}]
    )
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in created["Errors"]] == [
        (old, "AlreadyExistsException")
    ]
    absent = ["2026-05-01", "A", "7"]
    got = glue.batch_get_partition(**key, PartitionsToGet=[{"Values": new}, {"Values": absent}])
    assert (values(got), got["UnprocessedKeys"]) == ([new], [])
    entry = {"Values": new, "Parameters": {"rows": "3"}}
    updated = glue.batch_update_partition(
        **key,
        Entries=[
            {"PartitionValueList": new, "PartitionInput": entry},
            {"PartitionValueList": absent, "PartitionInput": entry | {"Values": absent}},
        ],
    )
    assert [e["PartitionValueList"] for e in updated["Errors"]] == [absent]
    assert glue.get_partition(**key, PartitionValues=new)["Partition"]["Parameters"] == {
        "rows": "3"
    }
    deleted = glue.batch_delete_partition(
        **key, PartitionsToDelete=[{"Values": new}, {"Values": absent}]
    )
    assert [(e["PartitionValues"], e["ErrorDetail"]["ErrorCode"]) for e in deleted["Errors"]] == [
        (absent, "EntityNotFoundException")
    ]
    assert new not in values(glue.get_partitions(**key))


def test_batches_have_their_limits(context: Context, key: dict[str, str]) -> None:
    """Asked below boto3, which checks some of them itself."""
    handlers = actions(context)
    many = [{"Values": ["2026-06-01", "A", str(number)]} for number in range(101)]
    for action, member, most in (
        ("BatchCreatePartition", "PartitionInputList", 100),
        ("BatchDeletePartition", "PartitionsToDelete", 25),
    ):
        with pytest.raises(Exception, match=f"at most {most}"):
            handlers[f"AWSGlue.{action}"](key | {member: many[: most + 1]})
        assert handlers[f"AWSGlue.{action}"](key | {member: many[:most]})["Errors"] == []


def test_partitions_survive_a_restart_and_are_read_by_engines(
    context: Context, glue: Any, key: dict[str, str]
) -> None:
    catalog = Catalog(context)
    found = catalog.partitions(key["DatabaseName"].upper(), "SALES", "day = '2026-01-01'")
    assert [partition["StorageDescriptor"]["Location"] for partition in found] == [
        "s3://b/2026-01-01/A/",
        "s3://b/2026-01-01/O'Hare/",
        "s3://b/2026-01-01/b_1/",
    ]
    assert len(catalog.partitions(key["DatabaseName"], "sales")) == 36


def test_columns_can_be_left_out(glue: Any, key: dict[str, str]) -> None:
    found = glue.get_partitions(**key, ExcludeColumnSchema=True)["Partitions"]
    assert all("Columns" not in partition["StorageDescriptor"] for partition in found)
