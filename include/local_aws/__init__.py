"""An AWS account on one machine: real engines behind the AWS APIs, for laptops and tests.

MiniStack keeps S3, IAM, KMS, SNS, SQS, Secrets Manager, CloudWatch and CloudFormation; `front`
stands on the Glue and Athena endpoints, executes what MiniStack only pretends to run (crawlers, job
runs, queries, catalog versions), forwards the rest. Nothing here imports the lake's own code: the
two meet only at the endpoints, as they do on AWS.
"""
