"""What the extracts of every kind of source have in common: days in, one finished file per day."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.operators.base_aws import AwsBaseOperator
from airflow.sdk.exceptions import AirflowException, AirflowFailException
from airflow.sdk.log import mask_secret

from retail_extract.business_day import BusinessDay
from retail_extract.credentials import read_secret
from retail_extract.errors import ExtractError, RefusedError
from retail_extract.finished import ExtractLayout, FinishedExtract
from retail_extract.multipart import MultipartObject
from retail_lake.attempts import attempt_token
from retail_lake.hooks.documents import DocumentsHook
from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.operators.extract_lineage import ExtractLineage
from retail_lake.refusals import FinalRefusals


class DailyExtractOperator(FinalRefusals, ExtractLineage, AwsBaseOperator[DocumentsHook]):
    """Extracts each given day of a dataset into one object in bronze.

    A subclass says in `fill` where a day's bytes come from. Everything else is here: the secret,
    the days' bounds, and an object that appears whole, under its digest, with the manifest last.
    A day without rows is a valid extract.

    Args:
        secret_id: Secrets Manager id of the source's JSON secret; read at run time only.
        contract: the dataset.
        days: ISO dates of the business days (templated).
        time_zone: the zone whose calendar days these are.
        bucket: the lake's bucket.
        layout: where the extract lies in it: in flight, finished, and its manifest.
    """

    aws_hook_class = DocumentsHook
    template_fields: Sequence[str] = ("days", "secret_id")
    suffix: ClassVar[str]
    secret_values: ClassVar[tuple[str, ...]] = ("password",)

    def __init__(
        self,
        *,
        secret_id: str,
        contract: Any,
        days: Any,
        time_zone: str,
        bucket: str,
        layout: ExtractLayout,
        **kwargs: Any,
    ) -> None:
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        super().__init__(**kwargs)
        self.secret_id = secret_id
        self.dataset = contract.dataset
        self.contract = contract
        self.days = days
        self.time_zone = time_zone
        self.bucket = bucket
        self.layout = layout

    def execute(self, context: Any) -> list[dict[str, Any]]:
        """Extract every day.

        Returns:
            The manifests: dicts of day, file (key), rows, bytes, sha256.

        Raises:
            AirflowFailException: no other attempt would succeed either.
            AirflowException: the extract failed and left nothing.
        """
        try:
            secret = self.secret()
            days = map(date.fromisoformat, self.days)
            manifests = [self._extract(day, secret, context) for day in days]
            self.extracted_from = self.source(secret)
        except RefusedError as error:
            raise AirflowFailException(str(error)) from error
        except ExtractError as error:
            raise AirflowException(str(error)) from error
        return manifests

    def _extract(self, day: date, secret: dict[str, Any], context: Any) -> dict[str, Any]:
        ti = context["ti"]
        interval = BusinessDay.of(day, ZoneInfo(self.time_zone))
        self.log.info("%s: [%s, %s)", self.dataset, interval.start, interval.end)
        token = attempt_token(ti, ti.try_number, day.isoformat())[:16]
        finished = FinishedExtract(
            self.hook.client, self.bucket, self.layout, self.dataset, self.suffix
        )
        session = f"{ti.dag_id}.{ti.task_id}"
        facts = finished.write(
            interval, token, lambda target: self.fill(target, interval, secret, session)
        )
        self.log.info("%s: %s", self.dataset, facts)
        return facts

    def fill(
        self, target: MultipartObject, day: BusinessDay, secret: dict[str, Any], session: str
    ) -> Mapping[str, Any]:
        """Write one day's bytes.

        Args:
            target: what to write to; it must not be finished here.
            day: the half-open interval to extract.
            secret: the source's secret.
            session: names this task to the source.

        Returns:
            What the manifest says of it: `rows`, and more if there is more to say.
        """
        raise NotImplementedError

    def source(self, secret: Mapping[str, Any]) -> tuple[str, str]:
        """Return namespace and name of what is extracted, as OpenLineage has them."""
        raise NotImplementedError

    def secret(self) -> dict[str, Any]:
        """Read the source's secret and have its values masked in every log."""
        hook = AwsBaseHook(
            aws_conn_id=self.aws_conn_id, client_type="secretsmanager", config=ADAPTIVE_RETRIES
        )
        return read_secret(hook.get_conn(), self.secret_id, self.secret_values, mask_secret)
