"""Random draws that are the same on every machine and in every Python from 3.11 on.

Only ``Random.random()`` is used: it is the one method whose sequence Python promises to keep.
Every row gets a generator of its own, so a row depends on its own name and on nothing drawn before.
"""

from collections.abc import Sequence
from hashlib import blake2b
from random import Random
from typing import TypeVar

T = TypeVar("T")


def stream(*names: object) -> Random:
    """Return the generator that belongs to ``names``, for example ``(seed, "web", day, 17)``."""
    digest = blake2b("/".join(map(str, names)).encode(), digest_size=8).digest()
    return Random(int.from_bytes(digest, "big"))


def pick(options: Sequence[T], draw: float) -> T:
    """Return the option at ``draw`` (0 ≤ draw < 1)."""
    return options[int(draw * len(options))]


def weighted(options: Sequence[tuple[T, int]], draw: float) -> T:
    """Return one of ``(option, weight)`` with a chance in proportion to its weight."""
    left = int(draw * sum(weight for _, weight in options))
    for option, weight in options:
        left -= weight
        if left < 0:
            return option
    raise ValueError(f"draw {draw} is outside 0 ≤ draw < 1")
