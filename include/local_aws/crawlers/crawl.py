"""One crawl: list, look into the files, write the catalog."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from typing import Any

from include.local_aws import catalog
from include.local_aws.crawlers.databases import DatabaseTarget, address, tables
from include.local_aws.crawlers.definition import Definition
from include.local_aws.crawlers.formats import Found, inspect
from include.local_aws.crawlers.listing import CrawlError, File, Folder, Target, group, list_files
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
        handlers = catalog.guarded(context)

        def glue(action: str, body: dict[str, Any]) -> dict[str, Any]:
            self._check()
            return handlers[f"AWSGlue.{action}"](body)

        self._context = context
        self._glue = glue
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
            for folder in group(target, self._files(target), self._definition.level):
                self._write(folder, target.sample)
        for database in self._definition.databases:
            self._describe(database)
        for name, table in self._definition.tables:
            self._crawl_table(name, table)
        if self._definition.database:
            self._writer.remove_tables()
        return self._writer.changes

    def _files(self, target: Target) -> list[File]:
        files = []
        for file in list_files(self._s3, target):
            self._check()
            files.append(file)
        self._log(f"{target.url}: {len(files)} files")
        return files

    def _describe(self, target: DatabaseTarget) -> None:
        """Write the tables of a database."""
        connection = self._context.forward(
            "AWSGlue.GetConnection", {"Name": target.connection, "HidePassword": False}
        )["Connection"]
        where = address(connection, self._secret)
        found = [table for table in tables(where) if target.covers(table.parts)]
        self._log(f"{target.connection} {target.path}: {len(found)} tables")
        for table in found:
            self._check()
            self._writer.write_database_table(target, where.engine, table)

    def _secret(self, name: str) -> str:
        answer = self._context.client("secretsmanager").get_secret_value(SecretId=name)
        return str(answer["SecretString"])

    def _crawl_table(self, database: str, name: str) -> None:
        """Look into the folder of a table of the catalog, which is updated and never renamed."""
        key = {"DatabaseName": database, "Name": name}
        table = self._glue("GetTable", key)["Table"]
        location = table.get("StorageDescriptor", {}).get("Location", "")
        target = Target.of({"Path": location})
        folders = group(target, self._files(target), None)
        if not folders:
            self._log(f"no files for table {database}.{name} at {location}")
        writer = Writer(replace(self._definition, database=database), self._glue, self._log)
        for folder in folders:
            self._write(folder, None, writer, name)
        self._writer.changes.update(writer.changes)

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

    def _write(
        self,
        folder: Folder,
        sample: int | None,
        writer: Writer | None = None,
        table: str | None = None,
    ) -> None:
        """Look into a folder's files and write its table, one of the catalog's if it is named."""
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
        (writer or self._writer).write(folder, whole, parts, table)

    def _inspect(self, file: File) -> Found:
        self._check()
        return inspect(partial(self._read, file), file.size, self._row_tags)

    def _read(self, file: File, start: int, length: int) -> bytes:
        """Read part of an object."""
        span = f"bytes={start}-{start + length - 1}"
        answer = self._s3.get_object(Bucket=file.bucket, Key=file.key, Range=span)
        return bytes(answer["Body"].read())
