"""Airflow operators, hooks, triggers and notifications for releases on S3, Glue and Athena.

Everything here knows AWS and Airflow and nothing of our tables: names, columns, layouts and rules
are given by the DAG. Nothing here may import `include`, `dags` or `glue_jobs`.
"""
