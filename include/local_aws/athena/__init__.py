"""Amazon Athena: queries over the Glue catalog, executed by DuckDB on the files in S3.

The dialect is engine version 3 (Trino), translated by sqlglot and made to mean the same; what
cannot be made to mean the same is refused with NOT_SUPPORTED rather than computed differently.
The settings of work groups, named queries, prepared statements and data catalogs are MiniStack's.

DataScannedInBytes is what came from S3 for the query, to the byte: the files' data, and the footers
of Parquet files (at least 16 KiB each), which AWS does not bill.
"""

from include.local_aws import catalog
from include.local_aws.athena.metadata import Metadata
from include.local_aws.athena.prepared_statements import prepared_statement_actions
from include.local_aws.athena.relations import glue_of
from include.local_aws.athena.runner import Runner
from include.local_aws.athena.service import Service
from include.local_aws.athena.store import Store
from include.local_aws.front.context import Context, Handler


def actions(context: Context) -> dict[str, Handler]:
    """Give the handlers of the Athena actions that run queries.

    Executions that a crash left queued or running become FAILED.
    """
    store = Store(context.state / "athena.sqlite")
    glue = glue_of(catalog.guarded(context), context.forward)
    runner = Runner(context, store, glue)
    service = Service(context, store, runner)
    metadata = Metadata(glue)
    context.on_shutdown(runner.shutdown)
    return {
        "AmazonAthena.StartQueryExecution": service.start,
        "AmazonAthena.GetQueryExecution": service.get,
        "AmazonAthena.BatchGetQueryExecution": service.batch_get,
        "AmazonAthena.ListQueryExecutions": service.list,
        "AmazonAthena.GetQueryResults": service.results,
        "AmazonAthena.GetQueryRuntimeStatistics": service.statistics,
        "AmazonAthena.StopQueryExecution": service.stop,
        "AmazonAthena.GetWorkGroup": service.work_group,
        "AmazonAthena.UpdateWorkGroup": service.update_work_group,
        "AmazonAthena.DeleteWorkGroup": service.delete_work_group,
        "AmazonAthena.GetTableMetadata": metadata.get,
        "AmazonAthena.ListTableMetadata": metadata.list,
        **{
            f"AmazonAthena.{name}": handler
            for name, handler in prepared_statement_actions(context).items()
        },
    }
