"""What each entity adds to what is usual: means shrunk to 0, by as much as the entities' spread warrants.

    residual of an entity -> its weighted sum, and (with its mean before) the spread among entities
    sum, weight, spread   -> effect and what is not known of it

Empirical Bayes (Efron and Morris, Data Analysis Using Stein's Estimator, 1975): where entities do not differ,
the spread goes to 0, and so do all effects.
"""

from __future__ import annotations

from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt

from models.base import BadModel, Floats

TYPICAL = 0.01
"""The order of the spread, a variance: by how much a well known mean counts more than a new one."""

DOUBT = 5e5
"""Weight of the first assumption that entities do not differ: some hundred lessons."""

MOST_WEIGHT = 1e4
"""An entity's weight, in 1 / variance, stays below it: residuals fade, from some 200 lessons on."""


class EffectsState(msgspec.Struct, array_like=True):
    """All that is remembered; entities in order of their last lesson, as flat arrays."""

    most: int
    products: float
    weight: float
    keys: bytes
    sums: bytes
    weights: bytes


class Effect(NamedTuple):
    """The expected residual of an entity, and its variance."""

    mean: float
    variance: float


class EntityEffects:
    """Means of residuals by entity. `most` are kept; the one longest without a lesson leaves first."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._kept: dict[int, tuple[float, float]] = {}
        self._products = 0.0
        self._weight = DOUBT

    def __len__(self) -> int:
        return len(self._kept)

    @property
    def spread(self) -> float:
        """The variance of the effects among entities."""
        return max(0.0, self._products / self._weight)

    def __call__(self, key: int) -> Effect:
        """What is known of an entity; key 0 is nobody."""
        spread = self.spread
        total, weight = self._kept.get(key, _NEW)
        room = 1.0 + weight * spread
        return Effect(total * spread / room, spread / room)

    def learn(self, key: int, residual: float, variance: float) -> None:
        """Takes the residual of an entity's lesson, and its variance without the effect; of nobody, nothing.

        The mean before, times the residual, is the spread on average: all else in them is independent.
        """
        if key == 0:
            return
        total, weight = self._kept.pop(key, _NEW)
        if weight > 0.0:
            share = weight / (1.0 + TYPICAL * weight) / variance
            self._products += share * (total / weight) * residual
            self._weight += share
        elif len(self._kept) >= self.most:
            del self._kept[next(iter(self._kept))]
        total += residual / variance
        weight += 1.0 / variance
        if weight > MOST_WEIGHT:
            total *= MOST_WEIGHT / weight
            weight = MOST_WEIGHT
        self._kept[key] = total, weight

    def state(self) -> EffectsState:
        """All of it, for `restored`."""
        held = np.array(list(self._kept.values()), dtype=np.float64).reshape(-1, 2)
        return EffectsState(
            most=self.most,
            products=self._products,
            weight=self._weight,
            keys=np.array(list(self._kept), dtype=np.int64).tobytes(),
            sums=held[:, 0].tobytes(),
            weights=held[:, 1].tobytes(),
        )

    @classmethod
    def restored(cls, state: EffectsState) -> Self:
        """Goes on from `state`; raises BadModel when its arrays do not fit."""
        keys, sums, weights = arrays(state)
        effects = cls(state.most)
        effects._products, effects._weight = state.products, state.weight
        effects._kept = dict(
            zip(keys.tolist(), zip(sums.tolist(), weights.tolist(), strict=True), strict=True)
        )
        return effects


def arrays(state: EffectsState) -> tuple[npt.NDArray[np.int64], Floats, Floats]:
    """Keys, sums and weights of a state; raises BadModel when they do not fit together."""
    sizes = {len(state.keys), len(state.sums), len(state.weights)}
    if len(sizes) != 1 or sizes.pop() % 8 or len(state.keys) > 8 * state.most:
        raise BadModel(
            f"entities in {len(state.keys)}, {len(state.sums)} and {len(state.weights)} bytes: they must be "
            f"equal, of 8 each, and at most {state.most}"
        )
    return np.frombuffer(state.keys, np.int64), np.frombuffer(state.sums), np.frombuffer(state.weights)


_NEW = 0.0, 0.0
