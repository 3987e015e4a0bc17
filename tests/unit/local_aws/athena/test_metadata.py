"""Athena's own view of the catalog's tables."""

from typing import Any

import pytest

from include.local_aws.front.context import AwsError
from tests.unit.local_aws.athena.conftest import PARQUET, Athena


def test_a_table_is_described_as_the_catalog_has_it(sales: Athena) -> None:
    asked = {"CatalogName": "AwsDataCatalog", "DatabaseName": sales.database}
    found = sales.call("GetTableMetadata", **asked, TableName="sales")["TableMetadata"]
    assert [(c["Name"], c["Type"]) for c in found["Columns"]] == [
        ("id", "bigint"),
        ("product", "string"),
        ("quantity", "int"),
        ("amount", "decimal(18,2)"),
    ]
    assert [key["Name"] for key in found["PartitionKeys"]] == ["sale_date", "release"]
    assert found["Parameters"]["serde.serialization.lib"] == PARQUET
    assert found["Parameters"]["location"] == f"s3://{sales.bucket}/sales"


def test_tables_are_listed_in_pages(sales: Athena) -> None:
    for name in ("a1", "a2", "b"):
        sales.table(name, [("id", "int")])
    asked: dict[str, Any] = {"CatalogName": "AwsDataCatalog", "DatabaseName": sales.database}
    first = sales.call("ListTableMetadata", **asked, MaxResults=3)
    rest = sales.call("ListTableMetadata", **asked, MaxResults=3, NextToken=first["NextToken"])
    pages = [[table["Name"] for table in page["TableMetadataList"]] for page in (first, rest)]
    assert pages == [["a1", "a2", "b"], ["sales"]]
    some = sales.call("ListTableMetadata", **asked, Expression="a.*")["TableMetadataList"]
    assert [table["Name"] for table in some] == ["a1", "a2"]


def test_what_is_not_there_is_no_table(sales: Athena) -> None:
    for database, table in ((sales.database, "nothing"), ("nowhere", "sales")):
        with pytest.raises(AwsError, match="EntityNotFoundException") as refused:
            sales.call(
                "GetTableMetadata",
                CatalogName="AwsDataCatalog",
                DatabaseName=database,
                TableName=table,
            )
        assert refused.value.code == "MetadataException"
    with pytest.raises(AwsError, match="not supported here: the data catalog other"):
        sales.call("ListTableMetadata", CatalogName="other", DatabaseName=sales.database)
