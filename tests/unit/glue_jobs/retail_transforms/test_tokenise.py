import hashlib
import hmac
from dataclasses import replace

import pyarrow as pa
import pytest
from pyspark.sql import SparkSession

from include.lake.contracts import Lake
from retail_transforms.tokenise import kept_schema, require_long_enough, tokens, with_tokens

VALUES = ["C1", "17850", " ", "Zo\u00eb \U0001f600", "x" * 500, None, "C1"]


def test_tokens_are_those_of_pythons_hmac() -> None:
    for size in (16, 63, 64, 65, 200):
        key = bytes(n * 7 % 256 for n in range(size))
        assert tokens(pa.array(VALUES), key).to_pylist() == [
            value and hmac.new(key, value.encode(), hashlib.sha256).hexdigest() for value in VALUES
        ]


def test_numbers_are_signed_as_text() -> None:
    key = b"k" * 16
    assert tokens(pa.array([17850]), key) == tokens(pa.array(["17850"]), key)


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="has 15 bytes, needs at least 16"):
        require_long_enough(b"x" * 15)


def test_restricted_columns_are_replaced_in_place(spark: SparkSession, lake: Lake) -> None:
    contract = lake.contract("ecommerce_orders")
    contract = replace(
        contract, columns=(contract.column("region"), contract.column("customer_id"))
    )
    rows = pa.record_batch({"source_row": [1], "customer_id": ["C1"], "region": ["North"]})
    assert with_tokens(rows, contract, b"k" * 16).to_pylist() == [
        {
            "source_row": 1,
            "customer_token": hmac.new(b"k" * 16, b"C1", hashlib.sha256).hexdigest(),
            "region": "North",
        }
    ]
    frame = spark.createDataFrame([], "source_row int, customer_id string, region string")
    named = kept_schema(frame.schema, contract)
    assert named.simpleString() == "struct<source_row:int,customer_token:string,region:string>"
