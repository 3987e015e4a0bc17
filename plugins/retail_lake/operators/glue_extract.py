"""One database table to Parquet in S3 by a Glue job, where a worker is too small for it."""

import re
from collections.abc import Sequence
from typing import Any, ClassVar, Protocol

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from retail_extract.errors import RefusedError
from retail_extract.finished import ExtractLayout
from retail_lake.operators.extract_lineage import ExtractLineage
from retail_lake.operators.own_glue_run import OwnGlueRunOperator

# The uncaught exception begins Glue's ErrorMessage.
REFUSED = re.compile(rf"(?:\w+\.)*{RefusedError.__name__}: ")


class SummaryLayout(ExtractLayout, Protocol):
    """Where extracts lie in the lake's bucket, and what the job says of them."""

    def extract_summary_key(self, run_token: str, /) -> str:
        """Return the key of what a run has extracted."""


class GlueExtractOperator(ExtractLineage, OwnGlueRunOperator):
    """Lets a Glue job do what `DatabaseToS3ParquetOperator` does, to the same keys and bytes.

    This task passes names only: the job has the contract among its files and reads the secret by
    itself. It extracts the days side by side, each in one snapshot, and leaves a summary of all of
    them as its document. A run does not queue for the pool of the job that builds silver: that one
    admits a run at a time, this one several.

    Args:
        secret_id: Secrets Manager id of the database's JSON secret.
        contract: the dataset.
        days: ISO dates of the business days (templated).
        layout: where extracts and summaries lie in the lake's bucket.
        kwargs: what every run of its own takes.
    """

    template_fields: Sequence[str] = (*OwnGlueRunOperator.template_fields, "days", "secret_id")
    cost_kind: ClassVar[str] = "extract"

    def __init__(
        self, *, secret_id: str, contract: Any, days: Any, layout: SummaryLayout, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.secret_id = secret_id
        self.contract = contract
        self.dataset = contract.dataset
        self.days = days
        self.layout: SummaryLayout = layout

    def arguments(self) -> dict[str, str]:
        """Return the names of what to extract, and of where to."""
        return {
            "--dataset": self.dataset,
            "--days": ",".join(self.days),
            "--secret_id": self.secret_id,
            "--lake_bucket": self.bucket,
        }

    def document_key(self, token: str) -> str:
        """Return the key of the summary."""
        return self.layout.extract_summary_key(token)

    def finish(
        self, run: dict[str, Any], address: str, document: dict[str, Any]
    ) -> list[dict[str, Any]]:
        """Return the manifests: dicts of day, file (key), rows, bytes, sha256."""
        manifests: list[dict[str, Any]] = document["manifests"]
        found = (document["dataset"], [each["day"] for each in manifests])
        if found != (self.dataset, list(self.days)):
            raise AirflowException(
                f"{address} is of dataset and days {found}, not {(self.dataset, list(self.days))}"
            )
        namespace, name = document["source"]
        self.extracted_from = (namespace, name)
        return manifests

    def failure(self, run: dict[str, Any]) -> AirflowException:
        """Return what to raise: no other run is made of what none would mend."""
        error = super().failure(run)
        if REFUSED.match(run.get("ErrorMessage") or ""):
            return AirflowFailException(str(error))
        return error
