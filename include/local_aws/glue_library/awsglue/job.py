"""The job that runs."""

from collections.abc import Mapping
from typing import Any

from awsglue import bookmarks


class Job:
    """Begins and commits a run; what is committed are its bookmarks.

    Args:
        glue_context: The GlueContext of the script.
    """

    _initialized = False

    def __init__(self, glue_context: Any) -> None:
        self._glue_context = glue_context

    def init(self, job_name: str, args: Mapping[str, Any] | None = None) -> None:
        """Begin.

        Args:
            job_name: Of the job.
            args: As `getResolvedOptions` gave them.
        """
        bookmarks.open_bookmark(job_name, args or {})
        Job._initialized = True

    def isInitialized(self) -> bool:
        """Whether `init` was called."""
        return Job._initialized

    def commit(self) -> None:
        """Remember what the sources have read, if bookmarks are enabled."""
        bookmarks.current.commit()
