"""What the lake is, in pure Python: contracts, marts, layout, windows, releases and checks.

Standard library and yaml only, so the same code is imported by the Airflow workers
(Python 3.12), by the Glue job from inside a zip (Python 3.11) and by the deploy scripts.
"""
