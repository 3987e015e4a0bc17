"""What the execution of one statement has at hand, and what it leaves behind."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from include.local_aws.athena.engine import Engine
from include.local_aws.athena.errors import QueryCancelled
from include.local_aws.athena.files import split_location
from include.local_aws.athena.information_schema import CatalogRelations
from include.local_aws.athena.relations import Glue, Relations
from include.local_aws.athena.statements import Statement
from include.local_aws.athena.types import Column

Forward = Callable[[str, dict[str, Any]], dict[str, Any]]
"""Calls an AWS action by its full name, for example `AmazonAthena.GetWorkGroup`."""


@dataclass
class Session:
    """One statement on its way.

    Attributes:
        id: QueryExecutionId.
        statement: what is to be run.
        database: database of names without one.
        output: folder of results in S3, ends with `/`.
        enforced: the work group decides where everything goes.
        cutoff: most bytes that may be scanned, None for no limit.
        engine: the statement's own DuckDB.
        s3: boto3 client.
        glue: calls Glue actions.
        scratch: folder on disk, deleted afterwards.
        work_group: name of the work group.
        forward: calls MiniStack's own actions.
    """

    id: str
    statement: Statement
    database: str
    output: str
    enforced: bool
    cutoff: int | None
    engine: Engine
    s3: Any
    glue: Glue
    scratch: Path
    work_group: str
    forward: Forward
    relations: Relations = field(init=False)

    def __post_init__(self) -> None:
        """Start with an empty view of the catalog."""
        self.relations = CatalogRelations(self.glue)

    def check_cutoff(self) -> None:
        """End a statement that was stopped, or that scanned more than its work group allows.

        Raises:
            QueryCancelled: with Athena's wording.
        """
        if self.cutoff is not None and self.engine.bytes_scanned > self.cutoff:
            raise QueryCancelled("Query cancelled! : Bytes scanned limit was exceeded")
        if self.engine.interrupted.is_set():
            raise QueryCancelled("Query cancelled by user")

    def upload(self, path: Path, name: str) -> str:
        """Put a local file into the folder of results and give its URL."""
        bucket, prefix = split_location(self.output)
        self.s3.upload_file(str(path), bucket, prefix + name)
        return f"s3://{bucket}/{prefix}{name}"


@dataclass(frozen=True)
class Outcome:
    """What a statement left.

    Attributes:
        location: OutputLocation.
        columns: columns of its result rows.
        header: the first result row holds the column names.
        updated: rows written by a CTAS or INSERT.
        rows: rows of the result of a query.
        manifest: URL of the list of files written.
    """

    location: str
    columns: Sequence[Column] = ()
    header: bool = False
    updated: int | None = None
    rows: int | None = None
    manifest: str | None = None


def text_outcome(session: Session, lines: Sequence[str], names: Sequence[str]) -> Outcome:
    """Leave the tab-separated lines that a SHOW, DESCRIBE or other DDL statement gives."""
    path = session.scratch / "lines.txt"
    path.write_text("".join(line + "\n" for line in lines), encoding="utf-8")
    url = session.upload(path, f"{session.id}.txt")
    return Outcome(url, [Column(name, "VARCHAR") for name in names])
