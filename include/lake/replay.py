"""Quarantine replay: which quarantined rows pass the contracts as they are deployed now.

Silver is a pure function of bronze, and bronze keeps every file. So nothing is ever patched into a
table: rows are judged by building their arrival days again into a release that is never published,
and replaying them is an ordinary run of the daily DAG for those days.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from typing import Any

from include.lake import inputs, values
from include.lake.contracts import Lake
from include.lake.releases import Pointer, release_id
from include.lake.window import Window

#: A reason as quarantine has it, or what stands before its colon.
REASON = r"[a-z_]+(:[a-z0-9_]+)?"


@dataclass(frozen=True)
class Replay:
    """Replays of one lake.

    Attributes:
        lake: the contracts, and the names of its databases.
    """

    lake: Lake

    @staticmethod
    def manifest_keys(objects: Iterable[inputs.BronzeObject]) -> list[str]:
        """The keys of the extract manifests among the objects of a day: what must be read."""
        return inputs.manifest_keys(objects)

    def found(self, params: Mapping[str, Any]) -> str:
        """The query for the published quarantine: rows by dataset, ingest_date and reason.

        Args:
            params: dataset (or empty for all), reason (or what stands before its colon, or
                empty), from_date and to_date (arrival days, each or both may be empty).

        Raises:
            ValueError: one of them is not what it should be.
        """
        return (
            f"{self._published(params)}\n"
            "SELECT dataset, CAST(ingest_date AS varchar) AS ingest_date, reason,"
            " count(*) AS quarantined\n"
            "FROM quarantined\nGROUP BY dataset, ingest_date, reason\nORDER BY 1, 2, 3"
        )

    def judged(self, params: Mapping[str, Any], release: str) -> str:
        """The query for the same rows, held against what a release made of their files.

        Args:
            params: as of ``found``.
            release: that the files were built into.

        Returns:
            dataset, ingest_date, reason, quarantined (rows), would_pass (those that are not refused
            any more) and gone (those whose file is no input any more).
        """
        ops, built = self.lake.ops_database, values.release(release)
        return f"""{self._published(params)},
refused AS (
    SELECT dataset, ingest_date, source_file, source_row
    FROM {ops}.quarantine
    WHERE release = '{built}'
),
files AS (
    SELECT dataset, ingest_date, source_file
    FROM {ops}.run_ledger
    WHERE release = '{built}'
)
SELECT
    quarantined.dataset,
    CAST(quarantined.ingest_date AS varchar) AS ingest_date,
    quarantined.reason,
    count(*) AS quarantined,
    sum(CASE WHEN files.source_file IS NOT NULL AND refused.source_file IS NULL THEN 1 ELSE 0 END)
        AS would_pass,
    sum(CASE WHEN files.source_file IS NULL THEN 1 ELSE 0 END) AS gone
FROM quarantined
LEFT JOIN files
    ON files.dataset = quarantined.dataset
    AND files.ingest_date = quarantined.ingest_date
    AND files.source_file = quarantined.source_file
LEFT JOIN refused
    ON refused.dataset = quarantined.dataset
    AND refused.ingest_date = quarantined.ingest_date
    AND refused.source_file = quarantined.source_file
    AND refused.source_row = quarantined.source_row
GROUP BY quarantined.dataset, quarantined.ingest_date, quarantined.reason
ORDER BY 1, 2, 3"""

    def release(self, dag_id: str, run_id: str, try_number: int, days: Iterable[date]) -> str:
        """The id of what one attempt to judge files of those arrival days builds."""
        ordered = sorted(days)
        return release_id(dag_id, run_id, try_number, Window(ordered[0], ordered[-1]))

    def inputs(
        self,
        release: str,
        bucket: str,
        listings: inputs.Listings,
        manifests: inputs.Manifests,
        erased: Sequence[str] = (),
    ) -> dict[str, Any]:
        """The input list of a release that judges files and is never published.

        Args:
            release: its id.
            bucket: the lake's bucket.
            listings: the objects of the datasets and arrival days concerned, of no others.
            manifests: the documents of the extract manifests among them.
            erased: tokens of the persons to forget.

        Raises:
            InputsError: a delivery is not complete any more.
            WindowError: the days are too far apart for one run.
        """
        days = [day for by_day in listings.values() for day in by_day]
        window = Window(min(days), max(days))
        document: dict[str, Any] = {}
        files: dict[str, list[Any]] = {contract.dataset: [] for contract in self.lake.contracts}
        for dataset, by_day in listings.items():
            only = replace(self.lake, contracts=(self.lake.contract(dataset),))
            for day, objects in sorted(by_day.items()):
                listed = {dataset: {day: objects}}
                document = inputs.build(
                    release,
                    Window(day, day),
                    only,
                    bucket,
                    listed,
                    manifests,
                    Pointer(),
                    {},
                    erased,
                )
                files[dataset] += document["datasets"][dataset]
        whole = {"from": window.from_date.isoformat(), "to": window.to_date.isoformat()}
        return {**document, "window": whole, "datasets": files}

    def runs(self, days: Iterable[date], run_id: str) -> list[dict[str, Any]]:
        """The runs of the daily DAG that rebuild exactly those arrival days, a range each.

        Args:
            days: arrival days.
            run_id: of the replay; the same replay makes the same runs.
        """
        digest = hashlib.sha256(run_id.encode()).hexdigest()[:8]
        return [
            {
                "conf": {"from_date": str(window.from_date), "to_date": str(window.to_date)},
                "trigger_run_id": f"replay__{window.from_date}_{window.to_date}__{digest}",
            }
            for window in ranges(days)
        ]

    def _published(self, params: Mapping[str, Any]) -> str:
        """The CTE ``quarantined``: the published rows that are asked for."""
        ops = self.lake.ops_database
        known = [contract.dataset for contract in self.lake.contracts]
        dataset, reason = params.get("dataset") or "", params.get("reason") or ""
        if dataset and dataset not in known:
            raise ValueError(f"no dataset {dataset!r}; there are {', '.join(known)}")
        names = ", ".join(f"'{name}'" for name in ([dataset] if dataset else known))
        conditions = [f"rows.dataset IN ({names})"]
        if reason:
            values.checked(reason, REASON, "a reason, such as invalid or invalid:price")
            conditions.append(f"(rows.reason = '{reason}' OR rows.reason LIKE '{reason}:%')")
        for name, sign in (("from_date", ">="), ("to_date", "<=")):
            if params.get(name):
                day = values.iso_date(str(params[name]))
                conditions.append(f"rows.ingest_date {sign} DATE '{day}'")
        return f"""WITH quarantined AS (
    SELECT rows.dataset, rows.ingest_date, rows.source_file, rows.source_row, rows.reason
    FROM {ops}.quarantine AS rows
    INNER JOIN {ops}.published AS published
        ON published.table_name = 'quarantine'
        AND CAST(published.ingest_date AS date) = rows.ingest_date
        AND published.release = rows.release
    WHERE {" AND ".join(conditions)}
)"""


def ranges(days: Iterable[date]) -> Sequence[Window]:
    """Days as contiguous windows, in order."""
    found: list[Window] = []
    for day in sorted(set(days)):
        if found and day - found[-1].to_date == timedelta(days=1):
            found[-1] = Window(found[-1].from_date, day)
        else:
            found.append(Window(day, day))
    return found
