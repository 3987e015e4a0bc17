"""The work behind DynamicFrame's methods, DataFrame -> DataFrame."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pyspark.sql import Column, DataFrame, Row
from pyspark.sql import functions as F
from pyspark.sql.types import DecimalType, NullType, StringType, StructType

from awsglue.errors import NotSupportedHere
from awsglue.fields import column, find, parts, spark_type, structs, without

NESTED = "spark.sql.pyspark.inferNestedDictAsStruct.enabled"
COMPARISONS: Mapping[str, Callable[[Column, Any], Column]] = {
    ">": lambda left, right: left > right,
    "<": lambda left, right: left < right,
    ">=": lambda left, right: left >= right,
    "<=": lambda left, right: left <= right,
    "=": lambda left, right: left == right,
    "==": lambda left, right: left == right,
    "!=": lambda left, right: left != right,
}


def apply_mapping(frame: DataFrame, mappings: Sequence[Sequence[str]]) -> DataFrame:
    """Select, rename and cast.

    Args:
        frame: What to map.
        mappings: (source, target), (source, type, target) or (source, type, target, type).
            What has no source in the frame is left out, as on AWS.
    """
    if not mappings:
        raise ValueError("mappings is empty: give (source, type, target, type) tuples")
    columns = []
    for mapping in mappings:
        if not 2 <= len(mapping) <= 4:
            raise ValueError(f"{mapping!r} is not (source, type, target, type)")
        source = mapping[0]
        target = mapping[1] if len(mapping) == 2 else mapping[2]
        kind = mapping[3] if len(mapping) == 4 else None
        levels = parts(source, frame.schema)
        found = find(frame.schema, levels)
        if found is not None:
            value = column(levels)
            if kind and not (kind == "decimal" and isinstance(found, DecimalType)):
                value = value.cast(spark_type(kind))  # a decimal keeps its digits
            columns.append((parts(target, StructType([])), value))
    return frame.select(*structs(columns))


def select_fields(frame: DataFrame, paths: Sequence[str]) -> DataFrame:
    """Keep these (nested) fields, in the frame's order; those that are not there are left out."""
    levels = [parts(path, frame.schema) for path in paths]
    there = [item for item in levels if find(frame.schema, item) is not None]
    there.sort(key=lambda item: frame.columns.index(item[0]))
    return frame.select(*structs([(item, column(item)) for item in there]))


def drop_fields(frame: DataFrame, paths: Sequence[str]) -> DataFrame:
    """Remove (nested) fields; those that are not there are no matter."""
    for path in paths:
        frame = without(frame, parts(path, frame.schema))
    return frame


def rename_field(frame: DataFrame, old: str, new: str) -> DataFrame:
    """Rename a field, which may move it to another level; unchanged if it is not there."""
    source, target = parts(old, frame.schema), parts(new, StructType([]))
    if find(frame.schema, source) is None or source == target:
        return frame
    if len(source) == len(target) == 1:
        return frame.withColumnRenamed(source[0], target[0])
    if len(target) == 1:
        return without(frame.withColumn(target[0], column(source)), source)
    if source[:-1] != target[:-1]:
        raise NotSupportedHere(f"rename_field from {old!r} into another struct, {new!r}")
    nested = ".".join(f"`{level}`" for level in target[1:])
    moved = column(target[:1]).withField(nested, column(source))
    return without(frame.withColumn(target[0], moved), source)


def resolve(frame: DataFrame, specs: Sequence[tuple[str, str]]) -> DataFrame:
    """Resolve choices: here columns with values of several types, which are strings.

    Args:
        frame: What to resolve.
        specs: (path, action); `cast:type` and `project:type` cast, and what cannot be cast is
            null. `make_cols` and `make_struct` change only columns with several types.
    """
    for path, action in specs:
        levels = parts(path.removesuffix("[]"), frame.schema)
        kind = find(frame.schema, levels)
        verb, _, target = action.partition(":")
        if path.endswith("[]"):
            raise NotSupportedHere(f"resolveChoice of the array elements {path!r}")
        if kind is None:
            continue
        if verb in ("cast", "project") and target:
            value = column(levels).cast(spark_type(target))
            frame = _replaced(frame, levels, value)
        elif verb in ("make_cols", "make_struct"):
            if isinstance(kind, StringType):
                raise NotSupportedHere(
                    f"{verb} of {path!r}: a column with several types is a string column here; "
                    "use cast:type or project:type"
                )
        else:
            raise ValueError(
                f"{action!r} is not an action: use cast:type, project:type, make_cols or "
                "make_struct"
            )
    return frame


