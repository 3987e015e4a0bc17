"""Reads database tables exactly into Parquet in S3, wherever Python runs.

An Airflow worker runs it, and so does a Glue job: nothing here knows Airflow, Spark or our tables,
and what is large (pyarrow, the databases' drivers) is imported where it is used.
"""
