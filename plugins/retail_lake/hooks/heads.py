"""The first bytes of delivered files, or their footer: what says which columns they have."""

import zlib
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

from retail_lake.hooks.documents import DocumentsHook, StoredObject

HEAD = 1 << 16
#: Where a head has not one line end, so much of it is read; a header is never longer.
LONG_HEAD = 1 << 21
FOOTER = 1 << 16
AT_ONCE = 8


class HeaderRules(Protocol):
    """What the bytes mean; a module may be one."""

    def text_header(self, contract: Any, file: str, head: bytes, whole: bool, /) -> Any:
        """Return what the first bytes of a text file say of its columns."""

    def parquet_header(
        self, contract: Any, file: str, fields: Sequence[tuple[str, str]], rows: int, /
    ) -> Any:
        """Return what a Parquet footer says, by (name, Arrow type) of each column."""


class DamagedFileError(ValueError):
    """A file is not in the format that it should be in; the message names it."""


class HeadsHook(DocumentsHook):
    """Reads as little of delivered files as tells their columns, several at a time."""

    def headers(
        self, rules: HeaderRules, contract: Any, bucket: str, files: Sequence[StoredObject]
    ) -> list[Any]:
        """Return what each of a dataset's files says of its columns, in their order.

        Raises:
            DamagedFileError: a file cannot be unpacked or has no Parquet footer.
        """

        def header(file: StoredObject) -> Any:
            if contract.source.format == "parquet":
                return rules.parquet_header(contract, file.key, *self._footer(bucket, file))
            return rules.text_header(contract, file.key, *self._head(bucket, file))

        self.get_conn()  # once, before the threads share it
        with ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(header, files))

    def _head(self, bucket: str, file: StoredObject) -> tuple[bytes, bool]:
        """The first bytes of a text file, unpacked, and whether they are all."""
        for limit in (HEAD, LONG_HEAD):
            head = self._bytes(bucket, file, 0, limit)
            whole = len(head) >= file.size
            if file.key.endswith(".gz"):
                head, whole = _unpacked(file.key, head, whole)
            if whole or b"\n" in head:
                break
        return head, whole

    def _footer(self, bucket: str, file: StoredObject) -> tuple[list[tuple[str, str]], int]:
        """Names and Arrow types of a Parquet file's columns, and its rows."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        tail = self._bytes(bucket, file, max(file.size - FOOTER, 0), FOOTER)
        length = int.from_bytes(tail[-8:-4], "little") + 8
        if tail[-4:] != b"PAR1" or length > file.size:
            raise DamagedFileError(f"{file.key} is no Parquet file; ask for it again")
        if length > len(tail):
            tail = self._bytes(bucket, file, file.size - length, length)
        try:
            metadata = pq.read_metadata(pa.BufferReader(tail))
        except (pa.ArrowException, OSError) as error:
            raise DamagedFileError(f"{file.key} has a damaged footer: {error}") from error
        schema = metadata.schema.to_arrow_schema()
        return [(field.name, str(field.type)) for field in schema], metadata.num_rows

    def _bytes(self, bucket: str, file: StoredObject, first: int, count: int) -> bytes:
        if file.size == 0:
            return b""
        last = min(first + count, file.size) - 1
        answer = self.client.get_object(Bucket=bucket, Key=file.key, Range=f"bytes={first}-{last}")
        return bytes(answer["Body"].read())


def _unpacked(key: str, head: bytes, whole: bool) -> tuple[bytes, bool]:
    """The beginning of a gzip file's content, never more than LONG_HEAD bytes of it."""
    content, left = b"", head
    while left and len(content) < LONG_HEAD:
        member = zlib.decompressobj(zlib.MAX_WBITS | 16)
        try:
            content += member.decompress(left, LONG_HEAD - len(content))
        except zlib.error as error:
            raise DamagedFileError(f"{key} is no gzip file ({error}); ask for it again") from error
        if not member.eof:
            return content, False
        left = member.unused_data
    return content, whole and not left
