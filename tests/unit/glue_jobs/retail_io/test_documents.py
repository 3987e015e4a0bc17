"""Documents and files in a folder and in S3 alike, also under names that mean much in a URL."""

import gzip
from datetime import date
from pathlib import Path

import pytest

from retail_io import documents
from retail_io.compressed import content
from retail_io.csv_records import SourceError
from retail_io.inputs import BronzeFile
from retail_io.listed import require_as_listed
from tests.unit.local_aws.conftest import aws_client, bucket, ministack, unique

__all__ = ["bucket", "ministack", "unique"]

KEYS = ("a.csv", "#x?y=1&z.csv", "a b+c%20é.csv", "[1]{2}*.csv")
CONTENT = b"0123456789" * 1000


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The root of a lake that holds CONTENT under every key."""
    if request.param == "folder":
        for key in KEYS:
            (tmp_path / key).write_bytes(CONTENT)
        return f"file://{tmp_path}"
    name, url = request.getfixturevalue("bucket"), request.getfixturevalue("ministack")
    monkeypatch.setenv("AWS_ENDPOINT_URL", url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    for key in KEYS:
        aws_client("s3", url).put_object(Bucket=name, Key=key, Body=CONTENT)
    return f"s3://{name}"


def listed(root: str, key: str, size: int = len(CONTENT)) -> None:
    require_as_listed([BronzeFile("d", date(2026, 3, 10), key, size)], root)


def test_a_file_is_read_piece_by_piece(root: str) -> None:
    for key in KEYS:
        pieces = list(documents.pieces(root, key, 4096))
        assert [len(piece) for piece in pieces] == [4096, 4096, len(CONTENT) - 8192]
        assert b"".join(pieces) == CONTENT


def test_files_are_what_was_listed_or_named(root: str) -> None:
    for key in KEYS:
        listed(root, key)
    with pytest.raises(SourceError, match=r"a\.csv has 10000 bytes, had 9999 when listed"):
        listed(root, "a.csv", 9999)
    with pytest.raises(SourceError, match=r"gone\.csv is gone, had 10000 when listed"):
        listed(root, "gone.csv")


def test_a_document_is_there_at_once(root: str) -> None:
    documents.write_json(f"{root}/ops/x.json", {"b": 1, "a": "é"})
    assert documents.read_text(f"{root}/ops/x.json").split() == [
        "{", '"a":', '"\\u00e9",', '"b":', "1", "}",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "uri", ["a.json", "s3://bucket", "s3:///key", "file://host/x", "http://x/y"]
)
def test_what_is_no_address_is_refused(uri: str) -> None:
    with pytest.raises(documents.DocumentError, match="is no address of a document"):
        documents.read_text(uri)


def test_a_packed_file_is_looked_through_where_it_lies(tmp_path: Path) -> None:
    packed = gzip.compress(CONTENT)
    (tmp_path / "x.gz").write_bytes(packed)
    file = BronzeFile("d", date(2026, 3, 10), "x.gz", len(packed))
    assert b"".join(content(file, f"file://{tmp_path}")) == CONTENT
