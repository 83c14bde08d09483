"""River's linear models on bins of the inputs, for any declared application.

    row -> bins, crosses (and for classes: the numbers, standardised) -> logistic regression -> probability
                                                                     `-> linear regression -> ratio -> number

AdaGrad (Duchi, Hazan, Singer, JMLR 12, 2011): each presence has its own rate, as rare ones need.
"""

from __future__ import annotations

from collections import defaultdict
from math import sqrt
from typing import Any, Self

import msgspec
from river import base, linear_model, optim

from core.declaration import Application
from core.records import Contribution
from models.base import Row
from models.bins import WIDTH, Bins, Tokens
from models.explained import told
from models.naive import ENOUGH_LESSONS, both, classification, decoded, likelier, regression
from models.own_multiple import OwnMultiple
from models.river_bytes import dump, load
from models.river_rows import Input, Inputs, RiverRows
from models.tree_paths import sigmoid

FINE, COARSE = 16, 8
"""Bins of a number's usual range: for numbers to tell, and for classes, which are rare and fill few bins."""

RATE_OF_CLASSES, RATE_OF_NUMBERS = 0.1, 0.03

INTERCEPT_RATE = 0.005

FARTHEST = 4.0
"""Standard deviations at which a standardised number is cut off."""

SCALED = WIDTH - 2
"""The place, among the tokens of an input, of its standardised value."""

Explained = tuple[int, ...]


class _Space(msgspec.Struct, array_like=True):
    inputs: tuple[Input, ...]
    bins: int
    short: tuple[tuple[int, float], ...]
    crossed: tuple[int, ...]


class _Logistic(msgspec.Struct, array_like=True, tag="binned_linear.classification.1"):
    space: _Space
    positive: bool
    lessons: tuple[int, int]
    scales: list[tuple[int, float, float]]
    usual: dict[int, float]
    linear: bytes


