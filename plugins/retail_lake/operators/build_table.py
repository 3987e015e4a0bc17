"""Build a table from a query, whatever the number of partitions it writes."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any

from retail_lake.hooks.documents import DocumentsHook
from retail_lake.operators.athena import ReleaseAthenaOperator


class BuildTableOperator(ReleaseAthenaOperator):
    """Runs a CTAS; where it would write more partitions than Athena allows, a CTAS and INSERTs.

    The statements go into a table that nobody reads yet, so one that fails in the middle leaves
    nothing that could be seen.

    Args:
        query: the CTAS for all days (templated).
        manifest: address of the job's manifest, whose `affected_days` are written (templated).
        target: what `split` builds into: table, location, release (templated).
        split: (table, location, release, days) → the statements for that many days, or none if
            one statement can write them.

    Its result also has `staged_table`: the table built.
    """

    template_fields: Sequence[str] = (*ReleaseAthenaOperator.template_fields, "manifest", "target")

    def __init__(
        self,
        *,
        manifest: str,
        target: Sequence[str],
        split: Callable[[str, str, str, Sequence[date]], list[str]],
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.manifest = manifest
        self.target = target
        self.split = split

    def result(self, context: Any, execution: dict[str, Any]) -> dict[str, Any]:
        """Return the statements' facts and the table's name."""
        return {**super().result(context, execution), "staged_table": self.target[0]}

    def queries(self) -> list[str]:
        """Return the CTAS, or the statements that it is split into."""
        documents = DocumentsHook(aws_conn_id=self.aws_conn_id)
        days = documents.read_document(self.manifest)["affected_days"]
        table, location, release = self.target
        return self.split(table, location, release, list(map(date.fromisoformat, days))) or [
            self.query
        ]
