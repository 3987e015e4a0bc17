"""What a Hadoop client sees of the tree, over HTTP, on a real S3 endpoint."""

import os
import random
from typing import Any

import pytest

ODD_NAMES = [
    "sale_date=2024-11-01",
    "at=2024-11-01 10%3A00%3A00",
    "with space",
    "ünïcode 漢字 \U0001f6d2",
    "a+b&c;d",
    "100%",
    "%2541",
    "q?u#e'\"st",
]


def keys(s3: Any, bucket: str) -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]


def test_odd_names_become_exactly_those_keys(hdfs: Any, s3: Any, bucket: str) -> None:
    for number, name in enumerate(ODD_NAMES):
        attempt = f"/{bucket}/out/_temporary/0/task_{number}"
        assert hdfs.put(f"{attempt}/{name}/part {name}", name.encode()) == 201
        assert hdfs.rename(f"{attempt}/{name}", f"/{bucket}/out/{name}")
    assert keys(s3, bucket) == sorted(f"out/{name}/part {name}" for name in ODD_NAMES)
    assert hdfs.json("DELETE", f"/{bucket}/out/_temporary", "DELETE", recursive="true")
    assert hdfs.names(f"/{bucket}/out") == dict.fromkeys(ODD_NAMES, "DIRECTORY")
    for name in ODD_NAMES:
        assert hdfs.names(f"/{bucket}/out/{name}") == {f"part {name}": "FILE"}
        assert hdfs.read(f"/{bucket}/out/{name}/part {name}") == name.encode()
        assert s3.get_object(Bucket=bucket, Key=f"out/{name}/part {name}")["Body"].read()


