"""The Spark session of the job, and its errors in a reader's words."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from py4j.protocol import Py4JJavaError  # type: ignore[import-untyped]
from pyspark.errors import PySparkException
from pyspark.sql import SparkSession

from retail_io.csv_records import SourceError

SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.ansi.enabled": "false",  # a value that does not fit is null, and then quarantined
    "spark.sql.legacy.timeParserPolicy": "CORRECTED",
    "spark.sql.parquet.outputTimestampType": "TIMESTAMP_MICROS",
    # Dates before 1582 as they stand: databases know 0001-01-01 as "never". The default is to fail.
    "spark.sql.parquet.datetimeRebaseModeInRead": "CORRECTED",
    "spark.sql.parquet.datetimeRebaseModeInWrite": "CORRECTED",
    "spark.sql.parquet.int96RebaseModeInRead": "CORRECTED",
    "spark.sql.adaptive.enabled": "true",
    # It would take what is empty out of a plan, and with it the reader's count: waiting for that
    # would then not end.
    "spark.sql.adaptive.optimizer.excludedRules": (
        "org.apache.spark.sql.execution.adaptive.AQEPropagateEmptyRelation"
    ),
    # Java never compiles a method of more than 8000 bytes, and judging a row in one generated
    # method takes more: Spark then uses many small methods instead.
    "spark.sql.codegen.hugeMethodLimit": "8000",
    # A row of quarantine may have 1 MiB of text, and a batch lies in memory twice.
    "spark.sql.execution.arrow.maxRecordsPerBatch": "4096",
    "spark.sql.shuffle.partitions": "16",  # at most; adaptive execution joins small ones
    # Literals of the size of a token key's blocks: kept out of plans, event log and UI.
    "spark.sql.redaction.string.regex": "0x[0-9A-F]{128}",
}

#: Asked for by every function of pyspark.sql. The view of Java's names (py4j's JVMView) keeps none
#: and has them looked for in all jars, some 2,500 times in a run.
_JAVA_NAMES = ("functions", "PythonUtils")


def open_session() -> SparkSession:
    """The session, with every setting that the result depends on; master and S3 are Glue's."""
    builder = SparkSession.builder.appName("bronze_to_silver")
    for name, value in SETTINGS.items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    java = session.sparkContext._jvm
    for name in _JAVA_NAMES:
        setattr(java, name, getattr(java, name))
    return session


@contextmanager
def source_errors(*kinds: type[Exception]) -> Iterator[None]:
    """Brings an error of a Spark worker back as what it is, without the Java trace.

    Args:
        kinds: of errors that are brought back; without any, it is SourceError.
    """
    try:
        yield
    except (PySparkException, Py4JJavaError) as error:
        for kind in kinds or (SourceError,):
            if found := re.search(rf"{kind.__name__}: (.+)", str(error)):
                raise kind(found[1]) from None
        raise
