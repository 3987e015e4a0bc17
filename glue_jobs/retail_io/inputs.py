"""The list of what a release is built from (``inputs.json``), read strictly."""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from include.lake import values
from include.lake.contracts import Lake

_FILE_ROOT = re.compile(r"file:///\S+[^/]")


class InputsError(ValueError):
    """The list of inputs is not what the job can build from."""


@dataclass(frozen=True)
class BronzeFile:
    """One delivered file of the window; ``key`` is its name in the bucket, ``size`` in bytes."""

    dataset: str
    ingest_date: date
    key: str
    size: int


@dataclass(frozen=True)
class UpstreamPartition:
    """One published partition of a silver table from an arrival day outside the window.

    A snapshot has no sale_date: it enriches the sales of its arrival day.
    """

    table: str
    ingest_date: date
    sale_date: date | None
    location: str

    @property
    def business_day(self) -> date:
        """The business day whose sales are built from it."""
        return self.sale_date or self.ingest_date


@dataclass(frozen=True)
class Inputs:
    """Everything a release is built from.

    Attributes:
        release: its id.
        window: first and last arrival day.
        time_zone: of the business day.
        lake_root: ``s3://<lake_bucket>``; a ``lake_bucket`` written ``file:///folder`` is that
            folder, which is how tests run the job without any S3.
        files: the data files of the window, by dataset and key.
        upstream: partitions that share business days with the window's rows.
        replaced_days: business days that were built from this window before.
        erased: tokens of the persons to forget.
    """

    release: str
    window: tuple[date, date]
    time_zone: str
    lake_root: str
    files: tuple[BronzeFile, ...]
    upstream: tuple[UpstreamPartition, ...]
    replaced_days: frozenset[date]
    erased: frozenset[str]

    @property
    def days(self) -> tuple[date, ...]:
        """The arrival days of the window."""
        first, last = self.window
        return tuple(first + timedelta(days=n) for n in range((last - first).days + 1))

    @property
    def input_bytes(self) -> int:
        """Size of the files of the window."""
        return sum(file.size for file in self.files)

    def of(self, dataset: str) -> tuple[BronzeFile, ...]:
        """The files of one dataset."""
        return tuple(file for file in self.files if file.dataset == dataset)

    def upstream_of(self, days: Collection[date]) -> dict[str, list[UpstreamPartition]]:
        """By table, the upstream partitions of those business days, in a fixed order."""
        wanted = [one for one in self.upstream if one.business_day in days]
        tables: dict[str, list[UpstreamPartition]] = {}
        for partition in sorted(wanted, key=lambda each: each.location):
            tables.setdefault(partition.table, []).append(partition)
        return tables

    def require_known(self, lake: Lake) -> None:
        """Refuses what the lake has no contract for: its rows would vanish without a word.

        Raises:
            InputsError: names the datasets and tables, or the other time zone.
        """
        datasets = {file.dataset for file in self.files}
        tables = {partition.table for partition in self.upstream}
        unknown = datasets - {contract.dataset for contract in lake.contracts}
        unknown |= tables - {contract.silver_table for contract in lake.contracts}
        if unknown or self.time_zone != lake.time_zone:
            raise InputsError(
                f"inputs.json has {sorted(unknown)} in {self.time_zone}, the job's contracts do "
                f"not (zone {lake.time_zone}); deploy the job and the DAG of one version"
            )


def parse(text: str) -> Inputs:
    """The inputs that a document lists.

    Raises:
        InputsError: the text is not such a document; says which part and what to do.
    """
    try:
        document = json.loads(text)
        first, last = (values.iso_date(document["window"][end]) for end in ("from", "to"))
        inputs = Inputs(
            release=values.release(document["release"]),
            window=(first, last),
            time_zone=document["time_zone"],
            lake_root=_root(document["lake_bucket"]),
            files=_files(document["datasets"]),
            upstream=tuple(_partition(entry) for entry in document["upstream"]),
            replaced_days=frozenset(
                values.iso_date(entry["sale_date"]) for entry in document["replaced"]
            ),
            erased=frozenset(map(values.person, document["erased"])),
        )
    except KeyError as error:
        raise InputsError(
            f"inputs.json lacks {error}; check_drift writes it, clear that task"
        ) from error
    except (ValueError, TypeError, AttributeError) as error:
        raise InputsError(f"inputs.json is damaged ({error}); clear check_drift") from error
    stray = [file.key for file in inputs.files if file.ingest_date not in inputs.days]
    if first > last or stray:
        raise InputsError(
            f"window {first}..{last} does not hold {stray[:3] or 'a day'}; clear check_drift"
        )
    return inputs


def _root(bucket: str) -> str:
    if _FILE_ROOT.fullmatch(bucket):
        return bucket
    return f"s3://{values.checked(bucket, values.BUCKET, 'a bucket name')}"


def _files(datasets: Mapping[str, list[dict[str, Any]]]) -> tuple[BronzeFile, ...]:
    files = []
    for dataset, entries in datasets.items():
        for entry in entries:
            day = values.iso_date(entry["ingest_date"])
            folder = f"bronze/{values.identifier(dataset)}/ingest_date={day}/"
            if not entry["key"].startswith(folder):
                raise ValueError(f"{entry['key']} does not lie in {folder}")
            # Hadoop would resolve these and read another object than the one that was listed.
            if {"", ".", ".."} & set(entry["key"].split("/")):
                raise ValueError(f"{entry['key']!r} is a path and no name; have it sent again")
            files.append(BronzeFile(dataset, day, entry["key"], int(entry["size"])))
    if len({file.key for file in files}) != len(files):
        raise ValueError("a file is listed twice")
    return tuple(sorted(files, key=lambda file: (file.dataset, file.key)))


def _partition(entry: Mapping[str, Any]) -> UpstreamPartition:
    day = entry["sale_date"]
    return UpstreamPartition(
        table=values.identifier(entry["table"]),
        ingest_date=values.iso_date(entry["ingest_date"]),
        sale_date=None if day is None else values.iso_date(day),
        location=entry["location"],
    )
