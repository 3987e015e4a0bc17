"""Glue Data Catalog: what MiniStack's lacks, over the databases and tables it holds.

MiniStack stays the one place where databases and tables exist, so what CloudFormation creates there
is seen here; table versions, all partitions, their indexes and column statistics are kept in a
SQLite file of the front's state. Partitions declared in CloudFormation (AWS::Glue::Partition) are
not seen.
"""

from typing import Any

from include.local_aws.catalog.indexes import index_actions
from include.local_aws.catalog.partitions import partition_actions
from include.local_aws.catalog.reading import Catalog
from include.local_aws.catalog.replacing import replacing_actions
from include.local_aws.catalog.search import search_actions
from include.local_aws.catalog.statistics import statistics_actions
from include.local_aws.catalog.tables import table_actions
from include.local_aws.front.context import Context, Handler
from include.local_aws.front.resources import request

__all__ = ["Catalog", "actions", "guarded"]


def actions(context: Context) -> dict[str, Handler]:
    """Give the handlers of the catalog's actions by X-Amz-Target."""
    tables = table_actions(context)
    handlers = tables | partition_actions(context) | search_actions(context, tables)
    handlers |= replacing_actions(context) | statistics_actions(context) | index_actions(context)
    return {f"AWSGlue.{name}": handler for name, handler in handlers.items()}


def guarded(context: Context) -> dict[str, Handler]:
    """Give the same handlers for a service that acts for somebody, who must be allowed to."""

    def checked(target: str, handler: Handler) -> Handler:
        def execute(body: dict[str, Any]) -> dict[str, Any]:
            wanted = request(target, body, context.region, context.account, lambda *_: "")
            context.allow(wanted.service, wanted.checks)
            return handler(body)

        return execute

    return {target: checked(target, handler) for target, handler in actions(context).items()}
