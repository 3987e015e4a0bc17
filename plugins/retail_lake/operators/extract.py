"""One database table to Parquet in S3, day by day, exact and atomic."""

from collections.abc import Mapping
from typing import Any

from retail_extract.business_day import BusinessDay
from retail_extract.multipart import MultipartObject
from retail_extract.snapshot import dataset_name
from retail_extract.table import Extract
from retail_extract.table_to_parquet import write_rows
from retail_lake.operators.daily_extract import DailyExtractOperator


class DatabaseToS3ParquetOperator(DailyExtractOperator):
    """Extracts the rows of each given day into one Parquet object per day.

    Per day, one REPEATABLE READ, READ ONLY snapshot is streamed (rows → Arrow → Parquet → multipart
    upload) with bounded memory, ordered by time and key. The same rows are the same bytes,
    whichever engine (PostgreSQL, MySQL, MariaDB: the secret's `engine`) they come from. A day
    without rows is a valid extract, with the schema.

    Args:
        contract: the dataset, with what `Extract.from_contract` takes; its source says whether a
            day's rows are those `of_the_day` by the time column, or all `until_day_end`.
        kwargs: what every daily extract takes. The secret is what `open_snapshot` takes.
    """

    suffix = "parquet"

    def __init__(self, *, contract: Any, **kwargs: Any) -> None:
        super().__init__(contract=contract, **kwargs)
        self.extract = Extract.from_contract(contract)

    def source(self, secret: Mapping[str, Any]) -> tuple[str, str]:
        """Return the database and the table."""
        return dataset_name(secret, self.extract)

    def fill(
        self, target: MultipartObject, day: BusinessDay, secret: dict[str, Any], session: str
    ) -> Mapping[str, Any]:
        """Write the rows; see `DailyExtractOperator.fill`."""
        return write_rows(
            target, day, self.extract, secret, self.secret_id, session, self._progress
        )

    def _progress(self, rows: int) -> None:
        self.log.info("%s: %s rows written", self.extract.name, rows)
