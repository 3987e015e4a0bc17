"""Replaces personal values by keyed tokens: HMAC-SHA256 (RFC 2104), in hexadecimal.

Equal values give equal tokens, so rows can still be joined and counted by person; without the
key a token cannot be traced back by trying all customer numbers.
"""

import hmac

import pyarrow as pa
from pyspark.sql.types import StringType, StructField, StructType

from include.lake.contracts import Contract

_SHORTEST = 16


def with_tokens(rows: pa.RecordBatch, contract: Contract, key: bytes) -> pa.RecordBatch:
    """The rows with every restricted column replaced by its token, in the same place."""
    restricted = _restricted(contract)
    columns = [
        tokens(values, key) if name in restricted else values
        for name, values in zip(rows.schema.names, rows.columns, strict=True)
    ]
    names = [restricted.get(name, name) for name in rows.schema.names]
    return pa.RecordBatch.from_arrays(columns, names=names)


def kept_schema(schema: StructType, contract: Contract) -> StructType:
    """The schema of rows after ``with_tokens``."""
    restricted = _restricted(contract)
    return StructType(
        [
            StructField(restricted[field.name], StringType()) if field.name in restricted else field
            for field in schema
        ]
    )


def tokens(values: pa.Array, key: bytes) -> pa.StringArray:
    """HMAC-SHA256 of each value's text (as UTF-8), as 64 hexadecimal digits; null stays null."""
    found = values.cast(pa.string()).dictionary_encode()
    signed = [
        text if text is None else hmac.digest(key, text.encode(), "sha256").hex()
        for text in found.dictionary.to_pylist()
    ]
    return pa.array(signed, pa.string()).take(found.indices)


def _restricted(contract: Contract) -> dict[str, str]:
    return {each.name: each.stored_name for each in contract.columns if each.is_restricted}


def require_long_enough(key: bytes) -> None:
    """Refuses a key of less than 16 bytes (ValueError)."""
    if len(key) < _SHORTEST:
        raise ValueError(
            f"customer token key has {len(key)} bytes, needs at least {_SHORTEST}; let the stack "
            f"generate it"
        )
