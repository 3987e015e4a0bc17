"""XML files -> DataFrame: every element of a row tag is a record, as Glue's XML reader has it.

An attribute's column begins with `_`, the text of an element that has attributes or children as
well is `_VALUE`, an element that occurs several times in its parent is an array.
"""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from io import BytesIO
from typing import Any
from xml.etree.ElementTree import Element, ParseError, XMLPullParser

from pyspark.sql import DataFrame, SparkSession
from pyspark.sql.types import StructType

from awsglue import listing

WHOLE = re.compile(r"[+-]?\d{1,18}")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
PART_BYTES = 1 << 20


def read(
    spark: SparkSession, paths: Sequence[str], root: str | None, options: Mapping[str, Any]
) -> DataFrame:
    """Read files.

    Args:
        spark: The session.
        paths: Addresses of files.
        root: Where `key=value` folders begin, which become string columns; None: nowhere.
        options: rowTag, and attributePrefix, valueTag, excludeAttribute, treatEmptyValuesAsNulls,
            ignoreSurroundingSpaces.

    Raises:
        ValueError: No rowTag; a file that is no XML is named.
    """
    if not options.get("rowTag"):
        raise ValueError("format_options has no rowTag")
    texts = [
        json.dumps(row | (listing.partition_values(path, root) if root else {}))
        for path in paths
        for row in _rows(path, options)
    ]
    if not texts:
        return spark.createDataFrame([], StructType([]))
    return spark.read.json(spark.sparkContext.parallelize(texts, 2))


def _rows(path: str, options: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The records of a file, one by one."""
    bucket, key = listing.bucket_and_key(path)
    body = listing.client().get_object(Bucket=bucket, Key=key)["Body"].read()
    parser: XMLPullParser[Any] = XMLPullParser(("start", "end"))
    source, inside = BytesIO(body), 0
    while part := source.read(PART_BYTES):
        try:
            parser.feed(part)
            events: list[Any] = list(parser.read_events())
        except ParseError as error:
            raise ValueError(f"{path} is not XML: {error}") from error
        for event, element in events:
            if not isinstance(element, Element) or _local(element.tag) != options["rowTag"]:
                continue
            inside += 1 if event == "start" else -1
            if event == "end" and inside == 0:
                value = _value(element, options)
                yield value if isinstance(value, dict) else {_text_name(options): value}
                element.clear()


def _value(element: Element, options: Mapping[str, Any]) -> Any:
    """An element: a value, or what its attributes and children are."""
    fields: dict[str, Any] = {}
    if not _flag(options, "excludeAttribute"):
        prefix = options.get("attributePrefix", "_")
        for name, text in element.attrib.items():
            fields[prefix + _local(name)] = _scalar(text, options)
    for child in element:
        name, value = _local(child.tag), _value(child, options)
        if name in fields:
            before = fields[name] if isinstance(fields[name], list) else [fields[name]]
            value = [*before, value]
        fields[name] = value
    text = element.text or ""
    if not fields:
        return _scalar(text, options)
    if text.strip():
        fields[_text_name(options)] = _scalar(text, options)
    return fields


def _scalar(text: str, options: Mapping[str, Any]) -> Any:
    """A text as the number or truth value that it is, else as it is."""
    if _flag(options, "ignoreSurroundingSpaces"):
        text = text.strip()
    if text == "" and _flag(options, "treatEmptyValuesAsNulls"):
        return None
    bare = text.strip()
    if WHOLE.fullmatch(bare):
        return int(bare)
    if NUMBER.fullmatch(bare):
        return float(bare)
    return {"true": True, "false": False}.get(bare, text)


def _text_name(options: Mapping[str, Any]) -> str:
    return str(options.get("valueTag", "_VALUE"))


def _flag(options: Mapping[str, Any], name: str) -> bool:
    return str(options.get(name, False)).lower() == "true"


def _local(tag: str) -> str:
    """A name without its namespace."""
    return tag.rpartition("}")[2]
