"""What databases are opened with: credentials that they may refuse, and whom to trust."""

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any


class RefusedCredentials(Exception):
    """The database refuses user or password; trying again would change nothing."""


@contextmanager
def authorities_file(secret: Mapping[str, Any]) -> Iterator[str | None]:
    """The file of the secret's `sslrootcert`; PEM text is one as long as the block lasts."""
    given = secret.get("sslrootcert")
    if not given or "-----BEGIN" not in given:
        yield given
        return
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as file:
        file.write(given)
        file.flush()
        yield file.name
