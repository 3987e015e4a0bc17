"""Glue triggers and workflows that execute: they start jobs and crawlers of this front.

Triggers that CloudFormation makes are MiniStack's and are not seen here.

    definitions.py  triggers and workflows, as they are defined
    chains.py       what a trigger starts, and what that triggers in turn
    workflows.py    runs of workflows
"""

from include.local_aws.data_quality.store import Documents
from include.local_aws.front.context import Context, Handler
from include.local_aws.triggers.chains import Chains
from include.local_aws.triggers.definitions import Definitions
from include.local_aws.triggers.workflows import WorkflowRuns


def actions(context: Context) -> dict[str, Handler]:
    """The handlers of this service."""
    store = Documents(context.state / "triggers.sqlite")
    chains = Chains(context, store)
    definitions = Definitions(context, store, chains)
    runs = WorkflowRuns(store, chains)
    context.on_shutdown(store.close)
    context.on_shutdown(chains.close)
    return {**definitions.handlers(), **runs.handlers()}
