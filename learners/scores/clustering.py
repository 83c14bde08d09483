"""Scores of segments: how far apart they are, how steady, how many are in use."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt

from core.declaration import Application
from learners.labels import Told
from models.base import Row, Settled

WINDOW = 1000
"""Entities that were settled last: all figures are about them."""

SAMPLE = 200
"""Of these, evenly, the silhouette looks at no more: it compares all pairs."""


class ClusteringScores:
    """There is no label: entities are scored when something of theirs ends, before the model learns it."""

    threshold: float | None = None
    confusion: dict[str, int]
    calibration: list[tuple[float, float, int]]

    def __init__(self, application: Application) -> None:
        self._settled: deque[Settled] = deque(maxlen=WINDOW)
        self._count = 0
        self._silhouette: tuple[int, float | None] = (0, None)
        self.confusion = {}
        self.calibration = []

    def naive_answer(self, x: Row) -> float | None:
        """None: no segment is free."""
        return None

    def add(self, told: Told | None, truth: Any, settled: Sequence[Settled]) -> None:
        """A lesson was taught; `settled` are the entities that it settled."""
        if settled:
            self._settled.extend(settled)
            self._count += len(settled)

    def values(self) -> dict[str, float | None]:
        """Metric id -> value; None where it can't be computed yet."""
        again = [one.segment == one.before for one in self._settled if one.before is not None]
        used = len({one.segment for one in self._settled})
        return {
            "silhouette": self._sampled(),
            "stability": sum(again) / len(again) if again else None,
            "segments": float(used) if used else None,
        }

    def naive_values(self) -> dict[str, float | None]:
        """Empty: no segment is free."""
        return {}

    def _sampled(self) -> float | None:
        """The silhouette over a sample; computed once per entity that settled since."""
        if self._silhouette[0] != self._count:
            every = -(-len(self._settled) // SAMPLE)
            chosen = list(self._settled)[::every]
            found = silhouette(
                np.array([one.vector for one in chosen]), np.array([one.segment for one in chosen])
            )
            self._silhouette = self._count, found
        return self._silhouette[1]

    def to_bytes(self) -> bytes:
        """Vectors and segments in msgpack."""
        return msgspec.msgpack.encode((list(self._settled), self._count))

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`."""
        scores = cls(application)
        settled, scores._count = msgspec.msgpack.decode(data, type=tuple[list[Settled], int])
        scores._settled.extend(settled)
        return scores


def silhouette(points: npt.NDArray[np.float64], labels: npt.NDArray[np.int64]) -> float | None:
    """Mean of (b - a) / max(a, b); None with fewer than two segments.

    points: (n, d), labels: (n,). a: mean distance to the others of the segment, b: to those of the nearest
    other segment; a point alone in its segment counts 0. Source: Rousseeuw, J. Comput. Appl. Math. 20 (1987).
    """
    names, index = np.unique(labels, return_inverse=True)
    if len(names) < 2:
        return None
    distances = np.sqrt(((points[:, None, :] - points[None, :, :]) ** 2).sum(axis=2))
    member = np.eye(len(names))[index]
    sizes = member.sum(axis=0)
    sums = distances @ member
    rows = np.arange(len(points))
    own = sizes[index]
    within = sums[rows, index] / np.maximum(own - 1, 1)
    others = sums / sizes
    others[rows, index] = np.inf
    apart = others.min(axis=1)
    worst = np.maximum(within, apart)
    score = np.where((own > 1) & (worst > 0), (apart - within) / np.where(worst > 0, worst, 1), 0.0)
    return float(score.mean())
