"""Scores of segments: how far apart they are, how steady, how many are in use; and their match with a truth.

lessons settle entities -> ring of the last 1,000, sample of all -> silhouette, stability, count

There is no label. An entity is scored when something of it ends, before the model learns from that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt
from numba import njit

from core.declaration import Application
from learners.scores import loops
from learners.scores.base import BadScores, Scores, Times, empty_counts, known
from learners.scores.loops import CLOCK, Array
from models.base import Floats, Order, Settled

WINDOW: Final = 1000
"""Entities that were settled last: the rolling figures are about them."""

SAMPLE: Final = 200
"""The silhouette looks at no more entities: it compares all pairs."""

SPAN_US: Final = 300_000_000
"""What the figures by event time look back on: five minutes."""

_WIDTH: Final = 3
_COUNTS: Final = 4
_NONE: Final = -1


class SegmentScores(Scores):
    """Scores of a clustering model's segments, from the entities that its lessons settle."""

    TAG = "segments.1"

    def __init__(self, application: Application) -> None:
        super().__init__(application)
        self._counts = empty_counts(_COUNTS)
        self._hold(0)
        self._computed: tuple[tuple[int, int], dict[str, float | None]] = ((0, 0), {})

    def _hold(self, width: int) -> None:
        """Makes room for vectors of a width, which is known from the first one on."""
        self._counts[_WIDTH] = width
        rows, few = (WINDOW, SAMPLE) if width else (0, 0)
        self._ring = np.zeros((rows, width), dtype=np.float32)
        self._marks = np.full((rows, 3), _NONE, dtype=np.int64)
        """Segment, segment the time before (-1 is none), microsecond."""
        self._sample = np.zeros((few, width), dtype=np.float32)
        self._sample_segments = np.full(few, _NONE, dtype=np.int64)

    def _arrays(self) -> tuple[Array, ...]:
        return self._counts, self._ring, self._marks, self._sample, self._sample_segments

    def _take(self, parts: list[bytes]) -> None:
        if parts and len(parts[0]) == self._counts.nbytes:
            width = int(np.frombuffer(parts[0], dtype=np.int64)[_WIDTH])
            if not 0 <= width * WINDOW * 4 <= sum(map(len, parts)):
                raise BadScores(f"scores of the kind {self.TAG!r} can't hold vectors of width {width}")
            self._hold(width)
        super()._take(parts)

    def _follow(
        self, answers: Floats, truths: Floats, order: Order, served: Floats, asked_us: Times, due_us: Times
    ) -> None:
        loops.follow_segments(answers, order, served, asked_us, due_us, self._counts)

    def settle(self, settled: Sequence[Settled], times_us: Sequence[int] | None = None) -> None:
        """Takes the entities that lessons settled, in order.

        times_us: event time at which each was settled; the clock of the latest `follow` where not given,
        which then depends on how the stream was cut into batches. Raises ValueError when a vector has another
        width than those before.
        """
        if not settled:
            return
        vectors = np.array([one.vector for one in settled], dtype=np.float32)
        width = int(self._counts[_WIDTH])
        if not width:
            self._hold(vectors.shape[1])
        elif vectors.shape[1] != width:
            raise ValueError(
                f"a settled entity's vector has {vectors.shape[1]} numbers, those before {width}"
            )
        marks = np.empty((len(settled), 3), dtype=np.int64)
        marks[:, 0] = [one.segment for one in settled]
        marks[:, 1] = [_NONE if one.before is None else one.before for one in settled]
        marks[:, 2] = self._counts[CLOCK] if times_us is None else np.array(times_us, dtype=np.int64)
        loops.settle(vectors, marks, self._arrays())

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where one can't be computed yet. Computed anew when something came."""
        state = self.scored, int(self._counts[CLOCK])
        if not self._computed[1] or self._computed[0] != state:
            self._computed = state, self._values()
        return dict(self._computed[1])

    def _values(self) -> dict[str, float | None]:
        held, few = min(self.scored, WINDOW), min(self.scored, SAMPLE)
        oldest_first = (self.scored + np.arange(held)) % held if held else np.arange(0)
        ring, marks = self._ring[oldest_first], self._marks[oldest_first]
        again = marks[marks[:, 1] != _NONE]
        last = marks[:, 2] > self._counts[CLOCK] - SPAN_US
        return {
            "silhouette": silhouette(self._sample[:few], self._sample_segments[:few]),
            "stability": float((again[:, 0] == again[:, 1]).mean()) if len(again) else None,
            "segments": float(len(np.unique(marks[:, 0]))) if held else None,
            "rolling_silhouette": _sampled(ring, marks[:, 0]),
            "time_rolling_silhouette": _sampled(ring[last], marks[last, 0]),
        }


