"""What sources are opened with: their secret, whether it is refused, and whom to trust."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from botocore.exceptions import ClientError

from retail_extract.errors import ExtractError, RefusedError

# What Secrets Manager refuses for good: no such secret, no permission to it or to its key, deleted.
REFUSED = (
    "AccessDeniedException",
    "DecryptionFailure",
    "InvalidRequestException",
    "ResourceNotFoundException",
)


class RefusedCredentials(Exception):
    """The database refuses user or password; trying again would change nothing."""


def read_secret(
    client: Any,
    secret_id: str,
    values: Sequence[str] = (),
    mask: Callable[[Any], None] = lambda value: None,
) -> dict[str, Any]:
    """Read a source's secret, a JSON object.

    Args:
        client: a boto3 client of Secrets Manager.
        secret_id: its id there.
        values: those of its keys whose values nobody may see.
        mask: called with what is to be kept out of logs: the whole text and those values.

    Raises:
        RefusedError: there is no such secret, or this role may not read it.
        ExtractError: it is no JSON object.
    """
    try:
        text = client.get_secret_value(SecretId=secret_id)["SecretString"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in REFUSED:
            raise
        raise RefusedError(
            f"secret {secret_id}: {error}: create it, or allow this role to read it"
        ) from None
    mask(text)
    try:
        secret = json.loads(text)
    except ValueError:
        raise ExtractError(f"secret {secret_id} is not JSON: store it anew") from None
    if not isinstance(secret, dict):
        raise ExtractError(f"secret {secret_id} is not a JSON object: store it anew")
    for name in values:
        mask(secret.get(name))
    return secret


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
