"""What a Glue or Athena request asks to do with which resources, in IAM's words.

From the Service Authorization Reference ("Actions, resources, and condition keys for AWS Glue",
"… for Amazon Athena"): an action on a table needs the catalog and the database as well; actions
without a resource type are checked against "*".
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

SERVICES = {"AWSGlue": "glue", "AmazonAthena": "athena"}
"""X-Amz-Target prefix -> signing name, which is IAM's prefix too."""

GLUE_NAMED = {
    "Crawler": ("Name", "CrawlerName"),
    "Job": ("JobName", "Name"),
    "Trigger": ("Name",),
    "Workflow": ("Name",),
    "Connection": ("Name", "ConnectionName"),
    "DataQualityRuleset": ("Name",),
}
"""Kind of resource -> members of the request that name one."""
PASS_ROLE = {"CreateJob", "UpdateJob", "CreateCrawler", "UpdateCrawler"}

WorkGroupOf = Callable[[str, str], str]
"""(kind, id) of an Athena query execution or named query -> its workgroup."""


@dataclass(frozen=True)
class Request:
    """One request to the front.

    Attributes:
        service: `glue` or `athena`, "" for what is neither.
        action: the action's name.
        checks: (IAM action, ARN) that must all be allowed; the last is the most specific.
    """

    service: str
    action: str
    checks: tuple[tuple[str, str], ...]


def request(
    target: str, body: dict[str, Any], region: str, account: str, work_group_of: WorkGroupOf
) -> Request:
    """Describe a request.

    Args:
        target: its X-Amz-Target.
        body: its JSON.
        region: AWS region of the front.
        account: account number of all resources.
        work_group_of: finds the workgroup of what is named by an id.
    """
    prefix, _, action = target.partition(".")
    service = SERVICES.get(prefix, "")
    if not service:
        return Request("", action, ())
    base = f"arn:aws:{service}:{region}:{account}:"
    paths = (_glue if service == "glue" else _athena)(action, body, work_group_of)
    arns = [path if path == "*" else base + path for path in paths] or ["*"]
    checks = [(f"{service}:{action}", arn) for arn in arns]
    role = body.get("Role") or (body.get("JobUpdate") or {}).get("Role")
    if service == "glue" and action in PASS_ROLE and role:
        arn = role if role.startswith("arn:") else f"arn:aws:iam::{account}:role/{role}"
        checks.insert(0, ("iam:PassRole", arn))
    return Request(service, action, tuple(checks))


def _glue(action: str, body: dict[str, Any], _: WorkGroupOf) -> list[str]:
    """Give the resources of a Glue action, the most specific last."""
    if any(word in action for word in ("Table", "Partition", "Database", "ColumnStatistics")):
        return list(_catalog(action, body))
    if action in ("GetConnections", "CreateConnection"):
        name = (body.get("ConnectionInput") or {}).get("Name", "*")
        return ["catalog", f"connection/{name}"]
    for kind, members in GLUE_NAMED.items():
        if kind not in action.replace("JobRun", "Job").replace("Crawls", "Crawler"):
            continue
        name = next((str(body[member]) for member in members if body.get(member)), "")
        label = kind[0].lower() + kind[1:]
        if kind == "Connection":
            return ["catalog", f"connection/{name or '*'}"]
        short = kind.removeprefix("DataQuality")  # RulesetNames
        listed = body.get(f"{short}Names") or ()
        return [f"{label}/{name}"] if name else [f"{label}/{one}" for one in listed]
    return []


def _catalog(action: str, body: dict[str, Any]) -> Iterator[str]:
    """Give the resources of an action on the Data Catalog."""
    yield "catalog"
    if "Database" in action:
        name = body.get("Name") or (body.get("DatabaseInput") or {}).get("Name") or "*"
        yield f"database/{str(name).lower()}"
        if action == "DeleteDatabase":
            yield f"table/{str(name).lower()}/*"
        return
    database = str(body.get("DatabaseName") or "*").lower()
    yield f"database/{database}"
    named = body.get("TableName") or body.get("Name") or (body.get("TableInput") or {}).get("Name")
    tables = body.get("TablesToDelete") or [named or "*"]
    for table in tables:
        yield f"table/{database}/{str(table).lower()}"
    if "TableVersion" in action and action.startswith(("Delete", "BatchDelete")):
        for version in body.get("VersionIds") or [body.get("VersionId", "*")]:
            yield f"tableVersion/{database}/{str(named).lower()}/{version}"


def _athena(action: str, body: dict[str, Any], work_group_of: WorkGroupOf) -> list[str]:
    """Give the resources of an Athena action."""
    if action in ("ListWorkGroups", "ListDataCatalogs", "ListEngineVersions"):
        return []
    if catalog := body.get("CatalogName"):
        return [f"datacatalog/{catalog}"]
    if action.endswith("DataCatalog"):
        return [f"datacatalog/{body.get('Name', '*')}"]
    for kind in ("QueryExecution", "NamedQuery"):
        ids = body.get(f"{kind}Ids") or ([body[f"{kind}Id"]] if body.get(f"{kind}Id") else [])
        if ids:
            return sorted({f"workgroup/{work_group_of(kind, str(one))}" for one in ids})
    name = body.get("WorkGroup") or (body.get("Name") if action.endswith("WorkGroup") else None)
    return [f"workgroup/{name or 'primary'}"]
