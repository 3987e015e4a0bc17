"""The input manifest of a release: everything it is built from, listed before it is built.

Silver and gold are pure functions of this document, so the same document gives the same bytes,
whatever arrives meanwhile. It is built here from listings that the caller made.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from include.lake import layout, values
from include.lake.contracts import Contract, Lake
from include.lake.releases import Pointer, PointerRow
from include.lake.releases import parse_pointer as parse_pointer
from include.lake.window import Window as Window


class InputsError(RuntimeError):
    """Bronze or the catalog lacks something that the release needs; names it and the fix."""


@dataclass(frozen=True)
class BronzeObject:
    """One object of a bronze day; ``size`` in bytes, ``etag`` without quotes."""

    key: str
    size: int
    etag: str


#: ``{dataset: {ingest_date: objects under that day's prefix}}``
Listings = Mapping[str, Mapping[date, Iterable[BronzeObject]]]
#: ``{key of a manifest: its document}``
Manifests = Mapping[str, Mapping[str, Any]]
#: ``{(table, partition values): location}``
Locations = Mapping[tuple[str, tuple[str, ...]], str]


def manifest_keys(objects: Iterable[BronzeObject]) -> list[str]:
    """The keys of the extract manifests among the objects of a day: what the caller must read."""
    return sorted(
        item.key for item in objects if re.fullmatch(layout.EXTRACT_MANIFEST, _name(item))
    )


def upstream_rows(pointer: Pointer, window: Window, lake: Lake) -> tuple[PointerRow, ...]:
    """Published partitions of other arrival days that ``sales`` of this run is built from.

    These are clean rows, and the snapshots that enrich sales. Business days reach back as far as
    the longest lateness, and as far as what is replaced did (a contract may have been more patient
    when that was published).
    """
    earliest = window.from_date - timedelta(days=lake.max_lateness_days)
    withdrawn = {row.sale_date for row in replaced_rows(pointer, window)}
    enriching = {contract.snapshot for contract in lake.snapshots if contract.enriches}
    return tuple(
        row
        for row in pointer
        if (row.is_clean or row.table in enriching)
        and row.ingest_date not in window
        and row.source_of is not None
        and (earliest <= row.source_of <= window.to_date or row.source_of in withdrawn)
    )


def replaced_rows(pointer: Pointer, window: Window) -> tuple[PointerRow, ...]:
    """Published clean partitions of the window's arrival days: this run withdraws them."""
    return tuple(row for row in pointer if row.is_clean and row.ingest_date in window)


def build(
    release: str,
    window: Window,
    lake: Lake,
    lake_bucket: str,
    listings: Listings,
    manifests: Manifests,
    pointer: Pointer,
    locations: Locations,
    erased: Iterable[str] = (),
) -> dict[str, Any]:
    """The document of a release.

    Args:
        release: its id.
        window: its arrival days.
        lake: the contracts.
        lake_bucket: name of the bucket.
        listings: every object under the bronze prefix of each dataset and day of the window.
        manifests: the documents of ``manifest_keys`` of the extracted datasets.
        pointer: the published state that the release is built on.
        locations: where each of ``upstream_rows`` lies, from the catalog.
        erased: tokens of the persons to forget.

    Returns:
        release, window, time_zone, lake_bucket, datasets, upstream, replaced, erased; JSON-ready,
        sorted, the same for the same arguments.

    Raises:
        InputsError: a delivery is missing or incomplete, or a published partition is not in the
            catalog.
    """
    upstream = []
    for row in upstream_rows(pointer, window, lake):
        found = locations.get((row.table, row.partition_values))
        if found is None:
            raise InputsError(
                f"{row.table} partition {row.partition_values} is published but not in the "
                f"catalog; restore it or roll back to a release that is complete"
            )
        upstream.append({**_row(row), "release": row.release, "location": found})
    return {
        "release": values.release(release),
        "window": {"from": window.from_date.isoformat(), "to": window.to_date.isoformat()},
        "time_zone": lake.time_zone,
        "lake_bucket": values.checked(lake_bucket, values.BUCKET, "a bucket name"),
        "datasets": {
            contract.dataset: _objects(contract, window, listings, manifests)
            for contract in lake.contracts
        },
        "upstream": upstream,
        "erased": sorted(set(map(values.person, erased))),
        "replaced": [_row(row) for row in replaced_rows(pointer, window)],
    }


