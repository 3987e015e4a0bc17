"""Our lake on a laptop: the embedded AWS, the deployed data plane and a real Airflow, as one stack.

This is the only place that knows both the project and the embedded AWS, and it meets the latter
through its supervisor and its endpoints alone.
"""