def _replaced(frame: DataFrame, levels: Sequence[str], value: Column) -> DataFrame:
    if len(levels) > 1:
        nested = ".".join(f"`{level}`" for level in levels[1:])
        value = column(levels[:1]).withField(nested, value)
    return frame.withColumn(levels[0], value)


def to_catalog_types(frame: DataFrame, types: Mapping[str, str]) -> DataFrame:
    """Cast the columns that a catalog table has to the types they have there."""
    wanted = {name.lower(): kind for name, kind in types.items()}
    return frame.select(
        *(
            F.col(f"`{name}`").cast(wanted[name.lower()]).alias(name)
            if name.lower() in wanted
            else F.col(f"`{name}`")
            for name in frame.columns
        )
    )


def joined(
    left: DataFrame, right: DataFrame, left_keys: Sequence[str], right_keys: Sequence[str]
) -> DataFrame:
    """Inner join on equal keys; a column of the right that the left has too gets a dot in front."""
    if len(left_keys) != len(right_keys) or not left_keys:
        raise ValueError(
            f"keys {left_keys} and {right_keys}: give as many on both sides, one or more"
        )
    renamed = [f".{name}" if name in left.columns else name for name in right.columns]
    names = dict(zip(right.columns, renamed, strict=True))
    other = right.toDF(*renamed)
    condition = F.lit(True)
    for one, two in zip(left_keys, right_keys, strict=True):
        levels = parts(two, right.schema)
        place = column((names[levels[0]], *levels[1:]))
        condition = condition & (column(parts(one, left.schema)) == place)
    return left.join(other, condition, "inner")


def without_null_columns(frame: DataFrame) -> DataFrame:
    """Drop the columns that are null in every record."""
    known = {field.name for field in frame.schema if isinstance(field.dataType, NullType)}
    others = [name for name in frame.columns if name not in known]
    found = frame.agg(*(F.count(f"`{name}`").alias(name) for name in others)).first()
    if found is not None:
        known |= {name for name, number in zip(others, found, strict=True) if not number}
    return frame.drop(*known)


def rows_that(frame: DataFrame, keep: Callable[[dict[str, Any]], bool]) -> DataFrame:
    """Keep the records of which a function says so; on AWS a record it cannot look at goes, too."""

    def judged(row: Row) -> bool:
        try:
            return bool(keep(row.asDict(recursive=True)))
        except (KeyError, ValueError, TypeError):
            return False

    return frame.sparkSession.createDataFrame(frame.rdd.filter(judged), frame.schema)


def mapped(frame: DataFrame, change: Callable[[dict[str, Any]], dict[str, Any]]) -> DataFrame:
    """Put every record through a function; the types of new fields are inferred from all records.

    Raises:
        Exception: What the function raises. On AWS the record becomes an error record.
    """
    records = frame.rdd.map(lambda row: _record(change, row.asDict(recursive=True))).cache()
    names = records.map(lambda record: list(record)).fold([], _union)
    if not names:
        return frame.limit(0)
    known = {field.name: field.dataType for field in frame.schema}
    session = frame.sparkSession
    before = str(session.conf.get(NESTED))
    session.conf.set(NESTED, "true")  # a record in a record is a struct, not a map
    try:
        inferred = session.createDataFrame(records, samplingRatio=1.0)
    finally:
        session.conf.set(NESTED, before)
    ordered = [name for name in frame.columns if name in names]
    ordered += [name for name in names if name not in known]
    return inferred.select(
        *(
            F.col(f"`{name}`").cast(known[name]).alias(name)
            if name in known and isinstance(inferred.schema[name].dataType, NullType)
            else F.col(f"`{name}`")
            for name in ordered
        )
    )


def _record(
    change: Callable[[dict[str, Any]], dict[str, Any]], record: dict[str, Any]
) -> dict[str, Any]:
    changed = change(record)
    if not isinstance(changed, dict):
        raise TypeError(f"the function of Map gave {changed!r}, not a record")
    return dict(changed)


def _union(left: list[str], right: list[str]) -> list[str]:
    return left + [name for name in right if name not in left]


def comparison(frame: DataFrame, wanted: Mapping[str, Mapping[str, Any]]) -> Column:
    """The condition of split_rows: {column: {operator: value}}, all of them."""
    condition = F.lit(True)
    for path, tests in wanted.items():
        for operator, value in tests.items():
            if operator not in COMPARISONS:
                raise ValueError(f"{operator!r} is none of {' '.join(COMPARISONS)}")
            place = column(parts(path, frame.schema))
            condition = condition & COMPARISONS[operator](place, value)
    return F.coalesce(condition, F.lit(False))
