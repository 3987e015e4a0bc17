"""Glue crawlers that really crawl: list S3, infer schemas, write tables and partitions.

MiniStack keeps the crawlers' definitions (CloudFormation writes them there); state and history of
their crawls are kept here. Targets other than S3, databases and tables of the catalog, and custom
classifiers other than those for XML, make a crawl fail.
"""

from include.local_aws.crawlers.scheduling import Schedules
from include.local_aws.crawlers.service import Crawlers
from include.local_aws.front.context import Context, Handler


def actions(context: Context) -> dict[str, Handler]:
    """Give the handlers of the crawlers' actions by X-Amz-Target."""
    crawlers = Crawlers(context)
    schedules = Schedules(context, crawlers)
    context.on_shutdown(schedules.close)
    handlers: dict[str, Handler] = {
        "CreateCrawler": crawlers.create,
        "StartCrawler": crawlers.start,
        "StopCrawler": crawlers.stop,
        "GetCrawler": crawlers.get,
        "GetCrawlers": crawlers.get_all,
        "BatchGetCrawlers": crawlers.get_many,
        "ListCrawlers": crawlers.names,
        "ListCrawls": crawlers.crawls,
        "GetCrawlerMetrics": crawlers.metrics,
        "UpdateCrawler": crawlers.update,
        "DeleteCrawler": crawlers.delete,
        **schedules.handlers(),
    }
    return {f"AWSGlue.{name}": handler for name, handler in handlers.items()}
