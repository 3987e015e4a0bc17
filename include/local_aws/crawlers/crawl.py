"""One crawl: list, look into the files, write the catalog."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from include.local_aws import catalog
from include.local_aws.crawlers.definition import Definition
from include.local_aws.crawlers.formats import Found, inspect
from include.local_aws.crawlers.listing import CrawlError, File, Folder, group, list_files
from include.local_aws.crawlers.tables import summarise
from include.local_aws.crawlers.writing import Writer
from include.local_aws.front.context import Context

READERS = 8


class StoppedError(Exception):
    """Somebody asked the crawl to stop."""


class Crawl:
    """Runs a crawler once.

    Args:
        context: MiniStack and the state folder.
        definition: what to crawl.
        log: takes one line for the crawl's log.
        stopped: says whether the crawl is to stop; it then raises `StoppedError` soon.
    """

    def __init__(
        self,
        context: Context,
        definition: Definition,
        log: Callable[[str], None],
        stopped: Callable[[], bool],
    ) -> None:
        self._s3 = context.client("s3")
        self._definition = definition
        self._log = log
        self._stopped = stopped
        handlers = catalog.actions(context)

        def glue(action: str, body: dict[str, Any]) -> dict[str, Any]:
            self._check()
            return handlers[f"AWSGlue.{action}"](body)

        self._context = context
        self._row_tags: tuple[str, ...] = ()
        self._writer = Writer(definition, glue, log)

    def run(self) -> Counter[str]:
        """Crawl all targets.

        Returns:
            Numbers of changes, by "TABLE ADD", "PARTITION UPDATE" and the like.

        Raises:
            CrawlError: what was found cannot be written as tables.
            StoppedError: the crawl was stopped; what was written until then stays.
            AwsError: the catalog refused, for example because the database does not exist.
            botocore.exceptions.ClientError: S3 refused, for example because of a missing bucket.
        """
        self._row_tags = tuple(map(self._row_tag, self._definition.classifiers))
        for target in self._definition.targets:
            files = []
            for file in list_files(self._s3, target):
                self._check()
                files.append(file)
            self._log(f"{target.url}: {len(files)} files")
            for folder in group(target, files, self._definition.level):
                self._write(folder, target.sample)
        self._writer.remove_tables()
        return self._writer.changes

    def _row_tag(self, classifier: str) -> str:
        """Give the row tag of a custom classifier."""
        answer = self._context.forward("AWSGlue.GetClassifier", {"Name": classifier})
        found = answer["Classifier"].get("XMLClassifier")
        if not found or not found.get("RowTag"):
            raise CrawlError(
                f"crawler {self._definition.name}: of custom classifiers, only XMLClassifier with "
                f"a RowTag is executed here, not {classifier}; remove it"
            )
        return str(found["RowTag"])

    def _check(self) -> None:
        if self._stopped():
            raise StoppedError

    def _write(self, folder: Folder, sample: int | None) -> None:
        """Look into a folder's files and write its table."""
        chosen = {values: files[:sample] for values, files in folder.partitions.items()}
        with ThreadPoolExecutor(READERS) as pool:
            findings = {
                values: list(zip(files, pool.map(self._inspect, files), strict=True))
                for values, files in chosen.items()
            }
        whole = summarise([pair for pairs in findings.values() for pair in pairs])
        for file in whole.odd:
            self._log(f"{file.url} is not {whole.leading.classification} as the other files are")
        parts = {values: summarise(pairs) for values, pairs in findings.items()}
        self._writer.write(folder, whole, parts)

    def _inspect(self, file: File) -> Found:
        self._check()
        return inspect(partial(self._read, file), file.size, self._row_tags)

    def _read(self, file: File, start: int, length: int) -> bytes:
        """Read part of an object."""
        span = f"bytes={start}-{start + length - 1}"
        answer = self._s3.get_object(Bucket=file.bucket, Key=file.key, Range=span)
        return bytes(answer["Body"].read())
