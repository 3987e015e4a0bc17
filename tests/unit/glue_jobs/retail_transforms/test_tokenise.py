import hashlib
import hmac
from dataclasses import replace

import pytest
from pyspark.sql import SparkSession
from pyspark.sql import functions as F

from include.lake.contracts import Lake
from retail_transforms.tokenise import token, with_tokens

VALUES = ["C1", "17850", " ", "Zoë 😀", "x" * 500, None]


def test_tokens_are_those_of_pythons_hmac(spark: SparkSession) -> None:
    keys = [bytes(n * 7 % 256 for n in range(size)) for size in (16, 63, 64, 65, 200)]
    frame = spark.createDataFrame([(value,) for value in VALUES], "value string")
    tokens = [token(F.col("value"), key).alias(f"token{n}") for n, key in enumerate(keys)]
    for row in frame.select("value", *tokens).collect():
        assert list(row[1:]) == [
            row.value and hmac.new(key, row.value.encode(), hashlib.sha256).hexdigest()
            for key in keys
        ]


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="has 15 bytes, needs at least 16"):
        token(None, b"x" * 15)  # type: ignore[arg-type]


def test_the_key_is_not_in_the_plan(
    spark: SparkSession, capsys: pytest.CaptureFixture[str]
) -> None:
    key = b"a very secret key"
    frame = spark.createDataFrame([("C1",)], "value string")
    frame.select(token(F.col("value"), key).alias("token")).explain("extended")
    plan = capsys.readouterr().out.upper()
    assert "SHA2" in plan
    for pad in (0x36, 0x5C):
        assert bytes(byte ^ pad for byte in key).hex().upper() not in plan


def test_restricted_columns_are_replaced_in_place(spark: SparkSession, lake: Lake) -> None:
    contract = lake.contract("ecommerce_orders")
    contract = replace(
        contract, columns=(contract.column("region"), contract.column("customer_id"))
    )
    frame = spark.createDataFrame(
        [(1, "C1", "North")], "source_row int, customer_id string, region string"
    )
    row = with_tokens(frame, contract, b"k" * 16).collect()[0]
    assert row.asDict() == {
        "source_row": 1,
        "customer_token": hmac.new(b"k" * 16, b"C1", hashlib.sha256).hexdigest(),
        "region": "North",
    }
