"""Hooks: the calls to S3, the Glue catalog and a REST API that the operators share."""
