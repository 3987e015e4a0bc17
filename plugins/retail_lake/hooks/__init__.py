"""Hooks: the calls to S3, the Glue catalog and PostgreSQL that the operators share."""
