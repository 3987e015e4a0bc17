"""What a crawler's definition asks for, read from the shape that Glue's API keeps it in."""

import json
from dataclasses import dataclass
from typing import Any

from include.local_aws.crawlers.databases import DatabaseTarget
from include.local_aws.crawlers.listing import CrawlError, Target

UPDATES = ("UPDATE_IN_DATABASE", "LOG")
EXECUTED = {"S3Targets", "JdbcTargets", "CatalogTargets"}
DELETES = ("DEPRECATE_IN_DATABASE", "DELETE_FROM_DATABASE", "LOG")

SCHEDULED, NOT_SCHEDULED = "SCHEDULED", "NOT_SCHEDULED"


@dataclass(frozen=True)
class Definition:
    """A crawler, checked and ready to run.

    Attributes:
        name: the crawler.
        database: catalog database of its tables.
        prefix: put before every table name.
        targets: folders in which it looks.
        databases: databases in which it looks.
        tables: (database, table) of the catalog whose folders it looks into.
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
    databases: tuple[DatabaseTarget, ...]
    tables: tuple[tuple[str, str], ...]
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
    given = {kind for kind, entries in targets.items() if entries}
    if not given or given - EXECUTED:
        raise CrawlError(
            f"crawler {name}: only {', '.join(sorted(EXECUTED))} are crawled here, not"
            f" {', '.join(sorted(given - EXECUTED)) or 'nothing'}"
        )
    if not crawler.get("DatabaseName") and given != {"CatalogTargets"}:
        raise CrawlError(f"crawler {name} has no DatabaseName to write tables to")
    check(crawler)
    output = _configuration(crawler)
    level = (output.get("Grouping") or {}).get("TableLevelConfiguration")
    behaviour = output.get("CrawlerOutput") or {}
    updates, deletes = _policy(crawler)
    return Definition(
        name=name,
        database=(crawler.get("DatabaseName") or "").lower(),
        prefix=(crawler.get("TablePrefix") or "").lower(),
        targets=tuple(map(Target.of, targets.get("S3Targets") or ())),
        databases=tuple(map(DatabaseTarget.of, targets.get("JdbcTargets") or ())),
        tables=tuple(
            (target["DatabaseName"].lower(), table.lower())
            for target in targets.get("CatalogTargets") or ()
            for table in target["Tables"]
        ),
        level=level,
        updates=updates == "UPDATE_IN_DATABASE",
        deletes=deletes,
        inherit=_is(behaviour, "Partitions", "InheritFromTable"),
        merge=_is(behaviour, "Tables", "MergeNewColumns"),
        classifiers=tuple(crawler.get("Classifiers") or ()),
    )


def check(crawler: dict[str, Any]) -> None:
    """Refuse what Glue refuses when a crawler is created or updated.

    Raises:
        CrawlError: settings that contradict each other, or are none of Glue's.
    """
    name, targets = crawler["Name"], crawler.get("Targets") or {}
    given = {kind for kind, entries in targets.items() if entries}
    level = (_configuration(crawler).get("Grouping") or {}).get("TableLevelConfiguration")
    if level is not None and (not isinstance(level, int) or level < 1):
        raise CrawlError(f"crawler {name}: TableLevelConfiguration {level!r} is not 1 or more")
    updates, deletes = _policy(crawler)
    if updates not in UPDATES or deletes not in DELETES:
        policy = crawler.get("SchemaChangePolicy")
        raise CrawlError(f"crawler {name}: SchemaChangePolicy {policy} is not one of Glue's")
    if "CatalogTargets" in given and len(given) > 1:
        raise CrawlError(f"crawler {name}: CatalogTargets cannot be mixed with other targets")
    if "CatalogTargets" in given and deletes != "LOG":
        raise CrawlError(f"crawler {name}: CatalogTargets need the DeleteBehavior LOG")
    recrawl = (crawler.get("RecrawlPolicy") or {}).get("RecrawlBehavior") or "CRAWL_EVERYTHING"
    if recrawl != "CRAWL_EVERYTHING" and (updates, deletes) != ("LOG", "LOG"):
        # With LOG, LOG the outcome is the same whether old folders are read again or not.
        raise CrawlError(f"crawler {name}: {recrawl} needs UpdateBehavior and DeleteBehavior LOG")


def _policy(crawler: dict[str, Any]) -> tuple[str, str]:
    """Give the update and delete behaviour, Glue's own where the crawler has none."""
    policy = crawler.get("SchemaChangePolicy") or {}
    return policy.get("UpdateBehavior") or UPDATES[0], policy.get("DeleteBehavior") or DELETES[0]


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


def schedule_of(crawler: dict[str, Any]) -> dict[str, str]:
    """Give a crawler's schedule as GetCrawler does, {} if it has none."""
    schedule = crawler.get("Schedule") or {}
    return {"State": SCHEDULED} | schedule if schedule.get("ScheduleExpression") else {}
