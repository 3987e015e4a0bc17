"""An S3 object written as a stream, with its digest, that appears complete or not at all."""

import hashlib
from typing import Any

MIB = 1024 * 1024
PART_BYTES = 8 * MIB  # S3 allows 10,000 parts of at least 5 MiB: this is 78 GiB
COPY_LIMIT = 5 * 1024 * MIB  # CopyObject's limit; larger objects are copied in parts


class MultipartObject:
    """A write-only file object over an S3 multipart upload.

    At most one part is held in memory. Nothing is visible in the bucket before `finish`; an object
    smaller than a part is one PutObject. Retries of a part are the client's.

    Args:
        client: a boto3 S3 client.
        bucket: the bucket.
        key: the object's key.
        part_bytes: size of the parts, at least 5 MiB.
    """

    def __init__(self, client: Any, bucket: str, key: str, part_bytes: int = PART_BYTES) -> None:
        self.client = client
        self.bucket = bucket
        self.key = key
        self.part_bytes = part_bytes
        self.bytes = 0
        self.mode = "wb"
        self.closed = False
        self._digest = hashlib.sha256()
        self._buffer = bytearray()
        self._upload: str | None = None
        self._parts: list[dict[str, Any]] = []

    @property
    def sha256(self) -> str:
        """Digest of the bytes written so far, in hex."""
        return self._digest.hexdigest()

    def write(self, data: Any) -> int:
        """Append bytes, sending every full part."""
        view = memoryview(data).cast("B")
        self._digest.update(view)
        self.bytes += len(view)
        rest = view
        while rest:
            taken = rest[: self.part_bytes - len(self._buffer)]
            self._buffer += taken
            rest = rest[len(taken) :]
            if len(self._buffer) == self.part_bytes:
                self._send()
        return len(view)

    def tell(self) -> int:
        """Return how many bytes were written."""
        return self.bytes

    def flush(self) -> None:
        """Do nothing: parts have a minimum size."""

    def close(self) -> None:
        """Do nothing: only `finish` makes the object, so that an error cannot."""

    def writable(self) -> bool:
        """Say that this file is written to."""
        return True

    def readable(self) -> bool:
        """Say that this file is not read from."""
        return False

    def seekable(self) -> bool:
        """Say that this file has no random access."""
        return False

    def finish(self) -> None:
        """Send the rest and make the object appear."""
        if self._upload is None:
            self.client.put_object(Bucket=self.bucket, Key=self.key, Body=self._buffer)
        else:
            if self._buffer:
                self._send()
            self.client.complete_multipart_upload(
                Bucket=self.bucket,
                Key=self.key,
                UploadId=self._upload,
                MultipartUpload={"Parts": self._parts},
            )
        self._buffer = bytearray()
        self.closed = True

    def abort(self) -> None:
        """Discard what was sent; a finished object stays."""
        if self._upload is not None and not self.closed:
            self.client.abort_multipart_upload(
                Bucket=self.bucket, Key=self.key, UploadId=self._upload
            )
        self._buffer = bytearray()
        self.closed = True

    def _send(self) -> None:
        """Send what is buffered as one part; not copied, so that a part is held only once."""
        if self._upload is None:
            self._upload = self.client.create_multipart_upload(Bucket=self.bucket, Key=self.key)[
                "UploadId"
            ]
        number = len(self._parts) + 1
        answer = self.client.upload_part(
            Bucket=self.bucket,
            Key=self.key,
            UploadId=self._upload,
            PartNumber=number,
            Body=self._buffer,
        )
        self._buffer = bytearray()
        self._parts.append({"ETag": answer["ETag"], "PartNumber": number})


def copy_within(client: Any, bucket: str, source: str, target: str, size: int) -> None:
    """Copy an object inside a bucket on the server, whatever its size in bytes."""
    origin = {"Bucket": bucket, "Key": source}
    if size <= COPY_LIMIT:
        client.copy_object(Bucket=bucket, Key=target, CopySource=origin)
    else:
        client.copy(origin, bucket, target)