@pytest.mark.parametrize("size", [0, 1, 5 * 1024 * 1024 + 3])
@pytest.mark.parametrize("folder", ["data", "out/_temporary/0"])
def test_every_range_is_exact(hdfs: Any, bucket: str, size: int, folder: str) -> None:
    content = random.Random(size).randbytes(size)
    path = f"/{bucket}/{folder}/file"
    assert hdfs.put(path, content) == 201
    assert hdfs.json("GET", path, "GETFILESTATUS")["FileStatus"]["length"] == size
    assert hdfs.read(path) == content
    assert hdfs.read(path, offset=size) == b""
    # 4 MiB is where the second request to S3 starts
    for offset in (0, 1, size // 2, 4 * 1024 * 1024 - 1, 4 * 1024 * 1024, size - 1):
        if 0 <= offset <= size:
            assert hdfs.read(path, offset=offset) == content[offset:]
            for length in (0, 1, 100, 4 * 1024 * 1024, 4 * 1024 * 1024 + 1, size + 1):
                assert hdfs.read(path, offset=offset, length=length) == content[offset:][:length]


def test_reading_beyond_the_end_or_nothing_is_an_error(hdfs: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="file", Body=b"abc")
    status, exception, _ = hdfs.refused("GET", f"/{bucket}/file", "OPEN", offset=4)
    assert (status, exception) == (400, "IllegalArgumentException")
    for path in (f"/{bucket}/none", f"/{bucket}/out/_temporary/none", f"/no-{bucket}/x"):
        for op in ("OPEN", "GETFILESTATUS", "LISTSTATUS", "GETCONTENTSUMMARY"):
            status, exception, message = hdfs.refused("GET", path, op)
            assert (status, exception) == (404, "FileNotFoundException")
            assert path[1:] in message


def test_uncommitted_output_is_no_object_until_the_rename(hdfs: Any, s3: Any, bucket: str) -> None:
    out = f"/{bucket}/out"
    assert hdfs.json("PUT", f"{out}/_temporary/0", "MKDIRS") == {"boolean": True}
    attempt = f"{out}/_temporary/0/_temporary/attempt_1"
    for day in (1, 2):
        hdfs.put(f"{attempt}/day={day}/part-0", b"x" * day)
    assert hdfs.rename(attempt, f"{out}/_temporary/0/task_1")
    assert keys(s3, bucket) == []
    assert hdfs.names(out) == {"_temporary": "DIRECTORY"}
    assert hdfs.rename(f"{out}/_temporary/0/task_1/day=1", f"{out}/day=1")
    assert keys(s3, bucket) == ["out/day=1/part-0"]
    assert hdfs.json("DELETE", f"{out}/_temporary", "DELETE", recursive="true")["boolean"]
    assert hdfs.names(out) == {"day=1": "DIRECTORY"}
    assert keys(s3, bucket) == ["out/day=1/part-0"]


def test_an_aborted_job_leaves_nothing_at_all(hdfs: Any, s3: Any, bucket: str) -> None:
    hdfs.put(f"/{bucket}/out/_temporary/0/part-0", b"x")
    assert hdfs.json("DELETE", f"/{bucket}/out/_temporary", "DELETE", recursive="true")["boolean"]
    assert hdfs.refused("GET", f"/{bucket}/out", "GETFILESTATUS")[0] == 404
    assert keys(s3, bucket) == []


def test_a_commit_that_fails_takes_back_what_it_put(
    hdfs: Any, s3: Any, bucket: str, tree: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for part in range(6):
        hdfs.put(f"/{bucket}/out/_temporary/0/task/day=1/part-{part}", b"x")
    upload = tree._store.upload

    def broken(file: Any, path: Any) -> None:
        if path.name == "part-3":
            raise OSError("the disk is gone")
        upload(file, path)

    monkeypatch.setattr(tree._store, "upload", broken)
    status, exception, message = hdfs.refused(
        "PUT", f"/{bucket}/out/_temporary/0/task/day=1", "RENAME", destination=f"/{bucket}/out/d"
    )
    assert (status, exception) == (500, "IOException")
    assert "the disk is gone" in message
    assert keys(s3, bucket) == []
    monkeypatch.undo()
    assert hdfs.rename(f"/{bucket}/out/_temporary/0/task/day=1", f"/{bucket}/out/d")
    assert len(keys(s3, bucket)) == 6


def test_renaming_follows_hdfs(hdfs: Any, s3: Any, bucket: str) -> None:
    for key in ("a/1", "a/b/2", "there/x", "file"):
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    at = f"/{bucket}"
    assert not hdfs.rename(f"{at}/none", f"{at}/new")
    assert not hdfs.rename(f"{at}/a", f"{at}/file")
    assert not hdfs.rename(f"{at}/a", f"{at}/a/b/c")
    assert hdfs.rename(f"{at}/a", f"{at}/new")
    assert hdfs.rename(f"{at}/file", f"{at}/there")
    assert keys(s3, bucket) == ["new/1", "new/b/2", "there/file", "there/x"]
    assert s3.get_object(Bucket=bucket, Key="new/b/2")["Body"].read() == b"a/b/2"
    hdfs.put(f"{at}/out/_temporary/0/x", b"x")
    assert not hdfs.rename(f"{at}/out/_temporary/0/x", f"{at}/there/x")
    refused = hdfs.refused("PUT", f"{at}/new", "RENAME", destination=f"{at}/_temporary/new")
    assert refused[:2] == (400, "UnsupportedOperationException")


def test_deleting_follows_hdfs(hdfs: Any, s3: Any, bucket: str) -> None:
    for number in range(1005):
        s3.put_object(Bucket=bucket, Key=f"many/{number:04}", Body=b"")
    s3.put_object(Bucket=bucket, Key="many-others", Body=b"")
    at = f"/{bucket}"
    assert len(hdfs.names(f"{at}/many")) == 1005
    assert hdfs.refused("DELETE", f"{at}/many", "DELETE")[:2] == (
        403,
        "PathIsNotEmptyDirectoryException",
    )
    assert hdfs.json("DELETE", f"{at}/many", "DELETE", recursive="true") == {"boolean": True}
    assert hdfs.json("DELETE", f"{at}/many", "DELETE", recursive="true") == {"boolean": False}
    assert keys(s3, bucket) == ["many-others"]


def test_creating_over_something(hdfs: Any, s3: Any, bucket: str) -> None:
    at = f"/{bucket}"
    assert hdfs.put(f"{at}/d/file", b"one") == 201
    assert hdfs.put(f"{at}/d/file", b"two", overwrite="false") == 403
    assert hdfs.read(f"{at}/d/file") == b"one"
    assert hdfs.put(f"{at}/d/file", b"three", overwrite="true") == 201
    assert hdfs.read(f"{at}/d/file") == b"three"
    assert hdfs.put(f"{at}/d", b"x") == 403
    assert hdfs.refused("PUT", f"{at}/d/file", "MKDIRS")[1] == "FileAlreadyExistsException"


def test_an_empty_folder_exists_until_it_is_deleted(hdfs: Any, s3: Any, bucket: str) -> None:
    at = f"/{bucket}"
    assert hdfs.json("PUT", f"{at}/a/b", "MKDIRS")["boolean"]
    assert hdfs.names(f"{at}/a") == {"b": "DIRECTORY"}
    assert hdfs.rename(f"{at}/a/b", f"{at}/a/c")
    assert hdfs.names(f"{at}/a") == {"c": "DIRECTORY"}
    assert hdfs.json("DELETE", f"{at}/a/c", "DELETE")["boolean"]
    assert hdfs.refused("GET", f"{at}/a", "LISTSTATUS")[0] == 404
    assert keys(s3, bucket) == []


def test_markers_and_keys_without_a_path_are_left_out(hdfs: Any, s3: Any, bucket: str) -> None:
    for key in ("a/", "a//x", "a/y"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    assert hdfs.names(f"/{bucket}/a") == {"y": "FILE"}


def test_block_locations_and_summary(hdfs: Any, s3: Any, bucket: str) -> None:
    s3.put_object(Bucket=bucket, Key="a/1", Body=b"abc")
    s3.put_object(Bucket=bucket, Key="a/b/2", Body=b"defg")
    blocks = hdfs.json("GET", f"/{bucket}/a/1", "GET_BLOCK_LOCATIONS")["LocatedBlocks"]
    assert blocks["fileLength"] == 3
    assert [block["block"]["numBytes"] for block in blocks["locatedBlocks"]] == [3]
    summary = hdfs.json("GET", f"/{bucket}/a", "GETCONTENTSUMMARY")["ContentSummary"]
    assert (summary["fileCount"], summary["length"]) == (2, 7)
    assert bucket in hdfs.names("/")


def test_an_object_replaced_while_it_is_read_is_an_error(tree: Any, s3: Any, bucket: str) -> None:
    from botocore.exceptions import ClientError

    from include.local_aws.gateway.paths import ObjectPath

    s3.put_object(Bucket=bucket, Key="big", Body=os.urandom(5 * 1024 * 1024))
    chunks = tree.read(ObjectPath(bucket, "big"), 0, None).chunks
    next(chunks)
    s3.put_object(Bucket=bucket, Key="big", Body=os.urandom(5 * 1024 * 1024))
    with pytest.raises(ClientError, match="PreconditionFailed"):
        list(chunks)
