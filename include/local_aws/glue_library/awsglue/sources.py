"""Tables and folders -> DynamicFrame: which files, through which bookmark, with which types."""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql import functions as F

from awsglue import bookmarks, listing, reading
from awsglue.catalog import Partition, Table
from awsglue.dynamicframe import DynamicFrame
from awsglue.errors import NotSupportedHere
from awsglue.listing import S3Object

if TYPE_CHECKING:
    from awsglue.context import GlueContext

# "Amazon S3 connection option reference": those that need no deed here
WITHOUT_EFFECT = {
    "compressionType",
    "groupFiles",
    "groupSize",
    "jobBookmarkKeys",  # for JDBC sources; an S3 source goes by the files' times
    "jobBookmarkKeysSortOrder",
    "maxBand",
    "maxFilesInBand",
    "useS3ListImplementation",
}


def from_files(
    context: "GlueContext",
    kind: str,
    options: Mapping[str, Any],
    format_options: Mapping[str, Any],
    predicate: str,
    transformation_ctx: str,
) -> DynamicFrame:
    """Read folders or files; folders `key=value` become string columns."""
    _check(options, {"paths", "path", "recurse", "exclusions"})
    spark = context.spark_session
    addresses = options.get("paths") or [options["path"]]
    if isinstance(addresses, str):
        addresses = [addresses]
    recurse = str(options.get("recurse", False)).lower() == "true"
    found = {address: listing.files(address, options, recurse) for address in addresses}
    fresh = _unread(found, transformation_ctx)
    frames = []
    for address, items in fresh.items():
        if items:
            kept = _by_folders(spark, items, address, predicate)
            for names, group in _by_names(kept, address).items():
                root = address if names else None
                paths = [item.path for item in group]
                frames.append(reading.read(spark, kind, paths, root, format_options))
    rows = _together(frames) or reading.read(spark, kind, [], None, format_options)
    return _sorted_out(context, rows, "frame")


def from_table(
    context: "GlueContext",
    table: Table,
    predicate: str,
    options: Mapping[str, Any],
    transformation_ctx: str,
) -> DynamicFrame:
    """Read a table: of a partitioned one the registered partitions, where they are registered."""
    _check(options, {"exclusions", "catalogPartitionPredicate", "recurse"})
    spark = context.spark_session
    if not table.keys:
        places = [Partition((), table.location)]
    else:
        places = table.partitions(options.get("catalogPartitionPredicate", ""))
        places = _chosen(spark, table.keys, places, predicate)
    found = {place.location: listing.files(place.location, options, True) for place in places}
    fresh = _unread(found, transformation_ctx)
    base = table.location.rstrip("/") + "/"
    hive, frames = [], []
    for place in places:
        items = fresh[place.location]
        if items and _says(place, table, base, items):
            hive += items
        elif items:
            frames.append(_with_values(_read(spark, table, items, None), table, place))
    if hive:
        frames.insert(0, _typed_keys(_read(spark, table, hive, base), table))
    rows = _together(frames) or reading.read(spark, table.kind, [], None, {})
    return _sorted_out(context, rows, table.name)


def _check(options: Mapping[str, Any], known: set[str]) -> None:
    unknown = set(options) - known - WITHOUT_EFFECT
    if unknown:
        raise NotSupportedHere(f"the connection option {sorted(unknown)[0]!r} of an S3 source")


def _unread(
    found: Mapping[str, Sequence[S3Object]], transformation_ctx: str
) -> dict[str, list[S3Object]]:
    """The files of each place that the bookmark has not."""
    everything = [item for items in found.values() for item in items]
    fresh = set(bookmarks.current.unread(transformation_ctx, everything))
    return {place: [item for item in items if item in fresh] for place, items in found.items()}


def _by_names(items: Sequence[S3Object], root: str) -> dict[tuple[str, ...], list[S3Object]]:
    """The files by the names of the `key=value` folders that they are in."""
    groups: dict[tuple[str, ...], list[S3Object]] = {}
    for item in items:
        groups.setdefault(tuple(listing.partition_values(item.path, root)), []).append(item)
    return groups


def _by_folders(
    spark: SparkSession, items: list[S3Object], root: str, predicate: str
) -> list[S3Object]:
    if not predicate:
        return items
    values = [listing.partition_values(item.path, root) for item in items]
    names = {name: "string" for value in values for name in value}
    places = [Partition(tuple(value.get(name, "") for name in names), "") for value in values]
    kept = {place.values for place in _chosen(spark, names, places, predicate)}
    return [item for item, place in zip(items, places, strict=True) if place.values in kept]


def _chosen(
    spark: SparkSession, keys: Mapping[str, str], places: list[Partition], predicate: str
) -> list[Partition]:
    """The partitions for which a predicate holds."""
    if not predicate or not places:
        return places
    schema = ", ".join(["__number int", *(f"`{key}` string" for key in keys)])
    values = spark.createDataFrame(
        [(number, *place.values) for number, place in enumerate(places)], schema
    )
    typed = values.select("__number", *(F.col(f"`{key}`").cast(kind) for key, kind in keys.items()))
    rows = typed.where(predicate).select("__number").collect()
    return [places[number] for number in sorted(row[0] for row in rows)]


def _says(place: Partition, table: Table, base: str, items: Sequence[S3Object]) -> bool:
    """Whether the folders between the table and its files say what the partition's values are."""
    if not table.keys:
        return True
    if not place.location.startswith(base):
        return False
    said = listing.partition_values(items[0].path, base)
    return said == dict(zip(table.keys, place.values, strict=True))


def _read(
    spark: SparkSession, table: Table, items: Sequence[S3Object], root: str | None
) -> DataFrame:
    names = list(table.columns) if table.kind == "csv" else None
    paths = [item.path for item in items]
    rows = reading.read(spark, table.kind, paths, root, table.options, names)
    return reading.with_types(rows, table.columns) if table.kind == "csv" else rows


def _typed_keys(rows: DataFrame, table: Table) -> DataFrame:
    for key, kind in table.keys.items():
        rows = rows.withColumn(key, F.col(f"`{key}`").cast(kind))
    return rows


def _with_values(rows: DataFrame, table: Table, place: Partition) -> DataFrame:
    for (key, kind), value in zip(table.keys.items(), place.values, strict=True):
        rows = rows.withColumn(key, F.lit(value).cast(kind))
    return rows


def _together(frames: Sequence[DataFrame]) -> DataFrame | None:
    if not frames:
        return None
    return reduce(lambda one, two: one.unionByName(two, allowMissingColumns=True), frames)


def _sorted_out(context: "GlueContext", rows: DataFrame, name: str) -> DynamicFrame:
    """Set the records apart that could not be parsed; AWS makes them error records."""
    if reading.BROKEN not in rows.columns:
        return DynamicFrame(rows, context, name)
    good = rows.where(F.col(reading.BROKEN).isNull()).drop(reading.BROKEN)
    broken = rows.where(F.col(reading.BROKEN).isNotNull())
    return DynamicFrame(good, context, name, broken)
