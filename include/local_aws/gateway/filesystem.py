"""One tree out of S3 and the staging disk, with the semantics Hadoop's committer relies on."""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from include.local_aws.gateway.errors import already_exists, not_empty, not_found, unsupported
from include.local_aws.gateway.paths import ObjectPath
from include.local_aws.gateway.staging import Staging
from include.local_aws.gateway.storage import CHUNK, Download, Entry, ObjectStore

# How many objects of one rename are put or copied at a time.
PARALLEL = 8


class FileSystem:
    """The tree that a Hadoop client sees.

    Args:
        store: What is committed.
        staging: What is not.
    """

    def __init__(self, store: ObjectStore, staging: Staging) -> None:
        self._store = store
        self._staging = staging

    def status(self, path: ObjectPath) -> Entry:
        """The file or folder at `path`.

        Raises:
            RemoteError: There is none.
        """
        found = self._find(path)
        if found is None:
            raise not_found(path)
        return found

    def _find(self, path: ObjectPath) -> Entry | None:
        if not path.bucket:
            return Entry("", True)
        if path.staged:
            return self._staging.entry(path)
        found = self._store.head(path)
        if found is None and self._store.is_prefix(path):
            found = Entry(path.name, True)
        return found or self._staging.entry(path)

    def listing(self, path: ObjectPath) -> list[Entry]:
        """What is directly below a folder, by name; for a file, the file with an empty name.

        Raises:
            RemoteError: Nothing is at `path`.
        """
        if not path.bucket:
            return [Entry(name, True) for name in sorted(self._store.buckets())]
        found = self.status(path)
        if not found.directory:
            return [Entry("", False, found.size, found.modified)]
        entries = {entry.name: entry for entry in self._staging.listing(path)}
        if not path.staged:
            entries |= {entry.name: entry for entry in self._store.listing(path)}
        return [entries[name] for name in sorted(entries)]

    def total(self, path: ObjectPath) -> tuple[int, int]:
        """Number and bytes of all files at or below `path`.

        Raises:
            RemoteError: Nothing is at `path`.
        """
        found = self.status(path)
        if not found.directory:
            return 1, found.size
        sizes = [file.stat().st_size for file, _ in self._staging.files(path)]
        if not path.staged:
            sizes += [size for _, size in self._store.walk(path)]
        return len(sizes), sum(sizes)

    def read(self, path: ObjectPath, offset: int, length: int | None) -> Download:
        """The bytes from `offset`, at most `length` of them.

        Raises:
            RemoteError: No file is at `path`, or it ends before `offset`.
        """
        if not path.staged:
            return self._store.read(path, offset, length)
        entry = self.status(path)
        if entry.directory:
            raise not_found(path)
        available = max(0, entry.size - offset)
        wanted = available if length is None else min(length, available)
        return Download(wanted, _file_chunks(self._staging.locate(path), offset, wanted))

    def write(self, path: ObjectPath, chunks: Iterable[bytes], overwrite: bool) -> None:
        """Make `chunks` the file at `path`, at once or not at all.

        Raises:
            RemoteError: A folder is there, or a file that may not be overwritten; or the
                client went away before the end.
        """
        there = self._find(path)
        if there is not None and (there.directory or not overwrite):
            for _ in chunks:
                pass
            raise already_exists(path)
        with self._staging.received(chunks) as file:
            if path.staged:
                self._staging.keep(file, path)
            else:
                self._store.upload(file, path)
                self._staging.forget_empty(path)

    def make_folder(self, path: ObjectPath) -> None:
        """Make a folder and those above it.

        Raises:
            RemoteError: A file is there.
        """
        there = self._find(path)
        if there is None:
            self._staging.make_folder(path)
        elif not there.directory:
            raise already_exists(path)

    def delete(self, path: ObjectPath, recursive: bool) -> bool:
        """Delete a file, or a folder with all in it; False if nothing is there.

        Raises:
            RemoteError: A folder with something in it, and not `recursive`.
        """
        there = self._find(path)
        if there is None:
            return False
        if there.directory and not recursive and self.listing(path):
            raise not_empty(path)
        staged = self._staging.delete(path)
        if path.staged:
            return staged
        if there.directory:
            self._store.delete([child for child, _ in self._store.walk(path)])
        else:
            self._store.delete([path])
        return True

    def rename(self, source: ObjectPath, target: ObjectPath) -> bool:
        """Rename a file or folder as HDFS does: into `target` if that is a folder.

        Uncommitted output that leaves the staging disk becomes objects here; if one of them
        cannot be put, those already put are taken back.

        Returns:
            False if nothing is at `source`, or something is where it would go, or that is
            inside `source` itself.
        """
        there = self._find(source)
        occupant = self._find(target)
        if occupant is not None and occupant.directory:
            target = target.child(source.name)
            occupant = self._find(target)
        if there is None or occupant is not None or target.is_below(source):
            return False
        if source.staged and target.staged:
            self._staging.move(source, target)
        elif source.staged:
            self._commit(source, target)
        elif target.staged:
            raise unsupported(f"{source} is committed and cannot be staged again at {target}")
        else:
            self._move_objects(source, target, there.directory)
        return True

    def _commit(self, source: ObjectPath, target: ObjectPath) -> None:
        place = self._staging.locate(source)
        if place.is_dir():
            prefix = len(source.prefix)
            files = [
                (file, target.child(path.key[prefix:]))
                for file, path in self._staging.files(source)
            ]
        else:
            files = [(place, target)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            uploads = [(path, pool.submit(self._store.upload, file, path)) for file, path in files]
        failed = [upload for _, upload in uploads if upload.exception()]
        if failed:
            self._store.delete([path for path, upload in uploads if upload not in failed])
            failed[0].result()
        self._staging.delete(source)
        if files:
            self._staging.forget_empty(target)
        else:
            self._staging.make_folder(target)

    def _move_objects(self, source: ObjectPath, target: ObjectPath, directory: bool) -> None:
        if self._staging.files(source):
            raise unsupported(f"{source} has uncommitted output and cannot be renamed")
        moves = [(source, target)]
        if directory:
            below = [child for child, _ in self._store.walk(source)]
            prefix = len(source.prefix)
            moves = [(child, target.child(child.key[prefix:])) for child in below]
        with ThreadPoolExecutor(PARALLEL) as pool:
            for copied in [pool.submit(self._store.copy, *move) for move in moves]:
                copied.result()
        self._store.delete([old for old, _ in moves])
        if self._staging.delete(source) and not moves:
            self._staging.make_folder(target)


def _file_chunks(file: Path, offset: int, length: int) -> Iterator[bytes]:
    with file.open("rb") as source:
        source.seek(offset)
        while length > 0:
            chunk = source.read(min(CHUNK, length))
            if not chunk:
                return
            length -= len(chunk)
            yield chunk
