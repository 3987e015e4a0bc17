"""Erasure: a person who is to be forgotten, named by the token that stands for the customer number.

The request is a document that every later build honours (``retail_transforms.forget``): a rebuild
of the arrival days that hold rows of the person leaves nothing of them in what readers see.
Releases that are not published any more keep theirs until housekeeping collects them.
"""

from dataclasses import dataclass
from datetime import date
from typing import Any

from include.lake import values
from include.lake.contracts import Lake
from include.lake.replay import Replay


@dataclass(frozen=True)
class Erasure:
    """Erasures of one lake.

    Attributes:
        lake: the contracts, and the names of its databases.
    """

    lake: Lake

    def found(self, token: str) -> str:
        """The query for the published rows of a person, by table and arrival day.

        Raises:
            UnsafeValueError: it is no token.
        """
        person = values.person(token)
        parts = []
        for contract in self.lake.contracts:
            tokens = [column.stored_name for column in contract.columns if column.is_restricted]
            if not tokens:
                continue
            named = " OR ".join(f"silver.{name} = '{person}'" for name in tokens)
            same_day = "AND CAST(published.sale_date AS date) = silver.sale_date "
            parts.append(
                f"SELECT '{contract.dataset}' AS dataset,"
                f" CAST(silver.ingest_date AS varchar) AS ingest_date, count(*) AS found\n"
                f"FROM {self.lake.silver_database}.{contract.silver_table} AS silver\n"
                f"INNER JOIN {self.lake.ops_database}.published AS published\n"
                f"    ON published.table_name = '{contract.silver_table}'\n"
                f"    AND CAST(published.ingest_date AS date) = silver.ingest_date\n"
                f"    {'' if contract.snapshot else same_day}"
                f"AND published.release = silver.release\n"
                f"WHERE {named}\nGROUP BY silver.ingest_date"
            )
        return "\nUNION ALL\n".join(parts) + "\nORDER BY 1, 2"

    def runs(self, days: list[date], run_id: str) -> list[dict[str, Any]]:
        """The runs of the daily DAG that rebuild those arrival days (see ``Replay.runs``)."""
        return Replay(self.lake).runs(days, run_id)
