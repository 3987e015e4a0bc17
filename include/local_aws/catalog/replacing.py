"""Updates that MiniStack lacks, of classifiers and connections: replaced by what they become."""

from typing import Any

from include.local_aws.catalog.requests import required
from include.local_aws.front.context import AwsError, Context, Handler

KINDS = ("XMLClassifier", "JsonClassifier", "CsvClassifier", "GrokClassifier")


def replacing_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers by name."""

    def classifier(body: dict[str, Any]) -> dict[str, Any]:
        """UpdateClassifier: change the members that are given."""
        kinds = [kind for kind in KINDS if body.get(kind)]
        if len(kinds) != 1:
            raise AwsError("InvalidInputException", f"one of {', '.join(KINDS)} must be given")
        name = required(body[kinds[0]], "Name")
        known = context.forward("AWSGlue.GetClassifier", {"Name": name})["Classifier"]
        if kinds[0] not in known:
            raise AwsError("InvalidInputException", f"classifier {name} is no {kinds[0]}")
        changed = {kinds[0]: known[kinds[0]] | body[kinds[0]]}
        context.forward("AWSGlue.DeleteClassifier", {"Name": name})
        context.forward("AWSGlue.CreateClassifier", changed)
        return {}

    def connection(body: dict[str, Any]) -> dict[str, Any]:
        """UpdateConnection: the definition that is given is the whole of the new one."""
        name, given = required(body, "Name"), required(body, "ConnectionInput")
        context.forward("AWSGlue.GetConnection", {"Name": name})
        context.forward("AWSGlue.DeleteConnection", {"ConnectionName": name})
        context.forward("AWSGlue.CreateConnection", {"ConnectionInput": given | {"Name": name}})
        return {}

    return {"UpdateClassifier": classifier, "UpdateConnection": connection}
