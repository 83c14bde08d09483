"""Buckets of label delay: how long after the event its label was known, in event time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from numba import njit

BOUNDS_S: Final = (60, 300, 900, 3600, 21_600)
"""Up to and including so many seconds; the last bucket holds what took longer."""

BUCKETS: Final = len(BOUNDS_S) + 1

_MICROSECONDS: Final = 1_000_000


@njit(cache=True)
def bucket_of(delay_us: int) -> int:
    """The bucket of a delay in microseconds."""
    number = 0
    while number < len(BOUNDS_S) and delay_us > BOUNDS_S[number] * _MICROSECONDS:
        number += 1
    return number


def bounds() -> Iterator[tuple[float, float | None]]:
    """Lower and upper end of each bucket in seconds; the last has no upper one."""
    return zip((0, *BOUNDS_S), (*BOUNDS_S, None), strict=True)
