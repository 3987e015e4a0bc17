"""The disk on which a job's uncommitted output waits for the committer's rename."""

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from include.local_aws.gateway.paths import ObjectPath
from include.local_aws.gateway.storage import Entry


class Staging:
    """Folders and uncommitted files, in a folder of the gateway's own.

    S3 has no folders. A folder that a client made and that holds no object yet exists only
    here, and goes as soon as an object makes it real or the uncommitted files in it are gone.
    Jobs do not outlive the gateway, so what an earlier one left behind is thrown away.

    Args:
        root: Made if missing; everything in it belongs to the gateway.
    """

    def __init__(self, root: Path) -> None:
        self._tree = root / "tree"
        self._spool = root / "spool"
        for folder in (self._tree, self._spool):
            if folder.exists():
                shutil.rmtree(folder)
            folder.mkdir(parents=True)
        self._shape = threading.Lock()

    def locate(self, path: ObjectPath) -> Path:
        """Where `path` is, or would be, on the disk."""
        return self._tree / path.bucket / path.key

    def entry(self, path: ObjectPath) -> Entry | None:
        """What the disk has at `path`."""
        place = self.locate(path)
        try:
            status = place.stat()
        except (FileNotFoundError, NotADirectoryError):
            return None
        directory = stat.S_ISDIR(status.st_mode)
        size = 0 if directory else status.st_size
        return Entry(path.name, directory, size, status.st_mtime_ns // 1_000_000)

    def listing(self, path: ObjectPath) -> list[Entry]:
        """What the disk has directly below `path`, nothing if that is no folder."""
        place = self.locate(path)
        if not place.is_dir():
            return []
        found = (self.entry(path.child(name)) for name in sorted(os.listdir(place)))
        return [entry for entry in found if entry is not None]

    def files(self, path: ObjectPath) -> list[tuple[Path, ObjectPath]]:
        """Every file below `path`: where it is, and its path relative to the tree."""
        place = self.locate(path)
        return [
            (file, path.child(file.relative_to(place).as_posix()))
            for file in sorted(place.rglob("*"))
            if file.is_file()
        ]

    def make_folder(self, path: ObjectPath) -> None:
        """Make the folder and those above it."""
        with self._shape:
            self.locate(path).mkdir(parents=True, exist_ok=True)

    @contextmanager
    def received(self, chunks: Iterable[bytes]) -> Iterator[Path]:
        """Write an upload to a spool file, which is gone afterwards unless it was moved.

        Raises:
            RemoteError: Whatever `chunks` raises when the client goes away in the middle; the
                file is then discarded.
        """
        handle, name = tempfile.mkstemp(dir=self._spool)
        file = Path(name)
        try:
            with open(handle, "wb") as out:
                for chunk in chunks:
                    out.write(chunk)
            yield file
        finally:
            file.unlink(missing_ok=True)

    def keep(self, file: Path, path: ObjectPath) -> None:
        """Move a received file to `path`, replacing a file that is there."""
        with self._shape:
            place = self.locate(path)
            place.parent.mkdir(parents=True, exist_ok=True)
            file.replace(place)

    def move(self, source: ObjectPath, target: ObjectPath) -> None:
        """Move a file or a folder to a place where nothing is."""
        with self._shape:
            place = self.locate(target)
            place.parent.mkdir(parents=True, exist_ok=True)
            self.locate(source).rename(place)
        self.forget_empty(source)

    def delete(self, path: ObjectPath) -> bool:
        """Delete a file or a folder with all in it; whether there was one."""
        place = self.locate(path)
        with self._shape:
            if place.is_dir():
                shutil.rmtree(place)
            elif place.exists():
                place.unlink()
            else:
                return False
        self.forget_empty(path)
        return True

    def forget_empty(self, path: ObjectPath) -> None:
        """Remove the folders above `path` that are not staged and hold nothing any more."""
        with self._shape:
            place = self.locate(path).parent
            while place != self._tree:
                relative = ObjectPath.parse(place.relative_to(self._tree).as_posix())
                if relative.staged or (place.is_dir() and any(place.iterdir())):
                    return
                if place.is_dir():
                    place.rmdir()
                place = place.parent
