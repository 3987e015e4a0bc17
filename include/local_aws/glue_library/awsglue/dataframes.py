"""`glueContext.create_data_frame` and `glueContext.write_data_frame`: the same for DataFrames."""

from typing import TYPE_CHECKING, Any

from pyspark.sql import DataFrame

from awsglue.errors import NotSupportedHere

if TYPE_CHECKING:
    from awsglue.context import GlueContext

STREAMS = ("kinesis", "kafka")


class DataFrameReader:
    """Reads DataFrames; streams are missing."""

    def __init__(self, glue_context: "GlueContext") -> None:
        self._glue_context = glue_context

    def from_catalog(self, *args: Any, **options: Any) -> DataFrame:
        """Read a table; see `GlueContext.create_dynamic_frame_from_catalog`."""
        return self._glue_context.create_dynamic_frame_from_catalog(*args, **options).toDF()

    def from_options(self, connection_type: str, *args: Any, **options: Any) -> DataFrame:
        """Read files; see `GlueContext.create_dynamic_frame_from_options`."""
        if connection_type.lower() in STREAMS:
            raise NotSupportedHere(f"the stream {connection_type!r}")
        context = self._glue_context
        return context.create_dynamic_frame_from_options(connection_type, *args, **options).toDF()


class DataFrameWriter:
    """Writes DataFrames."""

    def __init__(self, glue_context: "GlueContext") -> None:
        self._glue_context = glue_context

    def from_catalog(self, frame: DataFrame, *args: Any, **options: Any) -> Any:
        """Write to a table; see `GlueContext.write_dynamic_frame_from_catalog`."""
        return self._glue_context.write_dynamic_frame_from_catalog(
            self._dynamic(frame), *args, **options
        )

    def from_options(self, frame: DataFrame, *args: Any, **options: Any) -> Any:
        """Write files; see `GlueContext.write_dynamic_frame_from_options`."""
        return self._glue_context.write_dynamic_frame_from_options(
            self._dynamic(frame), *args, **options
        )

    def _dynamic(self, frame: DataFrame) -> Any:
        from awsglue.dynamicframe import DynamicFrame

        return DynamicFrame(frame, self._glue_context)
