"""Text in one form: what reads the same is the same, whatever typed it (Unicode's NFC, UAX 15)."""

import unicodedata

from pyspark.sql import Column as Value
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, StringType

#: Every character before U+0300 is composed already, and nothing before it composes with another.
_MAY_NEED_IT = r"[^\x{0}-\x{2FF}]"


def composed(texts: list[Value]) -> Value:
    """The texts of a row in NFC, as an array; null if they are so already.

    Spark has no such function, so Python does it; all but null goes there only from rows that have
    a character which composing could change.

    Args:
        texts: string columns.
    """
    together = F.concat_ws(" ", *texts)
    needs_it = (F.octet_length(together) != F.length(together)) & together.rlike(_MAY_NEED_IT)
    return F.udf(_nfc, ArrayType(StringType()))(F.when(needs_it, F.array(*texts)))


def _nfc(texts: list[str | None] | None) -> list[str | None] | None:
    if texts is None:
        return None
    return [None if text is None else unicodedata.normalize("NFC", text) for text in texts]
