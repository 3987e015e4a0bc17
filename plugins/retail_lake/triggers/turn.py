"""Waiting for a lease to be free."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

from airflow.providers.amazon.aws.hooks.s3 import S3Hook
from airflow.triggers.base import BaseTrigger, TriggerEvent
from botocore.exceptions import ClientError

from retail_lake.hooks.documents import split_uri
from retail_lake.hooks.errors import error_code
from retail_lake.hooks.lease import GONE, read_held
from retail_lake.hooks.retries import ADAPTIVE_RETRIES


class LeaseFreeTrigger(BaseTrigger):
    """Fires when nobody else has the lease.

    Args:
        uri: address of the lease.
        holder: who waits.
        delay: seconds between two looks.
        aws_conn_id: the Airflow connection.
    """

    def __init__(
        self, uri: str, holder: str, delay: float, aws_conn_id: str | None = "aws_default"
    ) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.uri = uri
        self.holder = holder
        self.delay = delay
        self.aws_conn_id = aws_conn_id

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class path and the arguments that rebuild this trigger."""
        return (
            "retail_lake.triggers.turn.LeaseFreeTrigger",
            {
                "uri": self.uri,
                "holder": self.holder,
                "delay": self.delay,
                "aws_conn_id": self.aws_conn_id,
            },
        )

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Yield one event once the lease is free or has run out."""
        bucket, key = split_uri(self.uri)
        hook: Any = S3Hook(aws_conn_id=self.aws_conn_id, config=ADAPTIVE_RETRIES)
        async with await hook.get_async_conn() as client:
            while await self._must_wait(client, bucket, key):
                await asyncio.sleep(self.delay)
        yield TriggerEvent({"event": "free"})  # type: ignore[no-untyped-call]

    async def _must_wait(self, client: Any, bucket: str, key: str) -> bool:
        try:
            answer = await client.get_object(Bucket=bucket, Key=key)
        except ClientError as error:
            if error_code(error) in GONE:
                return False
            raise
        held = read_held(await answer["Body"].read(), answer["ETag"])
        return held.stands_against(self.holder, datetime.now(UTC))
