"""The jobs' arguments."""

import argparse
import sys
from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NoReturn

from include.lake import values


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(f"{self.prog}: {message}")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """manifest, run_token and customer_token_key_secret.

    Args:
        argv: without the script's name. Arguments that are not ours (Glue adds some) are ignored.

    Raises:
        SystemExit: one of ours is missing or bad; one line says which, the exit code is 1.
    """
    parser = _Parser("bronze_to_silver", allow_abbrev=False, add_help=False)
    parser.add_argument("--manifest", required=True, type=_address)
    parser.add_argument("--run_token", required=True, type=_allowed(values.token))
    parser.add_argument("--customer_token_key_secret", required=True, type=_filled)
    return parser.parse_known_args(argv)[0]


def parse_extract_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """dataset, days (dates, each once), secret_id, lake_bucket and run_token; see above."""
    parser = _Parser("extract_table", allow_abbrev=False, add_help=False)
    parser.add_argument("--dataset", required=True, type=_allowed(values.identifier))
    parser.add_argument("--days", required=True, type=_allowed(_days))
    parser.add_argument("--secret_id", required=True, type=_filled)
    parser.add_argument("--lake_bucket", required=True, type=_allowed(_bucket))
    parser.add_argument("--run_token", required=True, type=_allowed(values.token))
    return parser.parse_known_args(argv)[0]


def _allowed(check: Callable[[str], Any]) -> Callable[[str], Any]:
    """The check, with its own words: argparse hides those of a ValueError."""

    def checked(text: str) -> Any:
        try:
            return check(text)
        except ValueError as error:
            raise argparse.ArgumentTypeError(str(error)) from error

    return checked


def _days(text: str) -> list[date]:
    days = [values.iso_date(each) for each in text.split(",")]
    if len(set(days)) < len(days):
        raise ValueError(f"{text!r} names a day twice")
    return days


def _bucket(text: str) -> str:
    return values.checked(text, values.BUCKET, "a bucket name")


def _address(text: str) -> str:
    if not text.startswith(("s3://", "file:///")):
        raise argparse.ArgumentTypeError(f"{text!r} is no address, write s3://bucket/key")
    return text


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty, give the secret's id")
    return text
