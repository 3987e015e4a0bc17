"""What the catalog's requests have in common: lower-cased names, required members, pages."""

import base64
import binascii
from collections.abc import Sequence
from typing import Any, TypeVar

from include.local_aws.front.context import AwsError

MAX_PAGE = 1000
T = TypeVar("T")


def required(body: dict[str, Any], member: str) -> Any:
    """Give a member of the request that may not be missing or empty."""
    value = body.get(member)
    if value in (None, "", {}):
        raise AwsError("InvalidInputException", f"{member} is missing from the request")
    return value


def name_of(body: dict[str, Any], member: str) -> str:
    """Give a required name as Glue stores it: lower-cased."""
    return str(required(body, member)).lower()


def page(
    rows: Sequence[T], body: dict[str, Any], largest: int = MAX_PAGE
) -> tuple[Sequence[T], dict[str, str]]:
    """Cut the page out of a result that the request asks for.

    Args:
        rows: the whole result, in an order that stays the same from page to page.
        body: the request: MaxResults (1 to `largest`) and NextToken.
        largest: rows of a page at most, and unless the request says less.

    Returns:
        The page's rows, and the answer's NextToken member (empty on the last page).

    Raises:
        AwsError: InvalidInputException for a page size out of range or a foreign token.
    """
    size = body.get("MaxResults", largest)
    if not 1 <= size <= largest:
        raise AwsError("InvalidInputException", f"MaxResults is {size}: give 1 to {largest}")
    start = _offset(body["NextToken"]) if body.get("NextToken") else 0
    end = start + size
    more = end < len(rows)
    token = base64.urlsafe_b64encode(f"offset:{end}".encode()).decode()
    return rows[start:end], ({"NextToken": token} if more else {})


def _offset(token: str) -> int:
    """Read a token that `page` gave."""
    try:
        label, _, number = base64.urlsafe_b64decode(token.encode()).decode().partition(":")
        if label == "offset":
            return int(number)
    except (binascii.Error, ValueError):
        pass
    raise AwsError("InvalidInputException", "NextToken is not one that this action gave")
