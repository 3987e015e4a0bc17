"""The actions on prepared statements and engine versions that MiniStack lacks.

It keeps the statements themselves: ``EXECUTE`` and these are about the same ones.
"""

from typing import Any

from include.local_aws.athena.work_groups import ENGINE, PRIMARY, invalid
from include.local_aws.front.context import AwsError, Context, Handler

MOST = 50


def prepared_statement_actions(context: Context) -> dict[str, Handler]:
    """Give the handlers by name."""

    def found(work_group: str, name: str) -> dict[str, Any]:
        wanted = {"StatementName": name, "WorkGroup": work_group}
        answer = context.forward("AmazonAthena.GetPreparedStatement", wanted)
        statement: dict[str, Any] = answer["PreparedStatement"]
        return statement

    def update(body: dict[str, Any]) -> dict[str, Any]:
        """UpdatePreparedStatement."""
        group, name = body.get("WorkGroup") or PRIMARY, str(body.get("StatementName"))
        found(group, name)
        named = {"StatementName": name, "WorkGroup": group}
        given = {key: body[key] for key in ("QueryStatement", "Description") if body.get(key)}
        if "QueryStatement" not in given:
            raise invalid("QueryStatement is missing")
        context.forward("AmazonAthena.DeletePreparedStatement", named)
        context.forward("AmazonAthena.CreatePreparedStatement", named | given)
        return {}

    def batch_get(body: dict[str, Any]) -> dict[str, Any]:
        """BatchGetPreparedStatement: those that are there, and the names of the others."""
        names = body.get("PreparedStatementNames") or []
        if not 1 <= len(names) <= MOST:
            raise invalid(f"PreparedStatementNames must have 1 to {MOST} members")
        known, missing = [], []
        for name in names:
            try:
                known.append(found(body.get("WorkGroup") or PRIMARY, name))
            except AwsError as error:
                if error.code != "ResourceNotFoundException":
                    raise
                missing.append({
                    "StatementName": name,
                    "ErrorCode": "STATEMENT_NOT_FOUND",
                    "ErrorMessage": error.message,
                })  # fmt: skip
        return {"PreparedStatements": known, "UnprocessedPreparedStatementNames": missing}

    return {
        "UpdatePreparedStatement": update,
        "BatchGetPreparedStatement": batch_get,
        "ListEngineVersions": lambda _: {
            "EngineVersions": [ENGINE | {"SelectedEngineVersion": name} for name in ENGINE.values()]
        },
    }
