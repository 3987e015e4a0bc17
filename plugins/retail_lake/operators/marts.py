"""Build and check every mart of a release, side by side."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from airflow.sdk import TaskGroup

from retail_lake.defaults import xcom
from retail_lake.operators.build_table import BuildTableOperator
from retail_lake.operators.quality_checks import QualityChecksOperator


class Mart(Protocol):
    """A table to build."""

    name: str
    batched: Callable[[str, str, str, Sequence[Any]], list[str]]

    def ctas(self, staged_table: str, location: str, release: str, /) -> str:
        """Return the statement that builds a release of it."""


class MartLayout(Protocol):
    """Where the marts of a release and their checks' results lie."""

    def uri(self, bucket: str, key: str, /) -> str:
        """Return `s3://bucket/key`."""

    def staged_table(self, database: str, mart: str, release: str, try_number: str, /) -> str:
        """Return `database.table` of what one attempt builds."""

    def gold_prefix(self, mart: str, release: str, try_number: str, /) -> str:
        """Return the folder of what one attempt builds."""

    def quality_results_key(self, release: str, mart: str, try_number: str, /) -> str:
        """Return the key of one attempt's check results."""


class MartsTaskGroup(TaskGroup):
    """Per mart `build_<mart>` (a CTAS into a table that nobody reads yet) and `check_<mart>`.

    Args:
        group_id: the group's name.
        marts: what to build.
        check_sql: (mart, `database.table`, release) → the query of its checks, of which
            `rows_exist` observes how many rows there are.
        template: makes of Jinja a text that the layout and the marts take for a name.
        release: the release's id (templated).
        bucket: the lake's bucket.
        layout: where things lie.
        database: of the marts.
        workgroup: Athena's.
        manifest: address of the job's manifest (templated).
        results_table: (database, table) of the checks' results.

    Attributes:
        staged: mart → `database.table` that holds it, known once it is built (templated).
        rows: mart → how many it has, known once it is checked (templated).
    """

    def __init__(
        self,
        group_id: str,
        marts: Sequence[Mart],
        *,
        check_sql: Callable[[Any, str, str], str],
        template: Callable[[str], str],
        release: str,
        bucket: str,
        layout: MartLayout,
        database: str,
        workgroup: str,
        manifest: str,
        results_table: tuple[str, str],
    ) -> None:
        super().__init__(group_id=group_id)
        self.staged: dict[str, str] = {}
        self.rows: dict[str, str] = {}
        r, attempt = template(release), template("{{ ti.try_number }}")
        athena = {"database": database, "workgroup": workgroup}
        with self:
            for mart in marts:
                table = layout.staged_table(database, mart.name, r, attempt)
                folder = layout.uri(bucket, layout.gold_prefix(mart.name, r, attempt))
                results = layout.quality_results_key(r, mart.name, attempt)
                build = BuildTableOperator(
                    task_id=f"build_{mart.name}",
                    query=mart.ctas(table, folder, r),
                    target=[str(table), str(folder), release],
                    table=f"{database}.{mart.name}",
                    split=mart.batched,
                    manifest=manifest,
                    **athena,
                )
                self.staged[mart.name] = xcom(build.task_id, "staged_table")
                check = QualityChecksOperator(
                    task_id=f"check_{mart.name}",
                    query=check_sql(mart, template(self.staged[mart.name]), r),
                    labels={"mart": mart.name},
                    release=release,
                    results=str(layout.uri(bucket, results)),
                    results_table=results_table,
                    **athena,
                )
                build >> check
                observed = f"ti.xcom_pull(task_ids='{check.task_id}')['observed']"
                self.rows[mart.name] = f"{{{{ {observed}['rows_exist'] }}}}"
