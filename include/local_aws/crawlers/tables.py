"""The TableInput and PartitionInputs that a crawler writes for a folder of files."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import md5
from typing import Any

from include.local_aws.crawlers.formats import NO_COLUMNS, Found
from include.local_aws.crawlers.listing import File, Folder
from include.local_aws.crawlers.row_tags import merge_xml
from include.local_aws.crawlers.types import Struct, Type, merge, render

TEXT_INPUT = "org.apache.hadoop.mapred.TextInputFormat"
TEXT_OUTPUT = "org.apache.hadoop.hive.ql.io.HiveIgnoreKeyTextOutputFormat"
PARQUET = "org.apache.hadoop.hive.ql.io.parquet"
NOT_IN_NAMES = re.compile(r"[^a-z0-9_]")
LONGEST_NAME = 128

Findings = Sequence[tuple[File, Found]]


@dataclass(frozen=True)
class Summary:
    """What the files of a table or partition have in common.

    Attributes:
        leading: findings of one file of the format that most files have.
        columns: merged columns of all files of that format.
        names: their names as written in the files.
        objects: number of files.
        size: bytes of all files.
        records: estimated records of all files.
        odd: files of another format, which the summary leaves aside.
    """

    leading: Found
    columns: Struct
    names: tuple[str, ...]
    objects: int
    size: int
    records: int
    odd: tuple[File, ...]


def summarise(findings: Findings) -> Summary:
    """Merge what was found in the files of a table or partition."""
    votes = Counter(found.classification for _, found in findings)
    votes["UNKNOWN"] = 0 if len(votes) > 1 else votes["UNKNOWN"]
    classification = votes.most_common(1)[0][0]
    alike = [found for _, found in findings if found.classification == classification]
    if any(found.header for found in alike):  # where all is text, a header is not recognised
        alike = [found for found in alike if found.header]
    columns: Type = NO_COLUMNS
    names: dict[str, None] = {}
    for found in alike:
        both = merge_xml if classification == "xml" else merge
        columns = both(columns, found.columns)
        names.update(dict.fromkeys(found.names))
    return Summary(
        leading=replace(alike[0], quoted=any(found.quoted for found in alike)),
        columns=columns if isinstance(columns, Struct) else NO_COLUMNS,
        names=tuple(names),
        objects=len(findings),
        size=sum(file.size for file, _ in findings),
        records=sum(found.records for _, found in findings),
        odd=tuple(file for file, found in findings if found.classification != classification),
    )


def table_name(prefix: str, folder: Folder) -> str:
    """Name the table of a folder as Glue does: the folder's name, what may not be is `_`."""
    leaf = folder.prefix.rstrip("/").rpartition("/")[2] or folder.bucket
    return plain_name(prefix, leaf.rpartition("=")[2])


def plain_name(prefix: str, words: str) -> str:
    """Give a table's name: lower-cased, what may not be in one is `_`."""
    return NOT_IN_NAMES.sub("_", f"{prefix}{words}".lower())[:LONGEST_NAME]


def distinct_name(name: str, location: str) -> str:
    """Name a table whose plain name belongs to another location."""
    mark = md5(location.encode(), usedforsecurity=False).hexdigest()
    return f"{name[: LONGEST_NAME - 33]}_{mark}"


def table_input(name: str, crawler: str, folder: Folder, summary: Summary) -> dict[str, Any]:
    """Describe a table: columns, format and location, partition keys of type string."""
    return {
        "Name": name,
        "Owner": "owner",
        "Retention": 0,
        "TableType": "EXTERNAL_TABLE",
        "PartitionKeys": [{"Name": key, "Type": "string"} for key in folder.keys],
        "StorageDescriptor": descriptor(folder.url, summary),
        "Parameters": {
            "CrawlerSchemaDeserializerVersion": "1.0",
            "CrawlerSchemaSerializerVersion": "1.0",
            "UPDATED_BY_CRAWLER": crawler,
            **_parameters(summary),
        },
    }


def descriptor(location: str, summary: Summary) -> dict[str, Any]:
    """Describe where data lies and how it is read (Glue's StorageDescriptor)."""
    input_format, output_format, serde = _format(summary)
    return {
        "Columns": [{"Name": name, "Type": render(kind)} for name, kind in summary.columns.fields],
        "Location": location,
        "InputFormat": input_format,
        "OutputFormat": output_format,
        "Compressed": summary.leading.gzip,
        "NumberOfBuckets": -1,
        "SerdeInfo": serde,
        "BucketColumns": [],
        "SortColumns": [],
        "Parameters": _parameters(summary),
        "StoredAsSubDirectories": False,
    }


def partition_input(
    folder: Folder,
    values: tuple[str, ...],
    summary: Summary,
    inherited: dict[str, Any] | None,
) -> dict[str, Any]:
    """Describe a partition.

    Args:
        folder: the table's folder.
        values: the partition's values.
        summary: what its own files hold.
        inherited: StorageDescriptor of the table when partitions inherit from it.
    """
    own = descriptor(folder.location(values), summary)
    if inherited is not None:
        kept = ("Location", "Parameters")
        own = inherited | {member: own[member] for member in kept}
        shared = ("classification", "delimiter", "skip.header.line.count")
        own["Parameters"] = own["Parameters"] | {
            name: value for name, value in inherited.get("Parameters", {}).items() if name in shared
        }
    return {
        "Values": list(values),
        "StorageDescriptor": own,
        "Parameters": dict(own["Parameters"]),
    }


def _format(summary: Summary) -> tuple[str, str, dict[str, Any]]:
    """Give input format, output format and SerDe of a classification."""
    found = summary.leading
    if found.classification == "parquet":
        library, parameters = f"{PARQUET}.serde.ParquetHiveSerDe", {"serialization.format": "1"}
        return (
            f"{PARQUET}.MapredParquetInputFormat",
            f"{PARQUET}.MapredParquetOutputFormat",
            {"SerializationLibrary": library, "Parameters": parameters},
        )
    if found.classification == "json":
        library, parameters = (
            "org.openx.data.jsonserde.JsonSerDe",
            {"paths": ",".join(sorted(summary.names))},
        )
    elif found.classification == "xml":  # Athena reads no XML: there is no SerDe to be named
        library, parameters = "", {"rowTag": found.row_tag}
    elif found.quoted:
        library, parameters = (
            "org.apache.hadoop.hive.serde2.OpenCSVSerde",
            {"separatorChar": found.delimiter, "quoteChar": '"', "escapeChar": "\\"},
        )
    else:
        library, parameters = (
            "org.apache.hadoop.hive.serde2.lazy.LazySimpleSerDe",
            {"field.delim": found.delimiter} if found.classification == "csv" else {},
        )
    return TEXT_INPUT, TEXT_OUTPUT, {"SerializationLibrary": library, "Parameters": parameters}


def _parameters(summary: Summary) -> dict[str, str]:
    """Give the parameters that say what a crawler found."""
    found = summary.leading
    parameters = {
        "averageRecordSize": str(summary.size // max(summary.records, 1)),
        "classification": found.classification,
        "compressionType": "gzip" if found.gzip else "none",
        "objectCount": str(summary.objects),
        "recordCount": str(summary.records),
        "sizeKey": str(summary.size),
        "typeOfData": "file",
    }
    if found.classification == "xml":
        parameters["rowTag"] = found.row_tag
    if found.classification == "csv":
        parameters |= {
            "areColumnsQuoted": str(found.quoted).lower(),
            "columnsOrdered": "true",
            "delimiter": found.delimiter,
        }
        if found.header:
            parameters["skip.header.line.count"] = "1"
    return parameters
