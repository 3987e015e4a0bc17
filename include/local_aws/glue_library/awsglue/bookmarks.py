"""What runs of a job have read: one bookmark per transformation context of a source.

As on AWS ("Tracking processed data using job bookmarks"): a file counts as new by its time of last
modification, so a rewritten file is read again; nothing is remembered until `job.commit()`; a
source without a transformation context has no bookmark.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from awsglue import local_service
from awsglue.catalog import client
from awsglue.errors import NotSupportedHere
from awsglue.listing import S3Object

OVERLAP_SECONDS = 900.0
"""Files this much older than the newest are remembered one by one: S3 lists may come late."""


@dataclass
class Bookmark:
    """The bookmark of the job that runs.

    Attributes:
        option: `job-bookmark-enable`, `-pause` or `-disable`.
        job: The job's name.
        run: The run's id.
        version: Of the stored bookmark; a commit over another version is refused.
        kept: What was stored when the run began: by context the newest time, and the files
            (address to time) that were not much older; of a database the last row's keys.
        seen: The same after what this run has read.
    """

    option: str = "job-bookmark-disable"
    job: str = ""
    run: str = ""
    version: int = 0
    kept: dict[str, Any] = field(default_factory=dict)
    seen: dict[str, Any] = field(default_factory=dict)

    def unread(self, context: str, objects: Sequence[S3Object]) -> list[S3Object]:
        """The files that no committed run has read in this context."""
        if self.option == "job-bookmark-disable" or not context:
            return list(objects)
        before = self.kept.get(context) or {"until": 0.0, "files": {}}
        border = before["until"] - OVERLAP_SECONDS
        fresh = [
            item
            for item in objects
            if item.modified >= border and before["files"].get(item.path) != item.modified
        ]
        times = {**before["files"], **{item.path: item.modified for item in fresh}}
        until = max([before["until"], *times.values()])
        files = {path: time for path, time in times.items() if time >= until - OVERLAP_SECONDS}
        self.seen[context] = {"until": until, "files": files}
        return fresh

    def passed(self, context: str) -> list[str] | None:
        """The keys of the last row of a database that committed runs have read, None for none."""
        keys: list[str] | None = (self.kept.get(context) or {}).get("keys")
        return keys

    def pass_to(self, context: str, keys: Sequence[str]) -> None:
        """Remember the keys of the last row that this run has read."""
        self.seen[context] = {"keys": list(keys)}

    def commit(self) -> None:
        """Store what this run has read, if bookmarks are enabled."""
        if self.option != "job-bookmark-enable":
            return
        local_service.call(
            "LocalGlue.CommitJobBookmark",
            {
                "JobName": self.job,
                "RunId": self.run,
                "Version": self.version,
                "JobBookmark": json.dumps({**self.kept, **self.seen}),
            },
        )
        self.version += 1
        self.kept = {**self.kept, **self.seen}


current = Bookmark()
"""Of the job that runs: one per process, as `Job` is on AWS."""


def open_bookmark(job: str, arguments: Mapping[str, Any]) -> Bookmark:
    """Read the bookmark of a job; called by `Job.init`.

    Args:
        job: The job's name.
        arguments: As `getResolvedOptions` gave them.
    """
    if arguments.get("job_bookmark_from") or arguments.get("job_bookmark_to"):
        raise NotSupportedHere("--job-bookmark-from and --job-bookmark-to")
    current.option = arguments.get("job_bookmark_option") or "job-bookmark-disable"
    current.job, current.run = job, str(arguments.get("JOB_RUN_ID") or "")
    current.version, current.kept, current.seen = 0, {}, {}
    if current.option != "job-bookmark-disable":
        try:
            entry = client().get_job_bookmark(JobName=job)["JobBookmarkEntry"]
        except client().exceptions.EntityNotFoundException:
            return current  # its first run
        current.version = int(entry["Version"])
        current.kept = json.loads(entry.get("JobBookmark") or "{}")
    return current
