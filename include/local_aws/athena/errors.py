"""How a query fails: Athena's error names and categories."""

SYSTEM, USER, OTHER = 1, 2, 3
"""AthenaError.ErrorCategory: the engine's fault, the query's fault, anything else."""


class QueryError(Exception):
    """A query that cannot succeed, worded as Athena words StateChangeReason.

    Args:
        name: Trino or Hive error name, for example `TABLE_NOT_FOUND`.
        message: what is wrong with which thing, for example `line 1:15: Table … does not exist`.
        category: one of SYSTEM, USER, OTHER.
    """

    def __init__(self, name: str, message: str, category: int = USER) -> None:
        super().__init__(f"{name}: {message}")
        self.name = name
        self.message = message
        self.category = category


class QueryCancelled(Exception):
    """The query was stopped on purpose; the text becomes StateChangeReason."""


def not_supported(what: str) -> QueryError:
    """Make the refusal of something that Athena can do and this engine cannot do faithfully."""
    return QueryError("NOT_SUPPORTED", f"not supported here: {what}")
