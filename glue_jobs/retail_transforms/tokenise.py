"""Replaces personal values by keyed tokens: HMAC-SHA256 (RFC 2104), in hexadecimal.

Equal values give equal tokens, so rows can still be joined and counted by person; without the
key a token cannot be traced back by trying all customer numbers.
"""

from hashlib import sha256

from pyspark.sql import Column as Value
from pyspark.sql import DataFrame
from pyspark.sql import functions as F

from include.lake.contracts import Contract

_BLOCK = 64  # bytes of SHA-256's block


def with_tokens(frame: DataFrame, contract: Contract, key: bytes) -> DataFrame:
    """The frame with every restricted column replaced by its token, in the same place."""
    stored = {
        column.name: column.stored_name for column in contract.columns if column.is_restricted
    }
    return frame.select(
        *[
            token(F.col(name).cast("string"), key).alias(stored[name])
            if name in stored
            else F.col(name)
            for name in frame.columns
        ]
    )


def token(value: Value, key: bytes) -> Value:
    """HMAC-SHA256 of a text (as UTF-8), as 64 hexadecimal digits; null stays null.

    Args:
        value: a string column.
        key: the secret, at least 16 bytes.

    Raises:
        ValueError: the key is too short to protect anything.
    """
    if len(key) < 16:
        raise ValueError(
            f"customer token key has {len(key)} bytes, needs at least 16; let the stack generate it"
        )
    block = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
    inner, outer = (F.lit(bytearray(byte ^ pad for byte in block)) for pad in (0x36, 0x5C))
    digest = F.unhex(F.sha2(F.concat(inner, F.encode(value, "UTF-8")), 256))
    return F.sha2(F.concat(outer, digest), 256)
