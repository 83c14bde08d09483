"""Rows as River's trees and rules read them, derived from any declaration.

    declared numbers, flags, categories + windowed features -> {position: number}

Left out are identifiers, entities, event time, texts, the label, and vocabularies too long to split on.
A number stays a number, so that its order keeps its meaning; it is brought to about 0..1 for those who cut
its range into even slots. A category is its position among the declared values, one more for any other, and
its position is listed in `nominal`: nobody reads an order into it. What is null or missing has no key.

The keys are positions, not names: trees keep sets of them, and only numbers have the same order everywhere.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite, log1p

import msgspec

from core.declaration import Application, Category, Flag, Leaf, Number, leaves
from core.features import features
from models.base import Row

MOST_VALUES = 64
"""Values of a category; a longer vocabulary (merchants, products) would cut the lessons into crumbs."""

LONG_TAIL = 1000.0
"""Numbers of at least zero that reach beyond this are read by their logarithm."""

FEATURE_WIDTH = 8.0
"""log(1 + a feature), when it is usual, lies between 0 and this."""

Inputs = dict[int, float]


class Input(msgspec.Struct, frozen=True, array_like=True):
    """One key of the rows: a number is read as (v - low) / width, v by its logarithm where `log` says so."""

    name: str
    """Dotted path of a field, or name of a feature."""
    low: float = 0.0
    width: float = 1.0
    log: bool = False
    values: tuple[str, ...] = ()
    """Of a category; empty for numbers."""


class RiverRows:
    """Makes the keys and values of rows; a pure function of each."""

    def __init__(self, inputs: tuple[Input, ...]) -> None:
        self.inputs = inputs
        self.nominal = [n for n, one in enumerate(inputs) if one.values]
        self._numbers = [
            (n, one.name, one.low, one.width, one.log) for n, one in enumerate(inputs) if not one.values
        ]
        self._places = [
            (
                n,
                one.name,
                {value: float(place) for place, value in enumerate(one.values)},
                float(len(one.values)),
            )
            for n, one in enumerate(inputs)
            if one.values
        ]

    @classmethod
    def of(cls, application: Application) -> RiverRows:
        """The rows of an application."""
        return cls(tuple(_inputs(application)))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, RiverRows) and self.inputs == other.inputs

    def __hash__(self) -> int:
        return hash(self.inputs)

    def __call__(self, x: Row) -> Inputs:
        """Keys and values of a row, those of numbers first."""
        get = x.get
        made: Inputs = {}
        for n, name, low, width, log in self._numbers:
            value = get(name)
            if value is not None and isfinite(value):
                made[n] = (
                    ((log1p(value) if value > 0 else 0.0) - low) / width if log else (value - low) / width
                )
        for n, name, places, other in self._places:
            value = get(name)
            if value is not None:
                made[n] = places.get(value, other)
        return made


def _inputs(application: Application) -> Iterator[Input]:
    for path, leaf in leaves(application):
        if path != application.label:
            made = _of(path, leaf)
            if made is not None:
                yield made
    for one in features(application):
        yield Input(one.name, width=FEATURE_WIDTH, log=True)


def _of(path: str, leaf: Leaf) -> Input | None:
    match leaf:
        case Flag():
            return Input(path)
        case Category(values=values) if len(values) <= MOST_VALUES:
            return Input(path, values=values)
        case Number(low=least, high=most, form_range=(low, high)):
            log = least >= 0 and most > LONG_TAIL
            if log:
                low, high = log1p(low), log1p(high)
            return Input(path, low=float(low), width=float(high - low) or 1.0, log=log)
    return None
