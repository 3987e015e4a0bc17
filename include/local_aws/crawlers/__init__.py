"""Glue crawlers that really crawl: list S3, infer schemas, write tables and partitions.

MiniStack keeps the crawlers' definitions (CloudFormation writes them there); state and history of
their crawls are kept here. Schedules are not executed; targets other than S3, and custom
classifiers other than those for XML, make a crawl fail.
"""

from include.local_aws.crawlers.service import actions

__all__ = ["actions"]
