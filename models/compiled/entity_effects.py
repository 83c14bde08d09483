"""Effects of entities, compiled: the same sums in the same order as `models.entity_effects`."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numba import njit

from models.base import Floats
from models.compiled.recency import NONE, Recency, empty, find, slots, use
from models.entity_effects import MOST_WEIGHT, TYPICAL, EffectsState, arrays

PRODUCTS, WEIGHT = 0, 1
"""Places in `shared`."""


class Effects(NamedTuple):
    """Flat arrays that a lesson changes in place; sums and weights are by slot."""

    entities: Recency
    sums: Floats
    weights: Floats
    shared: Floats


def restored(state: EffectsState) -> Effects:
    """Goes on from the state; raises BadModel when its arrays do not fit."""
    keys, sums, weights = arrays(state)
    entities = empty(state.most)
    for key in keys:
        use(entities, key)
    # Slots are given in order.
    effects = Effects(
        entities, np.zeros(state.most), np.zeros(state.most), np.array([state.products, state.weight])
    )
    effects.sums[: len(sums)], effects.weights[: len(weights)] = sums, weights
    return effects


def state_of(effects: Effects) -> EffectsState:
    """All of it, as one by one writes it."""
    products, weight = effects.shared.tolist()
    order = slots(effects.entities)
    return EffectsState(
        most=len(effects.sums),
        products=products,
        weight=weight,
        keys=effects.entities.keys[order].tobytes(),
        sums=effects.sums[order].tobytes(),
        weights=effects.weights[order].tobytes(),
    )


@njit(cache=True)
def spread_of(effects: Effects) -> float:
    """The variance of the effects among entities."""
    spread: float = max(0.0, effects.shared[PRODUCTS] / effects.shared[WEIGHT])
    return spread


@njit(cache=True)
def effect(effects: Effects, key: int) -> tuple[float, float]:
    """The expected residual of an entity, and its variance; key 0 is nobody."""
    spread = spread_of(effects)
    slot = find(effects.entities, key)
    total, weight = 0.0, 0.0
    if slot != NONE:
        total, weight = effects.sums[slot], effects.weights[slot]
    room = 1.0 + weight * spread
    return total * spread / room, spread / room


@njit(cache=True)
def learn(effects: Effects, key: int, residual: float, variance: float) -> None:
    """Takes the residual of an entity's lesson, and its variance without the effect."""
    if key == 0:
        return
    slot, new = use(effects.entities, key)
    total, weight = 0.0, 0.0
    if not new:
        total, weight = effects.sums[slot], effects.weights[slot]
        share = weight / (1.0 + TYPICAL * weight) / variance
        effects.shared[PRODUCTS] += share * (total / weight) * residual
        effects.shared[WEIGHT] += share
    total += residual / variance
    weight += 1.0 / variance
    if weight > MOST_WEIGHT:
        total *= MOST_WEIGHT / weight
        weight = MOST_WEIGHT
    effects.sums[slot], effects.weights[slot] = total, weight
