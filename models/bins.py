"""Rows as presences, for linear models: every number falls into a bin, every category has a place.

    RiverRows -> {key * WIDTH + bin: 1.0}, and for short whole numbers one presence per pair of values

A bin is an even slot of the usual range, so a linear model can follow any curve. Whole numbers of a short
range (hours, days) have a presence per value and are crossed with one another: what an hour means depends on
the day. A missing input is a presence of its own. A pure function of a row; tokens are bounded by the inputs.
"""

from __future__ import annotations

from itertools import combinations
from math import floor

from core.declaration import Application, Flag, Number, leaves
from models.river_rows import Inputs, RiverRows

WIDTH = 100
"""Tokens per input."""

MISSING = WIDTH - 1

SHORT = 64
"""The longest range of a whole number that has a presence per value."""

Tokens = dict[int, float]


class Bins:
    """Makes the tokens of rows.

    rows: how a row becomes numbers; bins: slots of a number's usual range, half as many lie beyond it;
    short: (key of an input, the length of its range) of those with a presence per value; crossed: of these
    the keys that are crossed with one another.
    """

    def __init__(
        self, rows: RiverRows, bins: int, short: tuple[tuple[int, float], ...], crossed: tuple[int, ...]
    ) -> None:
        self.rows = rows
        self.bins = bins
        self.short = short
        self.crossed = crossed
        nominal = dict.fromkeys(rows.nominal, 1.0)
        self._lengths = nominal | dict(short)
        self._keys = range(len(rows.inputs))
        self._highest = bins * 3 // 2
        self._pairs = list(combinations(crossed, 2))

    @classmethod
    def of(cls, application: Application, bins: int) -> Bins:
        """The bins of an application."""
        rows, fields = RiverRows.of(application), dict(leaves(application))
        short, crossed = [], []
        for n, one in enumerate(rows.inputs):
            match fields.get(one.name):
                case Flag():
                    short.append((n, 1.0))
                case Number(integer=True, low=low, high=high) if high - low <= SHORT and not one.log:
                    short.append((n, one.width))
                    crossed.append(n)
        return cls(rows, bins, tuple(short), tuple(crossed))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Bins) and self.parameters() == other.parameters()

    def __hash__(self) -> int:
        return hash(self.parameters())

    def parameters(self) -> tuple[object, ...]:
        """What decides the tokens."""
        return self.rows.inputs, self.bins, self.short, self.crossed

    def __call__(self, inputs: Inputs) -> Tokens:
        """The tokens of a row that `rows` has made."""
        made: Tokens = {}
        bins, highest, lengths, places = self.bins, self._highest, self._lengths, {}
        for n in self._keys:
            value = inputs.get(n)
            if value is None:
                place = MISSING
            elif n in lengths:
                place = places[n] = min(MISSING - 1, max(0, round(value * lengths[n])))
            else:
                # The first bin is for what lies below the usual range, the last for what lies far above it.
                place = 0 if value < 0 else highest if value * bins >= highest else floor(value * bins) + 1
            made[n * WIDTH + place] = 1.0
        for first, second in self._pairs:
            if first in places and second in places:
                made[-(first * WIDTH + places[first]) * 2**20 - second * WIDTH - places[second] - 1] = 1.0
        return made

    def of_token(self, token: int) -> tuple[int, ...]:
        """The keys of the input or the two inputs that a token tells about."""
        if token >= 0:
            return (token // WIDTH,)
        first, second = divmod(-token - 1, 2**20)
        return first // WIDTH, second // WIDTH
