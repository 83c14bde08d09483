"""Buckets of label delay: how long after the event its label was known, in event time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from learners.scores.loops import BOUNDS_S

BUCKETS: Final = len(BOUNDS_S) + 1


def bounds() -> Iterator[tuple[float, float | None]]:
    """Lower and upper end of each bucket in seconds; the last has no upper one."""
    return zip((0, *BOUNDS_S), (*BOUNDS_S, None), strict=True)
