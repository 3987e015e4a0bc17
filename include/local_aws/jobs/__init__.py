"""Glue job runs that really run: the job's script, on PySpark, in a process of its own.

Job definitions are MiniStack's (CloudFormation makes them there); their runs are ours.

    definitions.py     the job definition, with what MiniStack leaves out of it
    arguments.py       default and run arguments: what the script gets, what Glue itself takes
    spark_settings.py  Java, and the configuration that lets Spark read and write s3://
    workspace.py       the folder of a run: script, libraries, configuration, environment
    processes.py       one process session: start, wait, end with all its children
    run_log.py         the log file, CloudWatch Logs, and the error message in it
    execution.py       one run from STARTING to its final state
    store.py           the runs, in SQLite
    bookmarks.py       what the runs of a job have read
    requests.py        what requests have in common
    api.py             the actions of the Glue API
"""

from include.local_aws.front.context import Context, Handler
from include.local_aws.jobs.api import JobRunApi


def actions(context: Context) -> dict[str, Handler]:
    """The handlers of this service; runs that a crash left behind are marked FAILED now."""
    api = JobRunApi(context)
    context.on_shutdown(api.close)
    return api.handlers()
