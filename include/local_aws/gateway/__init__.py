"""WebHDFS in front of S3: what lets stock Spark read and write `s3://` without hadoop-aws.

Hadoop's own ViewFS sends `s3://bucket/…` to `webhdfs://gateway/bucket/…` (see
`include.local_aws.jobs.spark_settings`), and this server turns those calls into S3 calls.
A task's uncommitted output (`_temporary`, `.spark-staging-*`) stays on the gateway's disk and
becomes S3 objects only when the committer renames it into place, so a failed job leaves none.

    paths.py        the path in a URL, the bucket and key it names
    errors.py       what went wrong, in the words a Hadoop client understands
    storage.py      S3: look, list, read ranges, upload, copy, delete
    staging.py      the disk on which uncommitted output waits
    filesystem.py   the two as one tree with the semantics Hadoop expects
    server.py       WebHDFS over HTTP
"""
