"""Token naive Bayes and token logistic regression, stacked on their logits: a River classifier.

    tokens of the row -> naive Bayes, regression -> stack of the row -> probability without features
    and of the windows -> naive Bayes of both, regression that goes on -> stack of both -> probability

The answer by the row alone is learned from every lesson, as if there were no windows: a row whose features
are late or missing is answered as well as ever. The windows' weights learn what the row's leave over.
Each part keeps flat arrays, one cell per token: the bytes of the model are the bytes of the arrays.
`models.compiled.token_stack` does the same sums in the same order: change both, or none.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from math import exp, log, sqrt
from typing import Any, Self

import msgspec
from river import base

from core.declaration import Application, Classification
from core.records import Contribution
from models.base import BadModel, Row, require
from models.tfd_tokens import PAYMENTS, Encoding
from models.token_effects import Part, effects, usual

RATE = 0.15
WINDOW_RATE = 0.5
FIRST_SQUARES = 1e-2
"""AdaGrad: learning rates of the regression on the row and on the windows, and the sum of squared gradients
that each weight starts from."""

FIRST_STACK = (0.5, 0.5, 0.3, 0.2, 0.5)
"""Weights of naive Bayes and the regression, both by the row; with features: of naive Bayes by all tokens, of
the regression by the row, and of the regression by all."""

STACK_RATE = 0.02
STACK_FIRST_SQUARES = 1e-2

SHRINK = 32.0
"""Naive Bayes: how many lessons the pooled token frequency weighs."""

CARDINALITY = 32.0
"""Naive Bayes: how many values a token is assumed to have before any is seen."""

CLIP = log((1 - 1e-5) / 1e-5)
"""Logits that enter the stack, as probabilities clipped at 1e-5."""

ENOUGH_LESSONS = 500
"""With lessons of both classes, from here on an answer means something."""


class State(msgspec.Struct, array_like=True, tag="token_stack.2"):
    """The bytes of the model: what it was made for, and its arrays of doubles, one cell per token."""

    encoding: str
    positive: bool
    counts: tuple[int, int]
    negatives: bytes
    positives: bytes
    weights: bytes
    squares: bytes
    stack: tuple[float, float, float, float, float]
    """In the order of `FIRST_STACK`."""
    stack_squares: tuple[float, float, float, float, float]


class TokenStack(base.Classifier):
    """Tells how probable the positive class is.

    Naive Bayes: counts per token and class, shrunk to the pooled frequency of the token; prior from the
    class counts; a token never seen tells nothing. Regression: one weight per token, AdaGrad (Duchi, Hazan,
    Singer, JMLR 12, 2011). Stack: non-negative weights on the logits, learned as well. No class weights, no
    resampling: the probability stays a probability.

    Parameters
    ----------
    positive
        The label's value whose probability is told.
    encoding
        How a row becomes tokens.
    """

    def __init__(self, positive: bool = True, encoding: Encoding = PAYMENTS) -> None:
        self.positive = positive
        self.encoding = encoding
        size = encoding.size
        self._lessons = [0, 0]
        self._counts = ([0.0] * size, [0.0] * size)
        self._weights = [0.0] * size
        self._squares = [FIRST_SQUARES] * size
        self._stack = list(FIRST_STACK)
        self._stack_squares = [STACK_FIRST_SQUARES] * 5
        self._both = encoding.shared
        self._alone = encoding.shared + encoding.bayes
        self._row = encoding.row
        self._window_bayes = encoding.row + encoding.window_shared

    @classmethod
    def build(cls, application: Application) -> Self:
        """A fresh model; raises ValueError when the application is no classification or lacks its fields."""
        if not isinstance(application.task, Classification):
            raise ValueError(f"token_stack classifies, and the task of {application.name} is another")
        require(application, PAYMENTS.fields, "token_stack")
        return cls(positive=application.task.positive)

    @property
    def trained(self) -> bool:
        """Whether it has had 500 lessons, and some of both classes."""
        return sum(self._lessons) >= ENOUGH_LESSONS and min(self._lessons) > 0

    def predict_proba_one(self, x: Row) -> dict[bool, float]:  # type: ignore[override]
        """The probability of both classes; they sum to 1."""
        tokens, stack = self.encoding.tokens(x), self._stack
        odds = self._odds(1.0, tokens[: self._alone])
        regression = self._regression(tokens)
        if len(tokens) == self._row:
            logit = stack[0] * self._bayes(odds) + stack[1] * _clipped(regression)
        else:
            odds = self._odds(odds, tokens[self._row : self._window_bayes])
            whole = self._regression_on(regression, tokens)
            logit = (
                stack[2] * self._bayes(odds) + stack[3] * _clipped(regression) + stack[4] * _clipped(whole)
            )
        probability = _sigmoid(logit)
        return {self.positive: probability, not self.positive: 1.0 - probability}

    def predict_one(self, x: Row) -> bool:  # type: ignore[override]
        """The more probable class."""
        probability = self.predict_proba_one(x)
        return max(probability, key=probability.__getitem__)

    def learn_one(self, x: Row, y: Any) -> None:
        """Takes one lesson; `y` is the label's value."""
        tokens = self.encoding.tokens(x)
        truth = int(bool(y) == self.positive)
        odds = self._odds(1.0, tokens[: self._alone])
        regression = self._regression(tokens)
        clipped = _clipped(regression)
        self._learn_stack(0, (self._bayes(odds), clipped), truth)
        if len(tokens) > self._row:
            odds = self._odds(odds, tokens[self._row : self._window_bayes])
            whole = self._regression_on(regression, tokens)
            self._learn_stack(2, (self._bayes(odds), clipped, _clipped(whole)), truth)
            self._step(tokens[self._row :], _sigmoid(whole) - truth, WINDOW_RATE)
        self._step(tokens[: self._both] + tokens[self._alone : self._row], _sigmoid(regression) - truth, RATE)
        counts = self._counts[truth]
        for token in tokens:
            counts[token] += 1.0
        self._lessons[truth] += 1

    def _odds(self, odds: float, tokens: Sequence[int]) -> float:
        """`odds` times how much more frequent each token is among positives.

        One logarithm of a product costs less than a sum of logarithms; 14 factors of 1e10 lessons still fit.
        """
        negatives, positives = self._counts
        n0, n1 = self._lessons
        pooled = SHRINK / (n0 + n1 + CARDINALITY)
        factor = (n0 + SHRINK) / (n1 + SHRINK)
        for token in tokens:
            c0, c1 = negatives[token], positives[token]
            seen = c0 + c1
            if seen:
                prior = (seen + 1.0) * pooled
                odds *= (c1 + prior) / (c0 + prior) * factor
        return odds

    def _bayes(self, odds: float) -> float:
        """Clipped logit of naive Bayes, from what its tokens say and the prior."""
        n0, n1 = self._lessons
        return _clipped(log(odds * ((n1 + 1.0) / (n0 + 1.0))))

    def _regression(self, tokens: tuple[int, ...]) -> float:
        """The logit by the row alone."""
        weights = self._weights
        logit = 0.0
        for token in tokens[: self._both]:
            logit += weights[token]
        for token in tokens[self._alone : self._row]:
            logit += weights[token]
        return logit

    def _regression_on(self, logit: float, tokens: tuple[int, ...]) -> float:
        """The logit that goes on with the windows."""
        weights = self._weights
        for token in tokens[self._row :]:
            logit += weights[token]
        return logit

    def _step(self, tokens: tuple[int, ...], gradient: float, rate: float) -> None:
        weights, squares = self._weights, self._squares
        square, step = gradient * gradient, rate * gradient
        for token in tokens:
            squares[token] = total = squares[token] + square
            weights[token] -= step / sqrt(total)

    def _learn_stack(self, first: int, logits: Sequence[float], truth: int) -> None:
        stack, squares = self._stack, self._stack_squares
        logit = 0.0
        for n, one in enumerate(logits, first):
            logit += stack[n] * one
        error = _sigmoid(logit) - truth
        for n, one in enumerate(logits, first):
            gradient = error * one
            squares[n] += gradient * gradient
            moved = stack[n] - STACK_RATE * gradient / sqrt(squares[n])
            stack[n] = moved if moved > 0.0 else 0.0

    def explain_one(self, x: Row) -> list[Contribution]:
        """What moved the log-odds away from `usual_logit`, by field or feature, the largest effect first.

        Effects add up to the answer's log-odds minus the usual ones. Values of a cross are a list.
        """
        tokens = self.encoding.tokens(x)
        return effects(self.encoding.slots, tokens, x, self._parts(len(tokens) > self._row))

    def usual_logit(self, windows: bool) -> float:
        """The log-odds of an average payment: each token weighs as often as lessons had it.

        windows: of the answer with features, or of the one by the row alone.
        """
        return usual(self.encoding.slots, self._parts(windows))

    def _parts(self, windows: bool) -> list[Part]:
        """What the stack sums up, part by part."""
        stack = self._stack
        alone = range(self._alone)
        row = (*range(self._both), *range(self._alone, self._row))
        n0, n1 = self._lessons
        prior = log((n1 + 1.0) / (n0 + 1.0))
        seen = [c0 + c1 for c0, c1 in zip(*self._counts, strict=True)]

        def ratio(token: int) -> float:
            return log(self._odds(1.0, (token,)))

        weight = self._weights.__getitem__
        if not windows:
            return [
                Part(stack[0], prior, alone, ratio, seen, CLIP),
                Part(stack[1], 0.0, row, weight, seen, CLIP),
            ]
        every = range(self._row, len(self.encoding.slots))
        return [
            Part(stack[2], prior, (*alone, *range(self._row, self._window_bayes)), ratio, seen, CLIP),
            Part(stack[3], 0.0, row, weight, seen, CLIP),
            Part(stack[4], 0.0, (*row, *every), weight, seen, CLIP),
        ]

    def to_bytes(self) -> bytes:
        """Flat arrays in msgpack."""
        return msgspec.msgpack.encode(
            State(
                encoding=_named(self.encoding),
                positive=self.positive,
                counts=(self._lessons[0], self._lessons[1]),
                negatives=array("d", self._counts[0]).tobytes(),
                positives=array("d", self._counts[1]).tobytes(),
                weights=array("d", self._weights).tobytes(),
                squares=array("d", self._squares).tobytes(),
                stack=tuple(self._stack),  # type: ignore[arg-type]
                stack_squares=tuple(self._stack_squares),  # type: ignore[arg-type]
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or encoding."""
        state = read(data)
        model = cls(positive=state.positive)
        model._lessons = list(state.counts)
        model._counts = (_floats(state.negatives), _floats(state.positives))
        model._weights, model._squares = _floats(state.weights), _floats(state.squares)
        model._stack, model._stack_squares = list(state.stack), list(state.stack_squares)
        return model


def read(data: bytes) -> State:
    """The state in the bytes of a model; raises BadModel when they are of another model or encoding."""
    try:
        state = msgspec.msgpack.decode(data, type=State)
    except msgspec.MsgspecError as error:
        raise BadModel(f"these bytes are not a token_stack: {error}") from None
    if state.encoding != _named(PAYMENTS):
        raise BadModel(f"the model was taught on tokens {state.encoding}, this code makes {_named(PAYMENTS)}")
    for name in ("negatives", "positives", "weights", "squares"):
        length = len(getattr(state, name))
        if length != 8 * PAYMENTS.size:
            raise BadModel(f"{name} of this token_stack has {length} bytes, and needs {8 * PAYMENTS.size}")
    return state


def _named(encoding: Encoding) -> str:
    return f"{encoding.name}:{encoding.size}"


def _floats(data: bytes) -> list[float]:
    return array("d", data).tolist()


def _clipped(logit: float) -> float:
    if logit > CLIP:
        return CLIP
    return logit if logit > -CLIP else -CLIP


def _sigmoid(logit: float) -> float:
    """1 / (1 + exp(-logit)) without overflow."""
    if logit >= 0:
        return 1.0 / (1.0 + exp(-logit))
    odds = exp(logit)
    return odds / (1.0 + odds)
