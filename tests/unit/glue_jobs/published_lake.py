"""A lake in a folder that is published as the DAG does it: inputs, job, plan, pointer.

Everything but AWS and Airflow is the real thing: ``include.lake`` lists the inputs, decides what a
release replaces and refuses what was superseded; an engine turns ``inputs.json`` into tables.
"""

import gzip
import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from pyspark.sql import SparkSession

import bronze_to_silver
from include.lake import inputs, layout, releases
from include.lake.contracts import Lake
from include.lake.inputs import BronzeObject
from include.lake.releases import Pointer
from include.lake.window import Window
from retail_io import inputs as job_inputs
from tests.unit.glue_jobs.lake_folder import KEY

#: (inputs.json, run token) → the job's manifest
Engine = Callable[[dict[str, Any], str], dict[str, Any]]


def spark_engine(spark: SparkSession, lake: Lake) -> Engine:
    """The Glue job."""

    def build(document: dict[str, Any], token: str) -> dict[str, Any]:
        listed = job_inputs.parse(json.dumps(document))
        try:
            return bronze_to_silver.build(spark, lake, listed, token, KEY)
        finally:
            spark.catalog.clearCache()

    return build


@dataclass(frozen=True)
class Opened:
    """A run that has listed its inputs and not been published."""

    window: Window
    base: Pointer
    document: dict[str, Any]
    token: str


@dataclass
class PublishedLake:
    """The folder, and what readers of it see.

    Attributes:
        root: of bronze, silver and ops.
        lake: its contracts.
        engine: makes silver of inputs.
        pointer: the published state.
        locations: of every partition ever registered, as the catalog has them.
        manifests: by release.
    """

    root: Path
    lake: Lake
    engine: Engine
    pointer: Pointer = field(default_factory=Pointer)
    locations: dict[tuple[str, tuple[str, ...]], str] = field(default_factory=dict)
    manifests: dict[str, dict[str, Any]] = field(default_factory=dict)
    opened: int = 0

    def deliver(self, dataset: str, day: date, name: str, content: str | bytes) -> None:
        """Puts a file, or replaces it, and the marker after it."""
        folder = self.root / layout.bronze_prefix(dataset, day)
        folder.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        (folder / name).write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        (folder / layout.SUCCESS_FILE).touch()

    def open(self, first: date, last: date | None = None) -> Opened:
        """Lists the inputs of a run, as the gate before the job does."""
        window = Window(first, last or first)
        self.opened += 1
        release = releases.release_id("daily", f"run-{self.opened}", 1, window)
        document = inputs.build(
            release=release,
            window=window,
            lake=self.lake,
            lake_bucket="lake-bucket",
            listings={
                each.dataset: {day: self._listing(each.dataset, day) for day in window}
                for each in self.lake.contracts
            },
            manifests={},
            pointer=self.pointer,
            locations=self.locations,
        )
        document["lake_bucket"] = f"file://{self.root}"
        token = releases.run_token(release, "bronze_to_silver", 1)
        return Opened(window, self.pointer, document, token)

    def build(self, run: Opened) -> dict[str, Any]:
        """Runs the engine and registers the partitions that it wrote."""
        manifest = self.engine(run.document, run.token)
        for table in manifest["tables"]:
            for each in table["partitions"]:
                self.locations[table["table"], tuple(each["values"])] = each["location"]
        self.manifests[manifest["release"]] = manifest
        return manifest

    def publish(self, run: Opened, manifest: dict[str, Any]) -> None:
        """Moves the pointer.

        Raises:
            SupersededError: another run was published in between.
        """
        publication = releases.plan(run.document, manifest, {})
        self.pointer = releases.next_pointer(run.base, self.pointer, publication)

    def run(self, first: date, last: date | None = None) -> dict[str, Any]:
        """Opens, builds and publishes."""
        opened = self.open(first, last)
        manifest = self.build(opened)
        self.publish(opened, manifest)
        return manifest

    def files(self, table: str = "sales") -> dict[date, list[Path]]:
        """The published Parquet files of a table keyed by business day."""
        return {
            row.sale_date: sorted(Path(self._location(row)).glob("*.parquet"))
            for row in self.pointer
            if row.table == table and row.sale_date is not None
        }

    def hashes(self) -> dict[date, list[str]]:
        """Contents of the published sales by business day; days without rows are left out."""
        return {
            day: [hashlib.sha256(file.read_bytes()).hexdigest() for file in files]
            for day, files in self.files().items()
            if files
        }

    def books(self) -> list[dict[str, Any]]:
        """The published ledger: what became of each delivered file."""
        published = {row.release for row in self.pointer if row.table == "run_ledger"}
        days = {
            (row.release, str(row.ingest_date)) for row in self.pointer if row.table == "run_ledger"
        }
        return [
            row
            for release in sorted(published)
            for row in self.manifests[release]["ledger"]
            if (release, row["ingest_date"]) in days
        ]

    def _location(self, row: releases.PointerRow) -> str:
        found = self.locations[row.table, row.partition_values]
        return found.removeprefix("file://")

    def _listing(self, dataset: str, day: date) -> list[BronzeObject]:
        folder = self.root / layout.bronze_prefix(dataset, day)
        found = sorted(folder.glob("*")) if folder.is_dir() else []
        return [
            BronzeObject(str(path.relative_to(self.root)), path.stat().st_size, "etag")
            for path in found
        ]
