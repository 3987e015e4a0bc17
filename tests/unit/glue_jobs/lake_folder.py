"""A lake in a folder: puts bronze files, writes inputs.json, runs the job, reads the result."""

import gzip
import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import duckdb
from pyspark.sql import SparkSession

import bronze_to_silver
from include.lake import layout
from include.lake.contracts import Lake
from retail_io import inputs

RELEASE = "r20260310_0123456789ab"
TOKEN = "00000000000000aa"
FIXED_TABLES = ("sales", "quarantine", "run_ledger", *layout.SNAPSHOTS)
KEY = b"a key of the tests, long enough"


@dataclass
class LakeFolder:
    root: Path
    files: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    upstream: list[dict[str, Any]] = field(default_factory=list)
    erased: list[str] = field(default_factory=list)
    replaced: list[dict[str, str]] = field(default_factory=list)

    def put(self, dataset: str, day: str, name: str, content: str | bytes) -> str:
        """Delivers a file, compressed if its name says so; gives its key."""
        key = f"bronze/{dataset}/ingest_date={day}/{name}"
        path = self.root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        data = content.encode() if isinstance(content, str) else content
        path.write_bytes(gzip.compress(data, mtime=0) if name.endswith(".gz") else data)
        entry = {"ingest_date": day, "key": key, "size": path.stat().st_size, "etag": "x"}
        self.files.setdefault(dataset, []).append(entry)
        return key

    def document(self, first: str, last: str, release: str = RELEASE) -> dict[str, Any]:
        return {
            "release": release,
            "window": {"from": first, "to": last},
            "time_zone": "Europe/London",
            "lake_bucket": f"file://{self.root}",
            "datasets": self.files,
            "upstream": self.upstream,
            "replaced": self.replaced,
            "erased": self.erased,
        }

    def build(
        self,
        spark: SparkSession,
        lake: Lake,
        first: str,
        last: str,
        *,
        release: str = RELEASE,
        token: str = TOKEN,
    ) -> dict[str, Any]:
        """Runs the job over a window; gives its manifest."""
        listed = inputs.parse(json.dumps(self.document(first, last, release)))
        try:
            return bronze_to_silver.build(spark, lake, listed, token, KEY)
        finally:
            spark.catalog.clearCache()

    def folder(self, table: str, release: str = RELEASE, token: str = TOKEN) -> Path:
        layer = "ops" if table in ("quarantine", "run_ledger") else "silver"
        return self.root / layer / table / f"release={release}" / f"run={token}"

    def query(self, sql: str, **kwargs: str) -> list[tuple[Any, ...]]:
        """DuckDB's answer over the tables written, each named as in the catalog."""
        with duckdb.connect() as connection:
            connection.execute("SET TimeZone = 'UTC'")
            for table in (*FIXED_TABLES, *self.clean_tables()):
                path = self.folder(table, **kwargs)
                if any(path.rglob("*.parquet")):
                    connection.execute(
                        f"CREATE VIEW {table} AS SELECT * FROM read_parquet("
                        f"'{path}/**/*.parquet', hive_partitioning = true)"
                    )
            return connection.execute(sql).fetchall()

    def clean_tables(self) -> list[str]:
        silver = self.root / "silver"
        return sorted(path.name for path in silver.glob("clean_*")) if silver.exists() else []

    def content(self, release: str = RELEASE, token: str = TOKEN) -> dict[str, list[str]]:
        """Hashes of the Parquet files by table and partition."""
        hashes: dict[str, list[str]] = {}
        for table in (*FIXED_TABLES, *self.clean_tables()):
            folder = self.folder(table, release, token)
            for path in folder.rglob("*.parquet"):
                place = f"{table}/{path.parent.relative_to(folder)}"
                digest = hashlib.sha256(path.read_bytes()).hexdigest()
                hashes.setdefault(place, []).append(digest)
        return {place: sorted(digests) for place, digests in sorted(hashes.items())}
