"""Text in one form: what reads the same is the same, whatever typed it (Unicode's NFC, UAX 15)."""

import unicodedata
from functools import reduce
from operator import or_

from pyspark.sql import Column as Value
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

#: Blocks in which no character is changed by composing, nor ever joins the one before it: Latin,
#: Cyrillic, punctuation, currencies, arrows to symbols, Chinese and Korean.
_COMPOSED = (
    (0x0, 0x2FF), (0x400, 0x482), (0x48A, 0x52F), (0x1E00, 0x1EFF), (0x2010, 0x2027),
    (0x2030, 0x205E), (0x20A0, 0x20CF), (0x2100, 0x2125), (0x2190, 0x2328), (0x2500, 0x2AD0),
    (0x3001, 0x3029), (0x30A0, 0x30FF), (0x3400, 0xA66E), (0xAC00, 0xD7A3), (0xFF00, 0xFFEF),
    (0x1F000, 0x1FAFF),
)  # fmt: skip
_RANGES = "".join(rf"\x{{{first:X}}}-\x{{{last:X}}}" for first, last in _COMPOSED)
_MAY_NEED_IT = f"[^{_RANGES}]"


def needs_composing(texts: list[Value]) -> Value:
    """Whether a row has a character which composing could change; null or false if not.

    Args:
        texts: string columns.
    """
    beyond_ascii = reduce(or_, [F.octet_length(text) != F.length(text) for text in texts])
    return beyond_ascii & F.concat_ws(" ", *texts).rlike(_MAY_NEED_IT)


def composed(texts: list[Value]) -> Value:
    """The texts of a row in NFC, as an array; null if they are so already.

    Spark has no such function, so Python does it; all but null goes there only from rows that have
    a character which composing could change.

    Args:
        texts: string columns.
    """
    return F.udf(_nfc, ArrayType(StringType()))(F.when(needs_composing(texts), F.array(*texts)))


def _nfc(texts: list[str | None] | None) -> list[str | None] | None:
    if texts is None:
        return None
    return [None if text is None else unicodedata.normalize("NFC", text) for text in texts]