def _sampled(points: Array, segments: Array) -> float | None:
    """The silhouette over an even sample of at most 200."""
    every = -(-len(points) // SAMPLE) or 1
    return silhouette(points[::every], segments[::every])


def silhouette(points: Array, labels: Array) -> float | None:
    """Mean of (b - a) / max(a, b); None with fewer than two segments, or where a point is not finite.

    points: (n, d), labels: (n,). a: mean distance to the others of the segment, b: to those of the nearest
    other segment; a point alone in its segment counts 0. Source: Rousseeuw, J. Comput. Appl. Math. 20 (1987).
    """
    names, index = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return None
    return known(_silhouette(points.astype(np.float64), index.astype(np.int64), len(names)))


@njit(cache=True)
def _silhouette(points: Array, index: Array, segments: int) -> float:
    n, width = points.shape
    sums, sizes = np.zeros((n, segments)), np.zeros(segments)
    for i in range(n):
        sizes[index[i]] += 1
        for j in range(i):
            squared = 0.0
            for k in range(width):
                squared += (points[i, k] - points[j, k]) ** 2
            distance = np.sqrt(squared)
            sums[i, index[j]] += distance
            sums[j, index[i]] += distance
    total = 0.0
    for i in range(n):
        own, apart = index[i], np.inf
        if sizes[own] < 2:
            continue
        within = sums[i, own] / (sizes[own] - 1)
        for other in range(segments):
            if other != own:
                apart = min(apart, sums[i, other] / sizes[other])
        if max(within, apart) > 0:
            total += (apart - within) / max(within, apart)
    return float(total / n)


def adjusted_rand_index(truths: npt.ArrayLike, segments: npt.ArrayLike) -> float:
    """Pairs that both partitions treat alike, 0 when by chance and 1 when equal; (n,) each, n > 0.

    Source: Hubert and Arabie, J. Classif. 2 (1985).
    """
    table = _contingency(truths, segments)
    pairs = float((table * (table - 1)).sum()) / 2
    rows, columns = (float((side * (side - 1)).sum()) / 2 for side in (table.sum(1), table.sum(0)))
    n = float(table.sum())
    expected = rows * columns / (n * (n - 1) / 2) if n > 1 else 0.0
    highest = (rows + columns) / 2
    return 1.0 if highest == expected else (pairs - expected) / (highest - expected)


def normalized_mutual_information(truths: npt.ArrayLike, segments: npt.ArrayLike) -> float:
    """Mutual information over the mean of both entropies, from 0 to 1; (n,) each, n > 0.

    1 when both have one group only. Source: Strehl and Ghosh, J. Mach. Learn. Res. 3 (2002), in the form with
    the arithmetic mean.
    """
    table = _contingency(truths, segments).astype(np.float64)
    joint = table / table.sum()
    rows, columns = joint.sum(1), joint.sum(0)
    there = joint > 0
    mutual = float((joint[there] * np.log(joint[there] / np.outer(rows, columns)[there])).sum())
    entropies = -float((rows * np.log(rows)).sum()) - float((columns * np.log(columns)).sum())
    return min(1.0, max(0.0, 2 * mutual / entropies)) if entropies > 0 else 1.0


def _contingency(truths: npt.ArrayLike, segments: npt.ArrayLike) -> npt.NDArray[np.int64]:
    """How often each pair of groups meets; raises ValueError when the two have different lengths or none."""
    rows, columns = (np.unique(np.asarray(side), return_inverse=True)[1] for side in (truths, segments))
    if len(rows) != len(columns) or not len(rows):
        raise ValueError(
            f"two partitions of the same entities are needed, not of {len(rows)} and {len(columns)}"
        )
    table = np.zeros((rows.max() + 1, columns.max() + 1), dtype=np.int64)
    np.add.at(table, (rows, columns), 1)
    return table
