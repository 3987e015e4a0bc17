"""Glue Data Catalog: what MiniStack's lacks, over the databases and tables it holds.

MiniStack stays the one place where databases and tables exist, so what CloudFormation creates there
is seen here; table versions and all partitions are kept in a SQLite file of the front's state.
Partitions declared in CloudFormation (AWS::Glue::Partition) are not seen.
"""

from include.local_aws.catalog.partitions import partition_actions
from include.local_aws.catalog.reading import Catalog
from include.local_aws.catalog.tables import table_actions
from include.local_aws.front.context import Context, Handler

__all__ = ["Catalog", "actions"]


def actions(context: Context) -> dict[str, Handler]:
    """Give the handlers of the catalog's actions by X-Amz-Target."""
    return {
        f"AWSGlue.{name}": handler
        for name, handler in (table_actions(context) | partition_actions(context)).items()
    }
