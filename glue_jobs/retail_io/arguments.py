"""The job's arguments."""

import argparse
import sys
from collections.abc import Sequence
from typing import NoReturn

from include.lake import values


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        sys.exit(f"bronze_to_silver: {message}")


def parse_arguments(argv: Sequence[str]) -> argparse.Namespace:
    """manifest, run_token and customer_token_key_secret.

    Args:
        argv: without the script's name. Arguments that are not ours (Glue adds some) are ignored.

    Raises:
        SystemExit: one of ours is missing or bad; one line says which, the exit code is 1.
    """
    parser = _Parser(allow_abbrev=False, add_help=False)
    parser.add_argument("--manifest", required=True, type=_address)
    parser.add_argument("--run_token", required=True, type=_run_token)
    parser.add_argument("--customer_token_key_secret", required=True, type=_filled)
    return parser.parse_known_args(argv)[0]


def _address(text: str) -> str:
    if not text.startswith(("s3://", "file:///")):
        raise argparse.ArgumentTypeError(f"{text!r} is no address, write s3://bucket/key")
    return text


def _run_token(text: str) -> str:
    try:
        return values.token(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error


def _filled(text: str) -> str:
    if not text.strip():
        raise argparse.ArgumentTypeError("is empty, give the secret's id")
    return text
