"""Column statistics and partition indexes: what is told of tables, through boto3."""

from datetime import UTC, datetime
from typing import Any

import pytest

MOMENT = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def long(column: str, largest: int) -> dict[str, Any]:
    data = {
        "MinimumValue": 1,
        "MaximumValue": largest,
        "NumberOfNulls": 0,
        "NumberOfDistinctValues": 9,
    }
    return {
        "ColumnName": column,
        "ColumnType": "bigint",
        "AnalyzedTime": MOMENT,
        "StatisticsData": {"Type": "LONG", "LongColumnStatisticsData": data},
    }


@pytest.fixture
def key(glue: Any, unique: str) -> dict[str, str]:
    """A table with columns a and b, keys day and shop, and the partition (1, x)."""
    glue.create_database(DatabaseInput={"Name": unique})
    columns = [{"Name": name, "Type": "bigint"} for name in "ab"]
    keys = [{"Name": "day", "Type": "int"}, {"Name": "shop", "Type": "string"}]
    glue.create_table(
        DatabaseName=unique,
        TableInput={
            "Name": "sales",
            "PartitionKeys": keys,
            "StorageDescriptor": {"Columns": columns, "Location": "s3://b/sales/"},
        },
        PartitionIndexes=[{"IndexName": "by_shop", "Keys": ["shop", "day"]}],
    )
    where = {"DatabaseName": unique, "TableName": "sales"}
    glue.create_partition(**where, PartitionInput={"Values": ["1", "x"]})
    return where


@pytest.mark.parametrize("owner", ["table", "partition"])
def test_statistics_are_replaced_given_and_deleted_by_column(
    glue: Any, key: dict[str, str], owner: str
) -> None:
    about: dict[str, Any] = key | ({"PartitionValues": ["1", "x"]} if owner == "partition" else {})
    update, get, delete = (
        getattr(glue, f"{verb}_column_statistics_for_{owner}")
        for verb in ("update", "get", "delete")
    )
    assert update(**about, ColumnStatisticsList=[long("a", 5), long("b", 7)])["Errors"] == []
    (error,) = update(**about, ColumnStatisticsList=[long("a", 6), long("none", 1)])["Errors"]
    assert error["ColumnStatistics"]["ColumnName"] == "none"
    found = get(**about, ColumnNames=["b", "a", "day"])
    assert [
        one["StatisticsData"]["LongColumnStatisticsData"]["MaximumValue"]
        for one in found["ColumnStatisticsList"]
    ] == [7, 6]
    assert found["ColumnStatisticsList"][0]["AnalyzedTime"] == MOMENT
    (missing,) = found["Errors"]
    assert (missing["ColumnName"], missing["Error"]["ErrorCode"]) == (
        "day",
        "EntityNotFoundException",
    )
    delete(**about, ColumnName="b")
    assert len(get(**about, ColumnNames=["a", "b"])["ColumnStatisticsList"]) == 1
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        delete(**about, ColumnName="b")
    with pytest.raises(glue.exceptions.InvalidInputException, match="26 entries"):
        update(**about, ColumnStatisticsList=[long("a", 1)] * 26)


def test_statistics_end_with_what_they_are_about(glue: Any, key: dict[str, str]) -> None:
    part = {"PartitionValues": ["1", "x"]}
    glue.update_column_statistics_for_partition(**key, **part, ColumnStatisticsList=[long("a", 5)])
    glue.update_column_statistics_for_table(**key, ColumnStatisticsList=[long("a", 8)])
    glue.delete_partition(**key, **part)
    with pytest.raises(glue.exceptions.EntityNotFoundException, match="no partition"):
        glue.get_column_statistics_for_partition(**key, **part, ColumnNames=["a"])
    glue.create_partition(**key, PartitionInput={"Values": ["1", "x"]})
    again = glue.get_column_statistics_for_partition(**key, **part, ColumnNames=["a"])
    assert again["ColumnStatisticsList"] == []
    kept = glue.get_column_statistics_for_table(**key, ColumnNames=["a"])
    assert len(kept["ColumnStatisticsList"]) == 1


def test_partition_indexes(glue: Any, key: dict[str, str]) -> None:
    def names() -> list[str]:
        found = glue.get_partition_indexes(**key)["PartitionIndexDescriptorList"]
        assert {index["IndexStatus"] for index in found} <= {"ACTIVE"}
        return [index["IndexName"] for index in found]

    (index,) = glue.get_partition_indexes(**key)["PartitionIndexDescriptorList"]
    assert index["Keys"] == [{"Name": "shop", "Type": "string"}, {"Name": "day", "Type": "int"}]
    errors = glue.exceptions
    for name, keys, refusal in (
        ("by_shop", ["shop"], errors.AlreadyExistsException),
        ("by_a", ["a"], errors.InvalidInputException),
    ):
        with pytest.raises(refusal):
            glue.create_partition_index(**key, PartitionIndex={"IndexName": name, "Keys": keys})
    for name in ("second", "third"):
        glue.create_partition_index(**key, PartitionIndex={"IndexName": name, "Keys": ["day"]})
    with pytest.raises(errors.ResourceNumberLimitExceededException):
        glue.create_partition_index(**key, PartitionIndex={"IndexName": "4", "Keys": ["day"]})
    glue.delete_partition_index(**key, IndexName="second")
    assert names() == ["by_shop", "third"]
    with pytest.raises(errors.EntityNotFoundException):
        glue.delete_partition_index(**key, IndexName="second")
    wrong = {"TableInput": {"Name": "other"}, "DatabaseName": key["DatabaseName"]}
    with pytest.raises(errors.InvalidInputException):
        glue.create_table(**wrong, PartitionIndexes=[{"IndexName": "i", "Keys": ["day"]}])
    with pytest.raises(errors.EntityNotFoundException):
        glue.get_table(DatabaseName=key["DatabaseName"], Name="other")
