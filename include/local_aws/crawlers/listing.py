"""Which files a crawler's target has, and which table and partition each belongs to."""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any


class CrawlError(Exception):
    """A crawl cannot go on: what is wrong, and where."""


@dataclass(frozen=True)
class File:
    """One object of a bucket."""

    bucket: str
    key: str
    size: int

    @property
    def url(self) -> str:
        """The object's s3:// URL."""
        return f"s3://{self.bucket}/{self.key}"


@dataclass(frozen=True)
class Target:
    """One S3 target of a crawler.

    Attributes:
        bucket: bucket name.
        prefix: folder in it, "" or ending with "/"; or a single object's key.
        exclusions: patterns of keys, relative to the folder, that are not crawled.
        sample: files that are read of each folder, None for all.
    """

    bucket: str
    prefix: str
    exclusions: tuple[re.Pattern[str], ...]
    sample: int | None = None

    @staticmethod
    def of(definition: dict[str, Any]) -> "Target":
        """Read an S3Target of a crawler's definition."""
        match = re.fullmatch(r"s3[an]?://([^/]+)/?(.*)", definition["Path"])
        if match is None:
            raise CrawlError(f"{definition['Path']}: an S3 target is s3://bucket/folder/")
        return Target(
            match[1],
            match[2].rstrip("/") + "/" if match[2] else "",
            tuple(glob(pattern) for pattern in definition.get("Exclusions", [])),
            definition.get("SampleSize"),
        )

    @property
    def url(self) -> str:
        """The target's s3:// URL."""
        return f"s3://{self.bucket}/{self.prefix}"


@dataclass(frozen=True)
class Folder:
    """The files of one table: a folder, and its partitions by their values.

    Attributes:
        bucket: bucket name.
        prefix: the table's folder, "" or ending with "/".
        keys: names of the partition keys, none for a table without partitions.
        partitions: partition values -> the partition's files, in the order of keys.
    """

    bucket: str
    prefix: str
    keys: tuple[str, ...]
    partitions: dict[tuple[str, ...], list[File]]

    @property
    def url(self) -> str:
        """The table's location."""
        return f"s3://{self.bucket}/{self.prefix}"

    @property
    def files(self) -> list[File]:
        """All files of the table."""
        return [file for files in self.partitions.values() for file in files]

    def location(self, values: tuple[str, ...]) -> str:
        """Give the location of a partition."""
        key = self.partitions[values][0].key
        return f"s3://{self.bucket}/{key[: key.rfind('/') + 1]}"


def list_files(s3: Any, target: Target) -> Iterator[File]:
    """List the data files of a target: no folder marks, hidden, empty or excluded ones."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=target.bucket, Prefix=target.prefix)
    for page in pages:
        for item in page.get("Contents", []):
            name = item["Key"][len(target.prefix) :]
            hidden = any(part.startswith(("_", ".")) for part in name.split("/"))
            excluded = any(pattern.fullmatch(name) for pattern in target.exclusions)
            if item["Size"] and not hidden and not excluded and not name.endswith("/"):
                yield File(target.bucket, item["Key"], item["Size"])


def group(target: Target, files: Iterable[File], level: int | None) -> list[Folder]:
    """Sort a target's files into tables and partitions.

    Args:
        target: where the files are.
        files: the data files of the target.
        level: TableLevelConfiguration: how many levels, the bucket being the first, lead to a
            table's folder; None (or a level above the target) makes the target one table.

    Raises:
        CrawlError: a file lies above the table level, or files of one table at several depths.
    """
    depth = max((level or 0) - 1, target.prefix.count("/"))
    tables: dict[str, list[File]] = defaultdict(list)
    for file in files:
        parts = file.key.split("/")
        if len(parts) <= depth:
            raise CrawlError(
                f"{file.url} lies above table level {depth + 1}: move it into a table's folder or"
                " exclude it"
            )
        tables["".join(part + "/" for part in parts[:depth])].append(file)
    return [_partitioned(target.bucket, prefix, tables[prefix]) for prefix in sorted(tables)]


def _partitioned(bucket: str, prefix: str, files: Sequence[File]) -> Folder:
    """Sort a table's files into partitions by the folders below the table's."""
    folders = {file: file.key[len(prefix) :].split("/")[:-1] for file in files}
    by_depth = {len(parts): file for file, parts in folders.items()}
    if len(by_depth) > 1:
        examples = ", ".join(file.url for file in by_depth.values())
        raise CrawlError(
            f"the files of s3://{bucket}/{prefix} lie at different depths ({examples}): they"
            " cannot be partitions of one table"
        )
    keys = tuple(
        _key(number, [parts[number] for parts in folders.values()])
        for number in range(next(iter(by_depth)))
    )
    partitions: dict[tuple[str, ...], list[File]] = defaultdict(list)
    for file, parts in sorted(folders.items(), key=lambda item: item[0].key):
        values = tuple(
            part if key == f"partition_{number}" else part.partition("=")[2]
            for number, (key, part) in enumerate(zip(keys, parts, strict=True))
        )
        partitions[values].append(file)
        if folders[partitions[values][0]] != parts:
            raise CrawlError(
                f"{file.url} and {partitions[values][0].url} are in two folders for one partition"
            )
    return Folder(bucket, prefix, keys, dict(partitions))


def _key(number: int, parts: Sequence[str]) -> str:
    """Name the partition key of one folder level: k of k=v, if all folders agree on it."""
    names = {part.partition("=")[0].lower() if "=" in part else "" for part in parts}
    name = names.pop()
    return name if name and not names else f"partition_{number}"


def glob(pattern: str) -> re.Pattern[str]:
    """Compile an exclusion: `*` and `?` within a folder, `**` across, `[a-z]`, `{one,two}`."""
    parts, position, depth = [], 0, 0
    while position < len(pattern):
        match = GLOB_TOKEN.match(pattern, position)
        token = match[0] if match else pattern[position]
        position += len(token)
        if token == "{":
            depth += 1
        elif token == "}" and depth:
            depth -= 1
        if token == "," and not depth:
            parts.append(",")
        elif token.startswith("["):
            parts.append("[" + token[1:-1].replace("\\", "\\\\").replace("!", "^", 1) + "]")
        else:
            parts.append(GLOB.get(token) or re.escape(token.removeprefix("\\") or token))
    try:
        return re.compile("".join(parts), re.DOTALL)
    except re.error as error:
        raise CrawlError(f"exclusion {pattern!r} is not a pattern: {error}") from error


GLOB = {"**": ".*", "*": "[^/]*", "?": "[^/]", "{": "(?:", "}": ")", ",": "|"}
GLOB_TOKEN = re.compile(r"\*\*|\[[^\]]+\]|\\.")
