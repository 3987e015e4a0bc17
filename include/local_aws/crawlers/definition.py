"""What a crawler's definition asks for, read from the shape that Glue's API keeps it in."""

import json
from dataclasses import dataclass
from typing import Any

from include.local_aws.crawlers.listing import CrawlError, Target

UPDATES = ("UPDATE_IN_DATABASE", "LOG")
DELETES = ("DEPRECATE_IN_DATABASE", "DELETE_FROM_DATABASE", "LOG")


@dataclass(frozen=True)
class Definition:
    """A crawler, checked and ready to run.

    Attributes:
        name: the crawler.
        database: catalog database of its tables.
        prefix: put before every table name.
        targets: where it looks.
        level: TableLevelConfiguration, None when each target is one table.
        updates: whether tables and partitions that exist are updated (else they stay as they are).
        deletes: what becomes of those whose files are gone, one of `DELETES`.
        inherit: whether partitions take columns and format from their table.
        merge: whether columns that exist stay as they are and only new ones are added.
        classifiers: names of custom classifiers, in the order in which they are tried.
    """

    name: str
    database: str
    prefix: str
    targets: tuple[Target, ...]
    level: int | None
    updates: bool
    deletes: str
    inherit: bool
    merge: bool
    classifiers: tuple[str, ...]


def read(crawler: dict[str, Any]) -> Definition:
    """Read a crawler's definition.

    Args:
        crawler: Crawler of GetCrawler's answer.

    Raises:
        CrawlError: the definition asks for something that is not executed here, or contradicts
            itself; nothing is ignored silently.
    """
    name, targets = crawler["Name"], crawler.get("Targets") or {}
    others = sorted(kind for kind, entries in targets.items() if entries and kind != "S3Targets")
    if others or not targets.get("S3Targets"):
        raise CrawlError(f"crawler {name}: only S3Targets are crawled here, not {others or 'none'}")
    if not crawler.get("DatabaseName"):
        raise CrawlError(f"crawler {name} has no DatabaseName to write tables to")
    output = _configuration(crawler)
    grouping = output.get("Grouping") or {}
    level = grouping.get("TableLevelConfiguration")
    if level is not None and (not isinstance(level, int) or level < 1):
        raise CrawlError(f"crawler {name}: TableLevelConfiguration {level!r} is not 1 or more")
    behaviour = output.get("CrawlerOutput") or {}
    policy = crawler.get("SchemaChangePolicy") or {}
    updates = policy.get("UpdateBehavior") or UPDATES[0]
    deletes = policy.get("DeleteBehavior") or DELETES[0]
    if updates not in UPDATES or deletes not in DELETES:
        raise CrawlError(f"crawler {name}: SchemaChangePolicy {policy} is not one of Glue's")
    recrawl = (crawler.get("RecrawlPolicy") or {}).get("RecrawlBehavior") or "CRAWL_EVERYTHING"
    if recrawl != "CRAWL_EVERYTHING" and (updates, deletes) != ("LOG", "LOG"):
        # With LOG, LOG the outcome is the same whether old folders are read again or not.
        raise CrawlError(f"crawler {name}: {recrawl} needs UpdateBehavior and DeleteBehavior LOG")
    return Definition(
        name=name,
        database=crawler["DatabaseName"].lower(),
        prefix=(crawler.get("TablePrefix") or "").lower(),
        targets=tuple(Target.of(target) for target in targets["S3Targets"]),
        level=level,
        updates=updates == "UPDATE_IN_DATABASE",
        deletes=deletes,
        inherit=_is(behaviour, "Partitions", "InheritFromTable"),
        merge=_is(behaviour, "Tables", "MergeNewColumns"),
        classifiers=tuple(crawler.get("Classifiers") or ()),
    )


def _configuration(crawler: dict[str, Any]) -> dict[str, Any]:
    """Read the Configuration, a JSON text."""
    text = crawler.get("Configuration") or "{}"
    try:
        configuration = json.loads(text)
    except ValueError as error:
        raise CrawlError(
            f"crawler {crawler['Name']}: Configuration is not JSON: {error}"
        ) from error
    if not isinstance(configuration, dict):
        raise CrawlError(f"crawler {crawler['Name']}: Configuration is not a JSON object")
    return configuration


def _is(behaviour: dict[str, Any], what: str, expected: str) -> bool:
    """Say whether the AddOrUpdateBehavior of tables or partitions is the expected one."""
    return bool((behaviour.get(what) or {}).get("AddOrUpdateBehavior") == expected)
