"""Nested data -> flat tables that join: structs become columns, arrays tables of their own."""

from collections.abc import Iterator

from pyspark.sql import Column, DataFrame
from pyspark.sql import functions as F
from pyspark.sql.types import ArrayType, MapType, StructType


def flat(frame: DataFrame) -> DataFrame:
    """The fields of structs as columns named `outer.inner`, as unnest gives them."""
    return frame.select(*_leaves(frame.schema, (), ""))


def _leaves(schema: StructType, above: tuple[str, ...], prefix: str) -> Iterator[Column]:
    for field in schema:
        levels, name = (*above, field.name), f"{prefix}{field.name}"
        if isinstance(field.dataType, StructType):
            yield from _leaves(field.dataType, levels, f"{name}.")
        else:
            yield F.col(".".join(f"`{level}`" for level in levels)).alias(name)


def tables(frame: DataFrame, name: str, scratch: str) -> Iterator[tuple[str, DataFrame]]:
    """The flat table and one per array in it, as relationalize names and joins them.

    Args:
        frame: Nested data.
        name: Of the root table. An array `a.b` in it becomes the table `<name>_a.b` with the
            columns id, index and `a.b.val` (and `a.b.val.<field>` for structs); the root has
            the id in place of the array.
        scratch: Where the rows with their ids are kept, so that all tables agree on the ids.
    """
    root = flat(frame)
    arrays = [
        field.name for field in root.schema if isinstance(field.dataType, ArrayType | MapType)
    ]
    if not arrays:
        yield name, root
        return
    numbered = root
    for array in arrays:
        number = F.monotonically_increasing_id() + 1
        numbered = numbered.withColumn(
            f"{array}__id", F.when(F.col(f"`{array}`").isNotNull(), number)
        )
    place = f"{scratch.rstrip('/')}/{name}"
    numbered.write.mode("overwrite").parquet(place)
    kept = frame.sparkSession.read.parquet(place)
    yield (
        name,
        kept.select(
            *(
                F.col(f"`{column}__id`" if column in arrays else f"`{column}`").alias(column)
                for column in root.columns
            )
        ),
    )
    for array in arrays:
        yield from tables(_elements(kept, array), f"{name}_{array}", scratch)


def _elements(frame: DataFrame, array: str) -> DataFrame:
    """One row per element: id, index, value; maps have key and value."""
    values, number = F.col(f"`{array}`"), F.col(f"`{array}__id`").alias("id")
    a_map = isinstance(frame.schema[array].dataType, MapType)
    columns = ("index", *([f"{array}.key"] if a_map else []), f"{array}.val")
    return frame.select(number, F.posexplode(values).alias(*columns)).withColumn(
        "index", F.col("index").cast("int")
    )
