"""Glue data quality that executes: rulesets, evaluation runs and their results.

Rules are judged by the library that Glue scripts use (glue_library/awsgluedq), in a process of
its own for each run.

    store.py     rulesets, runs and results, in SQLite
    rulesets.py  rulesets, and the check of their text
    runs.py      evaluation runs
    results.py   results, also those that a job's script puts here
"""

from include.local_aws.data_quality.results import Results
from include.local_aws.data_quality.rulesets import Rulesets
from include.local_aws.data_quality.runs import EvaluationRuns
from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import Context, Handler


def actions(context: Context) -> dict[str, Handler]:
    """The handlers of this service; runs that a crash left behind are marked FAILED now."""
    store = Documents(context.state / "data_quality.sqlite")
    results = Results(store)
    rulesets = Rulesets(context, store)
    runs = EvaluationRuns(context, store, rulesets, results)
    context.on_shutdown(store.close)
    context.on_shutdown(runs.close)
    return {**rulesets.handlers(), **runs.handlers(), **results.handlers()}
