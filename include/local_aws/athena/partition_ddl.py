"""Runs ALTER TABLE ADD and DROP PARTITION and MSCK REPAIR TABLE."""

import re
from collections.abc import Sequence
from urllib.parse import unquote

from include.local_aws.athena import writing
from include.local_aws.athena.ddl import done, target, words
from include.local_aws.athena.errors import QueryError
from include.local_aws.athena.files import (
    NULL_PARTITION,
    objects_under,
    registered_partitions,
    split_location,
)
from include.local_aws.athena.relations import Table
from include.local_aws.athena.session import Outcome, Session, text_outcome
from include.local_aws.athena.statements import NAME

VALUE = re.compile(
    r"\s*[`\"]?(?P<key>\w+)[`\"]?\s*=\s*(?:'(?P<text>(?:[^']|'')*)'|(?P<number>-?\d+))\s*"
)
PARTITION = re.compile(
    r"\s*PARTITION\s*\((?P<values>(?:[^()']|'[^']*')*)\)(?:\s*LOCATION\s+'(?P<location>[^']*)')?\s*,?",
    re.IGNORECASE,
)
DELETE_BATCH = 25


def _values(table: Table, text: str) -> dict[str, str]:
    """Read `key='value', …`; keys must be partition columns."""
    found: dict[str, str] = {}
    for part in re.findall(r"(?:[^,']|'[^']*')+", text):
        match = VALUE.fullmatch(part)
        if match is None:
            raise QueryError("SYNTAX_ERROR", f"not a partition value: {part.strip()}")
        value = match["text"].replace("''", "'") if match["text"] is not None else match["number"]
        found[match["key"].lower()] = value
    names = {key.name for key in table.keys}
    if unknown := set(found) - names:
        raise QueryError(
            "COLUMN_NOT_FOUND", f"not partition columns of {table.qualified}: {unknown}"
        )
    return found


def _folder(table: Table, values: Sequence[str]) -> str:
    """Name a partition as Hive does: `key=value/…`."""
    return "/".join(
        f"{writing.escaped(key.name)}={writing.escaped(value)}"
        for key, value in zip(table.keys, values, strict=True)
    )


def _partition_clauses(text: str) -> list[re.Match[str]]:
    clauses, position = [], 0
    while position < len(text):
        found = PARTITION.match(text, position)
        if found is None:
            raise QueryError("SYNTAX_ERROR", f"not a PARTITION clause: {text[position:].strip()}")
        clauses.append(found)
        position = found.end()
    return clauses


def _add(session: Session, table: Table, entries: list[tuple[list[str], str]]) -> list[str]:
    """Register partitions; give the messages of those that exist."""
    storage = table.glue["StorageDescriptor"]
    problems = []
    for start in range(0, len(entries), writing.BATCH):
        inputs = [
            {
                "Values": values,
                "StorageDescriptor": {**storage, "Location": location},
                "Parameters": {},
            }
            for values, location in entries[start : start + writing.BATCH]
        ]
        request = {
            "DatabaseName": table.database,
            "TableName": table.name,
            "PartitionInputList": inputs,
        }
        for error in session.glue("BatchCreatePartition", request).get("Errors") or []:
            detail = error.get("ErrorDetail") or {}
            if detail.get("ErrorCode") != "AlreadyExistsException":
                raise QueryError("HIVE_METASTORE_ERROR", f"{error}")
            problems.append(f"Partition already exists: {error.get('PartitionValues')}")
    return problems


def add_partition(session: Session) -> Outcome:
    """ALTER TABLE … ADD PARTITION."""
    found = words(
        session,
        rf"ALTER\s+TABLE\s+{NAME}\s+ADD\s+(?P<if>IF\s+NOT\s+EXISTS\s+)?(?P<rest>PARTITION.*)",
    )
    table = target(session, found["name"])
    entries = []
    for clause in _partition_clauses(found["rest"]):
        values = _values(table, clause["values"])
        ordered = [values[key.name] for key in table.keys if key.name in values]
        if len(ordered) != len(table.keys):
            raise QueryError(
                "INVALID_PARTITION_VALUE", f"{table.qualified} has more partition columns"
            )
        base = table.glue["StorageDescriptor"]["Location"].rstrip("/")
        entries.append((ordered, clause["location"] or f"{base}/{_folder(table, ordered)}/"))
    problems = _add(session, table, entries)
    if problems and not found["if"]:
        raise QueryError("ALREADY_EXISTS", problems[0])
    return done(session)


def drop_partition(session: Session) -> Outcome:
    """ALTER TABLE … DROP PARTITION: by equal values; files stay."""
    found = words(
        session, rf"ALTER\s+TABLE\s+{NAME}\s+DROP\s+(?P<if>IF\s+EXISTS\s+)?(?P<rest>PARTITION.*)"
    )
    table = target(session, found["name"])
    existing = [
        [v or NULL_PARTITION for v in p.values] for p in registered_partitions(table, session.glue)
    ]
    doomed = []
    for clause in _partition_clauses(found["rest"]):
        wanted = _values(table, clause["values"])
        matching = [
            values
            for values in existing
            if all(wanted.get(k.name, v) == v for k, v in zip(table.keys, values, strict=True))
        ]
        if not matching and not found["if"]:
            raise QueryError("PARTITION_NOT_FOUND", f"Partition not found: {clause['values']}")
        doomed += matching
    for start in range(0, len(doomed), DELETE_BATCH):
        request = {
            "DatabaseName": table.database,
            "TableName": table.name,
            "PartitionsToDelete": [{"Values": v} for v in doomed[start : start + DELETE_BATCH]],
        }
        errors = session.glue("BatchDeletePartition", request).get("Errors") or []
        if errors:
            raise QueryError("HIVE_METASTORE_ERROR", f"partitions were not dropped: {errors}")
    return done(session)


def repair(session: Session) -> Outcome:
    """MSCK REPAIR TABLE: registers the `key=value` folders that hold files."""
    table = target(session, words(session, rf"MSCK\s+REPAIR\s+TABLE\s+{NAME}")["name"])
    location = table.glue["StorageDescriptor"]["Location"]
    bucket, prefix = split_location(location)
    known = {
        tuple(v or NULL_PARTITION for v in p.values)
        for p in registered_partitions(table, session.glue)
    }
    found: dict[tuple[str, ...], str] = {}
    for key, _ in objects_under(session.s3, bucket, prefix):
        folders = key[len(prefix) :].split("/")[:-1][: len(table.keys)]
        pairs = [folder.partition("=") for folder in folders]
        if [name.lower() for name, _, _ in pairs] != [k.name for k in table.keys]:
            continue
        values = tuple(unquote(value) for _, _, value in pairs)
        if values not in known:
            found.setdefault(values, f"s3://{bucket}/{prefix}{'/'.join(folders)}")
    _add(session, table, [(list(values), place) for values, place in sorted(found.items())])
    names = [f"{table.name}:{_folder(table, values)}" for values in sorted(found)]
    lines = ["\t".join(("Partitions not in metastore:", *names))] if names else []
    lines += [f"Repair: Added partition to metastore {name}" for name in names]
    return text_outcome(session, lines, ["Partitions"] if lines else [])