def _row(row: PointerRow) -> dict[str, str | None]:
    """A partition as JSON holds it; a snapshot has no sale_date."""
    return {
        "table": row.table,
        "ingest_date": str(row.ingest_date),
        "sale_date": row.sale_date.isoformat() if row.sale_date else None,
    }


def _objects(
    contract: Contract, window: Window, listings: Listings, manifests: Manifests
) -> list[dict[str, Any]]:
    choose = _drop if contract.source.kind == "s3_drop" else _extract
    entries = []
    for day in window:
        prefix = layout.bronze_prefix(contract.dataset, day)
        objects = list(listings.get(contract.dataset, {}).get(day, ()))
        for item in objects:
            if not item.key.startswith(prefix):
                raise InputsError(f"{item.key} does not lie under {prefix}; list that prefix")
        entries += [
            {
                "ingest_date": day.isoformat(),
                "key": item.key,
                "size": item.size,
                "etag": item.etag.strip('"'),
            }
            for item in choose(prefix, objects, manifests)
        ]
    return sorted(entries, key=lambda entry: str(entry["key"]))


def _drop(prefix: str, objects: list[BronzeObject], _: Manifests) -> list[BronzeObject]:
    if prefix + layout.SUCCESS_FILE not in {item.key for item in objects}:
        raise InputsError(
            f"{prefix} has no {layout.SUCCESS_FILE}: the delivery is missing or incomplete; "
            f"wait for it or ask the sender"
        )
    paths = [item.key for item in objects if {".", ".."} & set(item.key.split("/"))]
    if paths:
        raise InputsError(f"{paths[0]} is a path and no name; have it sent again under a plain one")
    data = [item for item in objects if not _hidden(item.key.removeprefix(prefix))]
    if not data:
        raise InputsError(
            f"{prefix} has {layout.SUCCESS_FILE} but no file; a day without rows is delivered as "
            f"a file without rows (CSV: the header). Ask the sender"
        )
    return data


def _extract(prefix: str, objects: list[BronzeObject], manifests: Manifests) -> list[BronzeObject]:
    keys = manifest_keys(objects)
    if not keys:
        raise InputsError(f"{prefix} has no manifest: nothing was extracted; run the extract task")
    missing = [key for key in keys if key not in manifests]
    if missing:
        raise InputsError(f"{missing[0]} was listed but not read; pass its document")
    newest = max(keys, key=lambda key: (_extracted_at(key, manifests[key]), key))
    manifest = manifests[newest]
    file = str(manifest.get("file", ""))
    suffix = "|".join(layout.EXTRACT_SUFFIXES)
    if not re.fullmatch(rf"{values.TOKEN}\.({suffix})", file):
        raise InputsError(f"{newest} names the file {file!r}; it must be <16 hex digits>.<suffix>")
    found = next((item for item in objects if item.key == prefix + file), None)
    if found is None:
        raise InputsError(f"{newest} names {file}, which is gone; run the extract task again")
    if found.size != manifest.get("bytes"):
        raise InputsError(
            f"{found.key} has {found.size} bytes but its manifest says {manifest.get('bytes')}; "
            f"run the extract task again"
        )
    return [found]


def _extracted_at(key: str, manifest: Mapping[str, Any]) -> datetime:
    try:
        moment = datetime.fromisoformat(str(manifest["extracted_at"]))
    except (KeyError, ValueError) as error:
        raise InputsError(f"{key} has no extracted_at; run the extract task again") from error
    if moment.tzinfo is None:
        raise InputsError(f"{key}: extracted_at {moment} has no offset; run the extract task again")
    return moment


def _name(item: BronzeObject) -> str:
    return item.key.rpartition("/")[2]


def _hidden(path: str) -> bool:
    """As Spark and Athena see it: names that begin with _ or . are no data; nor are folders."""
    return path.endswith("/") or any(part.startswith(("_", ".")) for part in path.split("/"))
