"""Wait until a delivery is complete."""

from datetime import timedelta
from typing import Any

from airflow.providers.amazon.aws.sensors.s3 import S3KeySensor

from retail_lake.hooks.retries import ADAPTIVE_RETRIES
from retail_lake.refusals import FinalRefusals


class DeliverySensor(FinalRefusals, S3KeySensor):
    """Waits until every one of the given marker objects is there.

    House defaults over the provider's sensor, and why: deferred, so that a delivery that comes
    hours late holds no worker slot; plain keys, since check functions and wildcards do not work
    together with deferral and lists (airflow#52920, #56910); gives up after half a day, which is
    an alert that somebody still reads.

    Args:
        bucket_key: `s3://` addresses of the markers (templated; an XCom stays a list).
    """

    def __init__(self, *, poke_interval: float = 10, **kwargs: Any) -> None:
        kwargs.setdefault("timeout", timedelta(hours=12).total_seconds())
        kwargs.setdefault("deferrable", True)
        kwargs.setdefault("botocore_config", ADAPTIVE_RETRIES)
        super().__init__(poke_interval=poke_interval, **kwargs)
