"""Databases, tables and table versions, through boto3 against the running front."""

import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from include.local_aws import catalog
from include.local_aws.front.context import AwsError, Context


def definition(name: str, location: str = "s3://b/one/", **more: Any) -> dict[str, Any]:
    return {
        "Name": name,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": "day", "Type": "date"}],
        "StorageDescriptor": {
            "Columns": [{"Name": "id", "Type": "bigint"}],
            "Location": location,
        },
        **more,
    }


@pytest.fixture
def database(glue: Any, unique: str) -> str:
    glue.create_database(DatabaseInput={"Name": unique})
    return unique


def location(table: dict[str, Any]) -> str:
    return str(table["StorageDescriptor"]["Location"])


def test_a_version_is_added_by_every_update(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/one/"))
    first = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    for place in ("s3://b/two/", "s3://b/three/"):
        glue.update_table(DatabaseName=database, TableInput=definition("orders", place))
    current = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    assert int(current["VersionId"]) == int(first["VersionId"]) + 2
    versions = glue.get_table_versions(DatabaseName=database, TableName="orders")["TableVersions"]
    assert [location(version["Table"]) for version in versions] == [
        "s3://b/three/",
        "s3://b/two/",
        "s3://b/one/",
    ]
    assert versions[0]["VersionId"] == current["VersionId"]
    old = glue.get_table_version(
        DatabaseName=database, TableName="orders", VersionId=first["VersionId"]
    )["TableVersion"]
    assert location(old["Table"]) == "s3://b/one/"
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table_version(DatabaseName=database, TableName="orders", VersionId="99")


def test_versions_come_in_pages(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders"))
    for number in range(4):
        glue.update_table(
            DatabaseName=database, TableInput=definition("orders", f"s3://b/{number}/")
        )
    pages = glue.get_paginator("get_table_versions").paginate(
        DatabaseName=database, TableName="orders", PaginationConfig={"PageSize": 2}
    )
    found = [[location(v["Table"]) for v in page["TableVersions"]] for page in pages]
    assert found == [["s3://b/3/", "s3://b/2/"], ["s3://b/1/", "s3://b/0/"], ["s3://b/one/"]]


def test_an_update_with_a_stale_version_is_refused(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("pointer"))
    seen = glue.get_table(DatabaseName=database, Name="pointer")["Table"]["VersionId"]
    glue.update_table(
        DatabaseName=database, TableInput=definition("pointer", "s3://b/a/"), VersionId=seen
    )
    with pytest.raises(glue.exceptions.ConcurrentModificationException, match="at version"):
        glue.update_table(
            DatabaseName=database, TableInput=definition("pointer", "s3://b/b/"), VersionId=seen
        )
    table = glue.get_table(DatabaseName=database, Name="pointer")["Table"]
    assert location(table) == "s3://b/a/"
    assert (
        len(glue.get_table_versions(DatabaseName=database, TableName="pointer")["TableVersions"])
        == 2
    )


def test_of_sixteen_racing_writers_one_wins(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("pointer"))
    seen = glue.get_table(DatabaseName=database, Name="pointer")["Table"]["VersionId"]
    barrier = threading.Barrier(16)

    def write(number: int) -> bool:
        barrier.wait()
        try:
            glue.update_table(
                DatabaseName=database,
                TableInput=definition("pointer", f"s3://b/{number}/"),
                VersionId=seen,
            )
        except glue.exceptions.ConcurrentModificationException:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        won = list(pool.map(write, range(16)))
    assert won.count(True) == 1
    table = glue.get_table(DatabaseName=database, Name="pointer")["Table"]
    assert location(table) == f"s3://b/{won.index(True)}/"
    assert int(table["VersionId"]) == int(seen) + 1


def test_racing_writers_without_a_version_each_make_one(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders"))

    def write(number: int) -> None:
        glue.update_table(
            DatabaseName=database, TableInput=definition("orders", f"s3://b/{number}/")
        )

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    versions = glue.get_table_versions(DatabaseName=database, TableName="orders")["TableVersions"]
    places = {location(version["Table"]) for version in versions}
    assert places == {f"s3://b/{number}/" for number in range(8)} | {"s3://b/one/"}


def test_an_update_replaces_the_whole_definition(glue: Any, database: str) -> None:
    full = definition("orders", Description="old", Parameters={"a": "1"}, Retention=7)
    glue.create_table(DatabaseName=database, TableInput=full)
    assert glue.get_table(DatabaseName=database, Name="orders")["Table"]["Retention"] == 7
    glue.update_table(DatabaseName=database, TableInput=definition("orders"))
    table = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    assert "Description" not in table
    assert "Parameters" not in table
    assert "Retention" not in table


def test_names_are_lower_cased(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database.upper(), TableInput=definition("ORDERS"))
    table = glue.get_table(DatabaseName=database.upper(), Name="Orders")["Table"]
    assert (table["DatabaseName"], table["Name"]) == (database, "orders")
    with pytest.raises(glue.exceptions.AlreadyExistsException):
        glue.create_table(DatabaseName=database, TableInput=definition("Orders"))


def test_tables_are_listed_by_expression_and_page(glue: Any, database: str) -> None:
    for name in ("clean_c", "clean_a", "sales", "clean_b"):
        glue.create_table(DatabaseName=database, TableInput=definition(name))
    pages = glue.get_paginator("get_tables").paginate(
        DatabaseName=database, Expression="clean_.*", PaginationConfig={"PageSize": 2}
    )
    found = [[table["Name"] for table in page["TableList"]] for page in pages]
    assert found == [["clean_a", "clean_b"], ["clean_c"]]
    assert all("VersionId" in table for page in pages for table in page["TableList"])
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_tables(DatabaseName="absent")


def test_missing_things_are_named(glue: Any, database: str) -> None:
    missing = glue.exceptions.EntityNotFoundException
    with pytest.raises(missing, match="nowhere"):
        glue.get_table(DatabaseName=database, Name="nowhere")
    with pytest.raises(missing):
        glue.update_table(DatabaseName=database, TableInput=definition("nowhere"))
    with pytest.raises(missing):
        glue.create_table(DatabaseName="absent", TableInput=definition("orders"))
    errors = glue.batch_delete_table(DatabaseName=database, TablesToDelete=["nowhere"])["Errors"]
    assert [error["ErrorDetail"]["ErrorCode"] for error in errors] == ["EntityNotFoundException"]


def test_a_table_made_again_starts_without_history(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/a/"))
    glue.create_partition(
        DatabaseName=database, TableName="orders", PartitionInput={"Values": ["2026-01-01"]}
    )
    glue.update_table(DatabaseName=database, TableInput=definition("orders", "s3://b/b/"))
    glue.delete_table(DatabaseName=database, Name="orders")
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/c/"))
    versions = glue.get_table_versions(DatabaseName=database, TableName="orders")["TableVersions"]
    assert [location(version["Table"]) for version in versions] == ["s3://b/c/"]
    assert glue.get_partitions(DatabaseName=database, TableName="orders")["Partitions"] == []


def test_what_is_changed_inside_ministack_is_a_version(
    glue: Any, database: str, context: Context
) -> None:
    """CloudFormation writes to MiniStack, not through the front."""
    body = {"DatabaseName": database, "TableInput": definition("orders", "s3://b/a/")}
    context.forward("AWSGlue.CreateTable", body)
    first = glue.get_table(DatabaseName=database, Name="orders")["Table"]
    assert location(first) == "s3://b/a/"
    body["TableInput"] = definition("orders", "s3://b/b/")
    context.forward("AWSGlue.UpdateTable", body)
    with pytest.raises(glue.exceptions.ConcurrentModificationException):
        glue.update_table(
            DatabaseName=database,
            TableInput=definition("orders", "s3://b/c/"),
            VersionId=first["VersionId"],
        )
    versions = glue.get_table_versions(DatabaseName=database, TableName="orders")["TableVersions"]
    assert [location(version["Table"]) for version in versions] == ["s3://b/b/", "s3://b/a/"]
    context.forward("AWSGlue.DeleteTable", {"DatabaseName": database, "Name": "orders"})
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table_versions(DatabaseName=database, TableName="orders")


def test_versions_survive_a_restart(glue: Any, database: str, context: Context) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/a/"))
    glue.update_table(DatabaseName=database, TableInput=definition("orders", "s3://b/b/"))
    restarted = catalog.actions(context)
    versions = restarted["AWSGlue.GetTableVersions"](
        {"DatabaseName": database, "TableName": "orders"}
    )
    assert [location(v["Table"]) for v in versions["TableVersions"]] == ["s3://b/b/", "s3://b/a/"]


def test_a_version_that_ministack_lost_is_written_to_it_again(
    glue: Any, database: str, context: Context
) -> None:
    """MiniStack saves when it ends; killed, it comes back with an older state of the table."""
    glue.create_table(DatabaseName=database, TableInput=definition("pointer", "s3://b/a/"))
    glue.update_table(DatabaseName=database, TableInput=definition("pointer", "s3://b/b/"))
    store = catalog.Catalog(context).store
    with store.writing() as db:  # as if MiniStack had come back two updates behind
        db.execute("UPDATE heads SET version = version + 1, remote = remote + 2")
        db.execute(
            "INSERT INTO versions SELECT database, name, version + 1,"
            " replace(document, 's3://b/b/', 's3://b/c/') FROM versions WHERE version = 2"
        )
    table = glue.get_table(DatabaseName=database, Name="pointer")["Table"]
    assert (location(table), table["VersionId"]) == ("s3://b/c/", "3")
    assert location(store.remote_table(database, "pointer")) == "s3://b/c/"


def test_old_versions_can_be_deleted(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/a/"))
    glue.update_table(DatabaseName=database, TableInput=definition("orders", "s3://b/b/"))
    newest, oldest = glue.get_table_versions(DatabaseName=database, TableName="orders")[
        "TableVersions"
    ]
    key = {"DatabaseName": database, "TableName": "orders"}
    glue.delete_table_version(**key, VersionId=oldest["VersionId"])
    assert [v["VersionId"] for v in glue.get_table_versions(**key)["TableVersions"]] == [
        newest["VersionId"]
    ]
    with pytest.raises(glue.exceptions.InvalidInputException):
        glue.delete_table_version(**key, VersionId=newest["VersionId"])


def test_many_versions_are_deleted_at_once(glue: Any, database: str, context: Context) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders"))
    for place in ("s3://b/two/", "s3://b/three/"):
        glue.update_table(DatabaseName=database, TableInput=definition("orders", place))
    current = glue.get_table(DatabaseName=database, Name="orders")["Table"]["VersionId"]
    given = {"DatabaseName": database, "TableName": "orders"}
    versions = glue.get_table_versions(**given)["TableVersions"]
    numbers = [version["VersionId"] for version in versions]
    errors = glue.batch_delete_table_version(**given, VersionIds=[*numbers, "99"])["Errors"]
    assert [(error["VersionId"], error["ErrorDetail"]["ErrorCode"]) for error in errors] == [
        (current, "InvalidInputException"),
        ("99", "EntityNotFoundException"),
    ]
    left = glue.get_table_versions(**given)["TableVersions"]
    assert [version["VersionId"] for version in left] == [current]
    with pytest.raises(AwsError, match="101 entries"):
        catalog.actions(context)["AWSGlue.BatchDeleteTableVersion"](
            given | {"VersionIds": ["1"] * 101}
        )


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"Filters": [{"Key": "Name", "Value": "link"}]}, ["customer-link", "xx-link-yy"]),
        ({"Filters": [{"Key": "Name", "Value": "customer-link"}]}, ["customer-link"]),
        ({"Filters": [{"Key": "owner_team", "Value": "tills"}]}, ["xx-link-yy"]),
        ({"SearchText": "price"}, ["xxlinkyy"]),
        ({"SearchText": "money paid"}, ["customer-link"]),
        ({"SearchText": '"money paid"'}, []),
        ({"SearchText": '"the money paid"'}, ["customer-link"]),
        (
            {
                "Filters": [
                    {"Key": "CreateTime", "Value": "2000-01-01", "Comparator": "GREATER_THAN"}
                ],
                "SortCriteria": [{"FieldName": "Name", "Sort": "DESC"}],
            },
            ["xxlinkyy", "xx-link-yy", "customer-link"],
        ),
        (
            {"Filters": [{"Key": "CreateTime", "Value": "2000-01-01", "Comparator": "LESS_THAN"}]},
            [],
        ),
    ],
)
def test_tables_are_searched(
    glue: Any, database: str, request_: dict[str, Any], expected: list[str]
) -> None:
    for name, description, column, parameters in (
        ("customer-link", "the money paid", "a", {}),
        ("xx-link-yy", "", "b", {"owner_team": "tills"}),
        ("xxlinkyy", "", "price", {}),
    ):
        glue.create_table(
            DatabaseName=database,
            TableInput={
                "Name": name,
                "Description": description,
                "Parameters": parameters,
                "StorageDescriptor": {"Columns": [{"Name": column, "Type": "int"}]},
            },
        )
    mine = {"Key": "DatabaseName", "Value": database}
    wanted = request_ | {"Filters": [mine, *request_.get("Filters", [])]}
    names: list[str] = []
    token: dict[str, str] = {}
    while True:
        answer = glue.search_tables(**wanted, **token, MaxResults=2)
        names += [table["Name"] for table in answer["TableList"]]
        if "NextToken" not in answer:
            break
        token = {"NextToken": answer["NextToken"]}
    assert names == expected


def test_what_cannot_be_searched_for_is_refused(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders"))
    for wrong in (
        {"SortCriteria": [{"FieldName": "Colour", "Sort": "ASC"}]},
        {"Filters": [{"Key": "CreateTime", "Value": "yesterday"}]},
    ):
        with pytest.raises(glue.exceptions.InvalidInputException):
            glue.search_tables(**wrong)


def test_a_classifier_is_updated(glue: Any, unique: str) -> None:
    glue.create_classifier(
        XMLClassifier={"Name": unique, "Classification": "shop", "RowTag": "order"}
    )
    glue.update_classifier(XMLClassifier={"Name": unique, "RowTag": "item"})
    found = glue.get_classifier(Name=unique)["Classifier"]["XMLClassifier"]
    assert (found["Classification"], found["RowTag"]) == ("shop", "item")
    with pytest.raises(glue.exceptions.InvalidInputException, match="no JsonClassifier"):
        glue.update_classifier(JsonClassifier={"Name": unique, "JsonPath": "$"})
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.update_classifier(XMLClassifier={"Name": "absent", "RowTag": "item"})


def test_an_update_may_skip_the_archive(glue: Any, database: str) -> None:
    glue.create_table(DatabaseName=database, TableInput=definition("orders", "s3://b/a/"))
    glue.update_table(
        DatabaseName=database, TableInput=definition("orders", "s3://b/b/"), SkipArchive=True
    )
    versions = glue.get_table_versions(DatabaseName=database, TableName="orders")["TableVersions"]
    assert [location(version["Table"]) for version in versions] == ["s3://b/b/"]


def test_databases_are_found_in_any_case(glue: Any, database: str) -> None:
    glue.update_database(
        Name=database.upper(), DatabaseInput={"Name": database, "Description": "new"}
    )
    assert glue.get_database(Name=database.upper())["Database"]["Description"] == "new"
    glue.create_table(DatabaseName=database, TableInput=definition("orders"))
    glue.delete_database(Name=database.upper())
    with pytest.raises(glue.exceptions.EntityNotFoundException):
        glue.get_table(DatabaseName=database, Name="orders")
