"""Text in one form, batch by batch: what reads the same is the same, whatever typed it."""

from collections.abc import Iterator
from itertools import islice
from unicodedata import normalize

import pyarrow as pa
import pyarrow.compute as pc

#: What delivery adds around a value: ASCII blanks, no-break space, byte-order mark.
BLANKS = " \t\r\n\f\v\u00a0\ufeff"
#: Of a delivered row as readers give it; the fields come after them.
ROW = {"source_file": pa.string(), "source_row": pa.int64(), "raw": pa.string(), "read": pa.bool_()}
_BATCH_ROWS = 1024

#: File, number from 1, text, and fields or None if it cannot be read.
Record = tuple[str, int, str, list[str] | list[str | None] | None]


def standardised(texts: pa.StringArray) -> pa.StringArray:
    """The texts without blanks around them, in Unicode's NFC (UAX 15); blank text is null."""
    cut = pc.utf8_trim(texts, characters=BLANKS)
    if pc.any(pc.equal(cut, "")).as_py():
        cut = pc.replace_with_mask(cut, pc.equal(cut, ""), pa.scalar(None, pa.string()))
    beyond_ascii = pc.fill_null(pc.not_equal(pc.binary_length(cut), pc.utf8_length(cut)), False)
    if pc.any(beyond_ascii).as_py():
        # by Python: Arrow's utf8_normalize takes apart for NFC, too, and does not compose (23.0.1)
        some = cut.filter(beyond_ascii).to_pylist()
        composed = pa.array([normalize("NFC", text) for text in some], pa.string())
        cut = pc.replace_with_mask(cut, beyond_ascii, composed)
    return cut


def batches_of(records: Iterator[Record], fields: int) -> Iterator[pa.RecordBatch]:
    """Records as batches of ``ROW`` and so many fields."""
    nothing = [None] * fields
    while some := list(islice(records, _BATCH_ROWS)):
        files, numbers, texts, parts = zip(*some, strict=True)
        read = [each is not None for each in parts]
        values = zip(*[nothing if each is None else each for each in parts], strict=True)
        yield batch_of(
            pa.array(files, pa.string()),
            pa.array(numbers, pa.int64()),
            pa.array(texts, pa.string()),
            pa.array(read, pa.bool_()),
            *[pa.array(column, pa.string()) for column in values],
        )


def batch_of(*columns: pa.Array) -> pa.RecordBatch:
    """A batch of ``ROW`` and fields, those of text standardised."""
    fields = [
        standardised(column) if pa.types.is_string(column.type) else column
        for column in columns[len(ROW) :]
    ]
    names = [*ROW, *[f"_{place}" for place in range(len(fields))]]
    return pa.RecordBatch.from_arrays([*columns[: len(ROW)], *fields], names=names)
