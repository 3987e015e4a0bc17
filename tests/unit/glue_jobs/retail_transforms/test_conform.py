from dataclasses import replace
from datetime import UTC, date, datetime
from decimal import Decimal

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from include.lake import catalog
from include.lake.contracts import NOTHING, Lake
from retail_transforms.conform import conformed, union_of


def web(spark: SparkSession, lake: Lake, **values: object) -> DataFrame:
    types = catalog.clean_columns(lake.contract("ecommerce_orders")) | {
        "ingest_date": "date",
        "sale_date": "date",
    }
    row = {
        "transaction_id": "TXN000001",
        "ordered_at": datetime(2026, 3, 10, 12, tzinfo=UTC),
        "product_id": "P1",
        "quantity": 3,
        "unit_price": Decimal("1.10"),
        "total_amount": Decimal("3.30"),
        "customer_token": "abc",
        "sale_date": date(2026, 3, 10),
    } | values
    schema = ", ".join(f"{name} {sql_type}" for name, sql_type in types.items())
    return spark.createDataFrame([tuple(row.get(name) for name in types)], schema)


def test_sales_have_the_columns_and_types_of_the_catalog(spark: SparkSession, lake: Lake) -> None:
    sales = conformed(web(spark, lake), lake.contract("ecommerce_orders"))
    expected = {**catalog.SALES_COLUMNS, "sale_date": "date"}
    assert dict(sales.dtypes) == expected
    assert sales.columns == [*expected]


def test_every_contract_maps_to_the_same_columns(spark: SparkSession, lake: Lake) -> None:
    channels = []
    for contract in lake.channels:
        types = catalog.clean_columns(contract) | {"ingest_date": "date", "sale_date": "date"}
        schema = ", ".join(f"{name} {sql_type}" for name, sql_type in types.items())
        row = tuple(None for _ in types)
        channels.append(conformed(spark.createDataFrame([row], schema), contract))
    assert {row.channel for row in union_of(channels).collect()} == {
        contract.channel for contract in lake.channels
    }


def test_the_sources_own_total_is_compared_exactly(spark: SparkSession, lake: Lake) -> None:
    contract = lake.contract("ecommerce_orders")
    totals = {"3.30": True, "3.31": False, "3.29": False, None: False}
    for total, matches in totals.items():
        row = conformed(
            web(spark, lake, total_amount=total and Decimal(total)), contract
        ).collect()[0]
        assert row.calculated_total == Decimal("3.30")
        assert row.amount_matches is matches
        assert row.customer_token == "abc"


def test_a_dataset_without_customers_has_no_tokens(spark: SparkSession, lake: Lake) -> None:
    contract = lake.contract("ecommerce_orders")
    anonymous = replace(contract, sales={**contract.sales, "customer_id": NOTHING})
    sales = conformed(web(spark, lake), anonymous)
    assert sales.where(F.col("customer_token").isNotNull()).count() == 0
