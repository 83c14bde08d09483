"""Which fields and features moved an answer that is summed up from tokens, and by how much.

tokens, parts of the sum -> effect of each slot against its average -> by the slot's inputs -> contributions
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from core.records import Contribution
from models.base import Row
from models.tfd_tokens import Slot


@dataclass(frozen=True, slots=True)
class Part:
    """One logit of a stack: a constant, and what each token of some slots adds; clipped, times a weight."""

    weight: float
    constant: float
    slots: Sequence[int]
    told: Callable[[int], float]
    """Token -> what it adds, in log-odds."""
    seen: Sequence[float]
    """Token -> how many lessons had it."""
    clip: float


def usual(slots: Sequence[Slot], parts: Sequence[Part]) -> float:
    """The log-odds of an average row: each token counts as often as it was seen in its slot."""
    return sum(
        part.weight * _clipped(part.constant + sum(_averages(slots, part)), part.clip) for part in parts
    )


def effects(
    slots: Sequence[Slot], tokens: Sequence[int], x: Row, parts: Sequence[Part]
) -> list[Contribution]:
    """Contributions that add up to the row's log-odds minus the usual ones, the largest effect first.

    Where a part's logit is clipped, all its effects shrink alike.
    """
    moved: dict[tuple[str, ...], float] = {}
    for part in parts:
        averages = _averages(slots, part)
        deltas = [part.told(tokens[n]) - average for n, average in zip(part.slots, averages, strict=True)]
        share = part.weight * _share(part.constant + sum(averages), sum(deltas), part.clip)
        for n, delta in zip(part.slots, deltas, strict=True):
            inputs = slots[n].inputs
            moved[inputs] = moved.get(inputs, 0.0) + share * delta
    found = [
        Contribution(
            name=" x ".join(inputs),
            value=x.get(inputs[0]) if len(inputs) == 1 else [x.get(name) for name in inputs],
            effect=effect,
        )
        for inputs, effect in moved.items()
    ]
    return sorted(found, key=lambda one: -abs(one.effect))


def _averages(slots: Sequence[Slot], part: Part) -> list[float]:
    """What each slot adds on average over the lessons that had it; 0 before the first."""
    found = []
    for n in part.slots:
        cells = range(slots[n].start, slots[n].start + slots[n].size)
        total = sum(part.seen[cell] for cell in cells)
        told = sum(part.seen[cell] * part.told(cell) for cell in cells if part.seen[cell])
        found.append(told / total if total else 0.0)
    return found


def _share(average: float, delta: float, clip: float) -> float:
    """Which share of `delta` is left once the average and what is `delta` away from it are clipped."""
    return (_clipped(average + delta, clip) - _clipped(average, clip)) / delta if delta else 1.0


def _clipped(logit: float, clip: float) -> float:
    return min(clip, max(-clip, logit))
