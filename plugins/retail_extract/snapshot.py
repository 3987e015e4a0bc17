"""Opening a database as of one instant: which engine, with which credentials, over which TLS."""

from collections.abc import Callable, Mapping
from typing import Any

from retail_extract.credentials import RefusedCredentials
from retail_extract.errors import RefusedError
from retail_extract.mysql import MySqlSnapshot
from retail_extract.postgres import PostgresSnapshot
from retail_extract.table import Extract, Snapshot

#: `engine` of the secret, in the words of RDS and of people
ENGINES: dict[str, Callable[[Mapping[str, Any], str], Snapshot]] = {
    **dict.fromkeys(("postgres", "postgresql", "aurora-postgresql"), PostgresSnapshot),
    **dict.fromkeys(("mysql", "mariadb", "aurora-mysql"), MySqlSnapshot),
}
SECRET_KEYS = ("host", "port", "dbname", "username", "password")
#: as libpq has them: encrypted at all, by an authority we know, as the host we named
TLS_MODES = ("disable", "prefer", "require", "verify-ca", "verify-full")


def open_snapshot(secret: Mapping[str, Any], secret_id: str, session: str) -> Snapshot:
    """Connect and begin the transaction.

    Args:
        secret: host, port, dbname, username, password; engine (one of ENGINES, PostgreSQL if it is
            not there), sslmode (one of TLS_MODES, `prefer` if it is not there) and sslrootcert (the
            authorities' certificates: a file of the worker, or the PEM text itself).
        secret_id: its name, for messages.
        session: how the session is called in the database's list of sessions.

    Raises:
        RefusedError: the secret is incomplete or the database refuses its credentials;
            neither passes by itself.
    """
    missing = [key for key in SECRET_KEYS if not secret.get(key)]
    if missing:
        raise RefusedError(f"secret {secret_id} has no {', '.join(missing)}: add it")
    engine = str(secret.get("engine", "postgres"))
    if engine not in ENGINES:
        raise RefusedError(f"secret {secret_id}: engine {engine!r} is not one of {sorted(ENGINES)}")
    mode = str(secret.get("sslmode", "prefer"))
    if mode not in TLS_MODES:
        raise RefusedError(f"secret {secret_id}: sslmode {mode!r} is not one of {TLS_MODES}")
    if mode.startswith("verify") and not secret.get("sslrootcert"):
        raise RefusedError(f"secret {secret_id}: sslmode {mode} needs sslrootcert, whom to trust")
    try:
        return ENGINES[engine]({**secret, "sslmode": mode}, session)
    except RefusedCredentials as error:
        raise RefusedError(
            f"the database refuses the credentials in secret {secret_id} ({error}): "
            "store the current ones there, then clear the task"
        ) from None


def dataset_name(secret: Mapping[str, Any], extract: Extract) -> tuple[str, str]:
    """Namespace and name of a table, as OpenLineage's naming of datasets has them."""
    if ENGINES[str(secret.get("engine", "postgres"))] is MySqlSnapshot:
        scheme, name = "mysql", f"{extract.schema or secret['dbname']}.{extract.table}"
    else:
        scheme = "postgres"
        name = f"{secret['dbname']}.{extract.schema or 'public'}.{extract.table}"
    return f"{scheme}://{secret['host']}:{secret['port']}", name
