"""Token naive Bayes and token logistic regression, stacked on their logits: a River classifier.

    row -> tokens -> naive Bayes -----------\\
                 `-> logistic regression ---- learned stack -> probability

Each part keeps flat arrays, one cell per token: the bytes of the model are the bytes of the arrays.
"""

from __future__ import annotations

from array import array
from math import exp, log, sqrt
from typing import Any, Self

import msgspec
from river import base

from core.declaration import Application, Classification
from models.base import BadModel, Row, require
from models.tfd_tokens import PAYMENTS, Encoding

RATE = 0.3
FIRST_SQUARES = 1e-2
"""AdaGrad: learning rate of the regression, and the sum of squared gradients that each weight starts from."""

STACK_RATE = 0.01
STACK_FIRST_SQUARES = 1e-2

SHRINK = 32.0
"""Naive Bayes: how many lessons the pooled token frequency weighs."""

CARDINALITY = 32.0
"""Naive Bayes: how many values a token is assumed to have before any is seen."""

CLIP = log((1 - 1e-5) / 1e-5)
"""Logits that enter the stack, as probabilities clipped at 1e-5."""

ENOUGH_LESSONS = 500
"""With lessons of both classes, from here on an answer means something."""


class _State(msgspec.Struct, array_like=True, tag="token_stack.1"):
    encoding: str
    positive: bool
    counts: tuple[int, int]
    negatives: bytes
    positives: bytes
    weights: bytes
    squares: bytes
    stack: tuple[float, float]
    stack_squares: tuple[float, float]


class TokenStack(base.Classifier):
    """Tells how probable the positive class is.

    Naive Bayes: counts per token and class, shrunk to the pooled frequency of the token; prior from the
    class counts. Regression: one weight per token, AdaGrad (Duchi, Hazan, Singer, JMLR 12, 2011). Stack:
    two non-negative weights on the two logits, learned as well. No class weights, no resampling: the
    probability stays a probability.

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
        self._stack = [0.5, 0.5]
        self._stack_squares = [STACK_FIRST_SQUARES] * 2
        self._both = encoding.shared
        self._alone = encoding.shared + encoding.bayes

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
        tokens = self.encoding.tokens(x)
        logit = self._stack[0] * self._bayes(tokens) + self._stack[1] * _clipped(self._regression(tokens))
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
        regression = self._regression(tokens)
        self._learn_stack(self._bayes(tokens), _clipped(regression), truth)
        self._learn_regression(tokens, _sigmoid(regression) - truth)
        counts = self._counts[truth]
        for token in tokens[: self._alone]:
            counts[token] += 1.0
        self._lessons[truth] += 1

    def _bayes(self, tokens: tuple[int, ...]) -> float:
        """Clipped logit of naive Bayes. One logarithm of a product costs less than a sum of logarithms."""
        negatives, positives = self._counts
        n0, n1 = self._lessons
        pooled = SHRINK / (n0 + n1 + CARDINALITY)
        odds = 1.0
        for token in tokens[: self._alone]:
            c0, c1 = negatives[token], positives[token]
            prior = (c0 + c1 + 1.0) * pooled
            odds *= (c1 + prior) / (c0 + prior)
        odds *= ((n0 + SHRINK) / (n1 + SHRINK)) ** self._alone * (n1 + 1.0) / (n0 + 1.0)
        return _clipped(log(odds))

    def _regression(self, tokens: tuple[int, ...]) -> float:
        weights = self._weights
        logit = 0.0
        for token in tokens[: self._both]:
            logit += weights[token]
        for token in tokens[self._alone :]:
            logit += weights[token]
        return logit

    def _learn_regression(self, tokens: tuple[int, ...], gradient: float) -> None:
        weights, squares = self._weights, self._squares
        square, step = gradient * gradient, RATE * gradient
        for token in tokens[: self._both] + tokens[self._alone :]:
            squares[token] += square
            weights[token] -= step / sqrt(squares[token])

    def _learn_stack(self, bayes: float, regression: float, truth: int) -> None:
        stack, squares = self._stack, self._stack_squares
        error = _sigmoid(stack[0] * bayes + stack[1] * regression) - truth
        for n, logit in enumerate((bayes, regression)):
            gradient = error * logit
            squares[n] += gradient * gradient
            stack[n] = max(0.0, stack[n] - STACK_RATE * gradient / sqrt(squares[n]))

    def to_bytes(self) -> bytes:
        """Flat arrays in msgpack."""
        return msgspec.msgpack.encode(
            _State(
                encoding=f"{self.encoding.name}:{self.encoding.size}",
                positive=self.positive,
                counts=(self._lessons[0], self._lessons[1]),
                negatives=array("d", self._counts[0]).tobytes(),
                positives=array("d", self._counts[1]).tobytes(),
                weights=array("d", self._weights).tobytes(),
                squares=array("d", self._squares).tobytes(),
                stack=(self._stack[0], self._stack[1]),
                stack_squares=(self._stack_squares[0], self._stack_squares[1]),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from `to_bytes`; raises BadModel when the bytes are of another model or encoding."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.MsgspecError as error:
            raise BadModel(f"these bytes are not a token_stack: {error}") from None
        model = cls(positive=state.positive)
        expected = f"{model.encoding.name}:{model.encoding.size}"
        if state.encoding != expected:
            raise BadModel(f"the model was taught on tokens {state.encoding}, this code makes {expected}")
        model._lessons = list(state.counts)
        model._counts = (_floats(state.negatives), _floats(state.positives))
        model._weights, model._squares = _floats(state.weights), _floats(state.squares)
        model._stack, model._stack_squares = list(state.stack), list(state.stack_squares)
        return model


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
