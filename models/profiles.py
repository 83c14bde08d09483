"""What the customers of a segment are like: their usual session, and what their events show most."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import accumulate

import numpy as np
import numpy.typing as npt

from core.records import Segment
from models.ecci_session import CATEGORICAL, VALUES, natural

BEST = 5
"""Values that are told of each field."""

LONGEST = 20_000
"""Events that a segment counts; then every count is halved, so that the recent weigh more."""

OTHER = "any other"
"""Stands for all values that are not declared."""

STARTS = tuple(accumulate((len(values) + 1 for values in VALUES), initial=0))[:-1]
"""Where each field's values begin in a segment's counts; the last of each stands for any other."""

WIDTH = sum(len(values) + 1 for values in VALUES)
"""Counts of one segment."""


class Tops:
    """How often each declared value was seen in the events of each segment's customers."""

    def __init__(self, k: int) -> None:
        self.counts = [[0] * WIDTH for _ in range(k)]
        self.told = [0] * k
        """Events that were counted since the counts were halved, and half of those before."""

    def add(self, segment: int, codes: Sequence[int]) -> None:
        """Counts one event."""
        counts = self.counts[segment]
        count(counts, codes)
        self.told[segment] += 1
        if self.told[segment] >= LONGEST:
            self.told[segment] //= 2
            self.counts[segment] = [one // 2 for one in counts]


def count(counts: list[int], codes: Iterable[int]) -> None:
    """Counts the codes of one event; null counts nowhere."""
    for start, code in zip(STARTS, codes, strict=True):
        if code >= 0:
            counts[start + code] += 1


def describe(
    means: npt.NDArray[np.float64],
    segments: npt.NDArray[np.int64],
    centres: Sequence[Sequence[float]],
    tops: Tops | None,
) -> list[Segment]:
    """Every segment by number.

    means: (n, d), segments: (n,), of the customers; centres: (k, d), what an empty segment is like;
    tops: None where values are not counted.
    """
    told = []
    for number, centre in enumerate(centres):
        inside = segments == number
        size = int(inside.sum())
        place = means[inside].mean(axis=0).tolist() if size else centre
        best = top(tops.counts[number]) if tops else {}
        told.append(Segment(number=number, size=size, profile=natural(place), top=best))
    return told


def top(counts: Sequence[int]) -> dict[str, list[tuple[str, int]]]:
    """Field -> its most frequent values with their counts, the first declared of equals first."""
    found = {}
    for path, values, start in zip(CATEGORICAL, VALUES, STARTS, strict=True):
        own = counts[start : start + len(values) + 1]
        ranked = sorted(zip((*values, OTHER), own, strict=True), key=lambda one: -one[1])
        found[path] = [(value, n) for value, n in ranked[:BEST] if n]
    return found
