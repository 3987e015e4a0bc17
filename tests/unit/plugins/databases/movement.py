"""Somebody who changes the table of tills all the time, and somebody who reads it as it was."""

import random
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.unit.plugins.databases.tills import Tills

BEGIN = {
    "postgres": "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY",
    "mariadb": "START TRANSACTION WITH CONSISTENT SNAPSHOT, READ ONLY",
}
READ = "SELECT id, sold_at, note, amount, quantity FROM public.tills ORDER BY id"


class Writer:
    """A session that inserts, updates and deletes rows of the tills, a commit every few ms.

    Attributes:
        commits: how many there were.
    """

    def __init__(self, tills: Tills, connection: Any) -> None:
        self.commits = 0
        self._tills = Tills(tills.engine, connection.cursor(), tills.secret, tills.secret_id)
        self._lock = threading.Lock()
        self._moved = threading.Condition()
        self._ended = False
        self._thread = threading.Thread(target=self._write, daemon=True)

    @contextmanager
    def at_work(self) -> Iterator["Writer"]:
        """Write until the block ends."""
        self._thread.start()
        try:
            yield self
        finally:
            self._ended = True
            self._thread.join()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Commit nothing in the block."""
        with self._lock:
            yield

    def await_commits(self, count: int) -> None:
        """Wait until so many more changes are committed."""
        with self._moved:
            goal = self.commits + count
            assert self._moved.wait_for(lambda: self.commits >= goal, timeout=20)

    def _write(self) -> None:
        chance = random.Random(7)
        number = 1_000_000
        while not self._ended:
            number += 1
            row = f"{chance.randrange(1, 20_000):09d}"
            statements = [
                "INSERT INTO public.tills (id, sold_at, note, amount, quantity) "
                f"VALUES ('{number:09d}', '2025-03-30 12:00:00', 'new', 1.00, {number})",
                f"UPDATE public.tills SET amount = amount + 0.01 WHERE id = '{row}'",
                f"DELETE FROM public.tills WHERE id = '{chance.randrange(1, 20_000):09d}'",
                f"UPDATE public.tills SET id = 'moved-{number}' WHERE id = '{row}'",
            ]
            with self._lock:
                self._tills.execute(statements[number % len(statements)])
            with self._moved:
                self.commits += 1
                self._moved.notify_all()


class Witness:
    """A session of its own that holds one snapshot of the tills."""

    def __init__(self, tills: Tills, connection: Any) -> None:
        self._tills = Tills(tills.engine, connection.cursor(), tills.secret, tills.secret_id)

    def begin(self) -> None:
        """Take the snapshot."""
        self._tills.execute(BEGIN[self._tills.engine])
        self._tills.rows("SELECT 1 FROM public.tills")

    def read(self) -> list[tuple[Any, ...]]:
        """Return all rows of the snapshot by id."""
        return self._tills.rows(READ)