class BinnedLogistic(base.Classifier):
    """Tells how probable the positive class is.

    Parameters
    ----------
    bins
        How a row becomes tokens.
    positive
        The label's value whose probability is told.
    """

    def __init__(self, bins: Bins, positive: bool = True) -> None:
        self.bins = bins
        self.positive = positive
        self._lessons = [0, 0]
        self._scales = [_Scale() for _ in bins.rows.inputs]
        self._usual: dict[int, float] = {}
        self._linear = linear_model.LogisticRegression(optim.AdaGrad(RATE_OF_CLASSES), l2=0.0)

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no classification."""
        task = classification(application, "binned_linear")
        return cls(Bins.of(application, COARSE), positive=task.positive)

    @property
    def trained(self) -> bool:
        """Whether it has had 500 lessons, and some of both classes."""
        return sum(self._lessons) >= ENOUGH_LESSONS and min(self._lessons) > 0

    def predict_proba_one(self, x: Row) -> dict[bool, float]:  # type: ignore[override]
        """The probability of both classes; they sum to 1."""
        return both(self.positive, sigmoid(float(self._linear._raw_dot_one(self._tokens(x)))))

    def predict_one(self, x: Row) -> bool:  # type: ignore[override]
        """The more probable class."""
        return likelier(self.predict_proba_one(x))

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; `y` is the label's value."""
        truth = bool(y) == self.positive
        inputs = self.bins.rows(x)
        for n, value in inputs.items():
            self._scales[n].add(value)
        tokens = self._with_scaled(inputs)
        self._linear.learn_one(tokens, truth)
        self._lessons[truth] += 1
        for token, value in tokens.items():
            self._usual[token] = self._usual.get(token, 0.0) + value

    def _tokens(self, x: Row) -> Tokens:
        return self._with_scaled(self.bins.rows(x))

    def _with_scaled(self, inputs: Inputs) -> Tokens:
        tokens, nominal = self.bins(inputs), self.bins.rows.nominal
        for n, value in inputs.items():
            scaled = 0.0 if n in nominal else self._scales[n](value)
            if scaled:
                tokens[n * WIDTH + SCALED] = scaled
        return tokens

    def explain_one(self, x: Row) -> list[Contribution]:
        """Weights times what differs from the mean of all lessons, in log-odds; they add up to the answer's
        log-odds minus `usual_one`."""
        return _effects(self.bins, self._linear, x, self._tokens(x), self._usual, sum(self._lessons))

    def usual_one(self, x: Row) -> float:
        """The log-odds of a row in which every token has its mean."""
        return _usual(self._linear, self._usual, sum(self._lessons))

    def to_bytes(self) -> bytes:
        """Counts in msgpack, and the linear model as `river_bytes` writes it."""
        return msgspec.msgpack.encode(
            _Logistic(
                space=_space(self.bins),
                positive=self.positive,
                lessons=(self._lessons[0], self._lessons[1]),
                scales=[(one.count, one.mean, one.squares) for one in self._scales],
                usual=self._usual,
                linear=dump(self._linear),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _Logistic, "binned_linear")
        model = cls(_bins(state.space), positive=state.positive)
        model._lessons = list(state.lessons)
        model._scales = [_Scale(*scale) for scale in state.scales]
        model._usual = state.usual
        model._linear = load(state.linear, linear_model.LogisticRegression)
        return model


class _Linear(msgspec.Struct, array_like=True, tag="binned_linear.regression.1"):
    space: _Space
    own: str
    floor: float
    lessons: int
    mean_own: float
    usual: dict[int, float]
    linear: bytes


class BinnedLinear(OwnMultiple):
    """Tells a number as a multiple of the event's own estimate: 1 and what the tokens add.

    Parameters
    ----------
    bins
        How a row becomes tokens.
    own, floor
        As OwnMultiple has them.
    """

    def __init__(self, bins: Bins, own: str = "", floor: float = 0.0) -> None:
        super().__init__(own, floor)
        self.bins = bins
        self._usual: dict[int, float] = {}
        self._linear = linear_model.LinearRegression(
            optim.AdaGrad(RATE_OF_NUMBERS), intercept_init=1.0, intercept_lr=INTERCEPT_RATE
        )

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no regression."""
        task = regression(application, "binned_linear")
        return cls(Bins.of(application, FINE), own=task.naive, floor=float(task.floor))

    def _ratio(self, x: Row) -> float:
        return float(self._linear._raw_dot_one(self.bins(self.bins.rows(x))))

    def _teach(self, x: Row, ratio: float) -> None:
        tokens = self.bins(self.bins.rows(x))
        self._linear.learn_one(tokens, ratio)
        for token, value in tokens.items():
            self._usual[token] = self._usual.get(token, 0.0) + value

    def explain_one(self, x: Row) -> list[Contribution]:
        """Weights times what differs from the mean of all lessons, times the own estimate.

        The own estimate's effect is that it differs from the mean one. Effects add up to the answer, where
        it lies above the floor, minus `usual_one`.
        """
        own, ratio = self._own(x), _usual(self._linear, self._usual, self._lessons)
        tokens = self.bins(self.bins.rows(x))
        found = _effects(self.bins, self._linear, x, tokens, self._usual, self._lessons, own)
        moved = Contribution(name=self.own, value=x.get(self.own), effect=ratio * (own - self._mean_own))
        same = [one for one in found if one.name == self.own]
        if same:
            moved = msgspec.structs.replace(moved, effect=moved.effect + same[0].effect)
        others = [one for one in found if one.name != self.own]
        return sorted([moved, *others], key=lambda one: -abs(one.effect))

    def usual_one(self, x: Row) -> float:
        """The mean estimate times the ratio of a row in which every token has its mean."""
        return self._mean_own * _usual(self._linear, self._usual, self._lessons)

    def to_bytes(self) -> bytes:
        """Counts in msgpack, and the linear model as `river_bytes` writes it."""
        return msgspec.msgpack.encode(
            _Linear(
                space=_space(self.bins),
                own=self.own,
                floor=self.floor,
                lessons=self._lessons,
                mean_own=self._mean_own,
                usual=self._usual,
                linear=dump(self._linear),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel."""
        state = decoded(data, _Linear, "binned_linear")
        model = cls(_bins(state.space), own=state.own, floor=state.floor)
        model._lessons, model._mean_own = state.lessons, state.mean_own
        model._usual = state.usual
        model._linear = load(state.linear, linear_model.LinearRegression)
        return model


class _Scale:
    """Running mean and variance of one number (Welford)."""

    def __init__(self, count: int = 0, mean: float = 0.0, squares: float = 0.0) -> None:
        self.count, self.mean, self.squares = count, mean, squares

    def add(self, value: float) -> None:
        self.count += 1
        before = value - self.mean
        self.mean += before / self.count
        self.squares += before * (value - self.mean)

    def __call__(self, value: float) -> float:
        """In standard deviations from the mean, cut off; 0 before there are two different values."""
        if self.squares <= 0.0:
            return 0.0
        return min(FARTHEST, max(-FARTHEST, (value - self.mean) / sqrt(self.squares / self.count)))


def _usual(linear: Any, sums: Tokens, lessons: int) -> float:
    weights = linear.weights
    moved: float = sum(weights.get(token, 0.0) * total for token, total in sums.items())
    return float(linear.intercept) + moved / max(1, lessons)


def _effects(
    bins: Bins, linear: Any, x: Row, tokens: Tokens, sums: Tokens, lessons: int, factor: float = 1.0
) -> list[Contribution]:
    """Contributions per input or pair of inputs: weights times (token minus its mean), times the factor."""
    weights = linear.weights
    effects: dict[Explained, float] = defaultdict(float)
    for token in {*tokens, *sums}:
        differs = tokens.get(token, 0.0) - sums.get(token, 0.0) / max(1, lessons)
        effects[bins.of_token(token)] += factor * weights.get(token, 0.0) * differs
    return told(bins.rows, x, effects)


def _space(bins: Bins) -> _Space:
    return _Space(bins.rows.inputs, bins.bins, bins.short, bins.crossed)


def _bins(space: _Space) -> Bins:
    return Bins(RiverRows(space.inputs), space.bins, space.short, space.crossed)
