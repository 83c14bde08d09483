"""Effects of inputs as contributions: one per input, in the field's words, the largest first."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping

from core.records import Contribution
from models.base import Row
from models.river_rows import RiverRows


def told(rows: RiverRows, x: Row, effects: Mapping[tuple[int, ...], float]) -> list[Contribution]:
    """Effects by the keys of one input, or of several that act together; zeros are left out."""
    names = [one.name for one in rows.inputs]
    found = []
    for keys, effect in effects.items():
        if effect:
            acting = [names[key] for key in keys]
            values = [x.get(name) for name in acting]
            found.append(
                Contribution(
                    name=" x ".join(acting), value=values[0] if len(values) == 1 else values, effect=effect
                )
            )
    return sorted(found, key=lambda one: -abs(one.effect))


def added(parts: Iterable[tuple[float, Mapping[int, float]]]) -> dict[tuple[int, ...], float]:
    """The sum of (factor, effects by the key of an input)."""
    effects: dict[tuple[int, ...], float] = defaultdict(float)
    for factor, moved in parts:
        for key, effect in moved.items():
            effects[(key,)] += factor * effect
    return effects
