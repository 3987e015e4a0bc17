"""Glue crawlers that really crawl: list S3, infer schemas, write tables and partitions."""

from include.local_aws.front.context import Context, Handler


def actions(context: Context) -> dict[str, Handler]:
    """Give the handlers of the crawlers' actions by X-Amz-Target."""
    return {}
