"""The compiled body of `token_stack`: the sums of `models.token_stack`, in the same order, over many rows.

columns -> codes (`models.compiled.tfd_tokens`) -> one compiled loop, asks and lessons as they come -> answers
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, log, sqrt
from typing import Any, Self

import msgspec
import numpy as np
import numpy.typing as npt
from numba import njit

from models.base import Codes, Floats, Order
from models.compiled import tfd_tokens
from models.tfd_tokens import PAYMENTS
from models.token_stack import (
    CARDINALITY,
    CLIP,
    ENOUGH_LESSONS,
    RATE,
    SHRINK,
    STACK_RATE,
    WINDOW_RATE,
    State,
    read,
)

BOTH = PAYMENTS.shared
ALONE = PAYMENTS.shared + PAYMENTS.bayes
ROW = PAYMENTS.row
WINDOW_BAYES = PAYMENTS.row + PAYMENTS.window_shared
WIDTH = len(PAYMENTS.slots)


class CompiledTokenStack:
    """`TokenStack` over columns: see there what it learns."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._lessons = np.array(state.counts, dtype=np.int64)
        self._counts = np.stack([_array(state.negatives), _array(state.positives)])
        self._weights, self._squares = _array(state.weights), _array(state.squares)
        self._stack, self._stack_squares = np.array(state.stack), np.array(state.stack_squares)

    @property
    def trained(self) -> bool:
        """Whether it has had 500 lessons, and some of both classes."""
        return bool(_trained(self._lessons))

    def encode(self, columns: Mapping[str, Codes]) -> Codes:
        """Positions of every row, (n, 24) int32; a pure function of each row."""
        return tfd_tokens.codes(columns)

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        """Asks (i) and teaches (~i) in the given order; answers are probabilities, NaN while untrained."""
        _follow(
            codes,
            truths,
            order,
            answers,
            self._lessons,
            self._counts,
            self._weights,
            self._squares,
            self._stack,
            self._stack_squares,
        )

    def to_bytes(self) -> bytes:
        """The bytes that `TokenStack.to_bytes` would give."""
        stack, squares = self._stack.tolist(), self._stack_squares.tolist()
        return msgspec.msgpack.encode(
            State(
                encoding=self._state.encoding,
                positive=self._state.positive,
                counts=(int(self._lessons[0]), int(self._lessons[1])),
                negatives=self._counts[0].tobytes(),
                positives=self._counts[1].tobytes(),
                weights=self._weights.tobytes(),
                squares=self._squares.tobytes(),
                stack=tuple(stack),
                stack_squares=tuple(squares),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from the bytes of either body; raises BadModel."""
        return cls(read(data))


def _array(data: bytes) -> npt.NDArray[np.float64]:
    return np.frombuffer(data, dtype=np.float64).copy()


@njit(cache=True)
def _trained(lessons: Any) -> Any:
    return lessons[0] + lessons[1] >= ENOUGH_LESSONS and min(lessons[0], lessons[1]) > 0


@njit(cache=True)
def _follow(
    codes: Any,
    truths: Any,
    order: Any,
    answers: Any,
    lessons: Any,
    counts: Any,
    weights: Any,
    squares: Any,
    stack: Any,
    stack_squares: Any,
) -> None:
    logits = np.zeros(5)
    for place in order:
        asked = place >= 0
        if asked and not _trained(lessons):
            answers[place] = np.nan
            continue
        tokens = codes[place if asked else ~place]
        windows = tokens[ROW] >= 0
        odds = _odds(1.0, tokens, 0, ALONE, lessons, counts)
        regression = _regression(tokens, weights)
        whole = regression
        if windows:
            for n in range(ROW, WIDTH):
                whole += weights[tokens[n]]
            odds_of_all = _odds(odds, tokens, ROW, WINDOW_BAYES, lessons, counts)
            logits[2] = _bayes(odds_of_all, lessons)
            logits[3], logits[4] = _clipped(regression), _clipped(whole)
        if asked and windows:
            answers[place] = _sigmoid(_stacked(stack, logits, 2, 5))
            continue
        logits[0], logits[1] = _bayes(odds, lessons), _clipped(regression)
        if asked:
            answers[place] = _sigmoid(_stacked(stack, logits, 0, 2))
            continue
        truth = 1 if truths[~place] > 0.5 else 0
        _learn_stack(stack, stack_squares, logits, 0, 2, truth)
        if windows:
            _learn_stack(stack, stack_squares, logits, 2, 5, truth)
            _step(tokens, ROW, WIDTH, weights, squares, _sigmoid(whole) - truth, WINDOW_RATE)
        gradient = _sigmoid(regression) - truth
        _step(tokens, 0, BOTH, weights, squares, gradient, RATE)
        _step(tokens, ALONE, ROW, weights, squares, gradient, RATE)
        for n in range(WIDTH if windows else ROW):
            counts[truth, tokens[n]] += 1.0
        lessons[truth] += 1


@njit(cache=True)
def _odds(odds: Any, tokens: Any, start: Any, stop: Any, lessons: Any, counts: Any) -> Any:
    n0, n1 = lessons[0], lessons[1]
    pooled = SHRINK / (n0 + n1 + CARDINALITY)
    factor = (n0 + SHRINK) / (n1 + SHRINK)
    for n in range(start, stop):
        c0, c1 = counts[0, tokens[n]], counts[1, tokens[n]]
        seen = c0 + c1
        if seen != 0.0:
            prior = (seen + 1.0) * pooled
            odds *= (c1 + prior) / (c0 + prior) * factor
    return odds


@njit(cache=True)
def _bayes(odds: Any, lessons: Any) -> Any:
    return _clipped(log(odds * ((lessons[1] + 1.0) / (lessons[0] + 1.0))))


@njit(cache=True)
def _regression(tokens: Any, weights: Any) -> Any:
    logit = 0.0
    for n in range(BOTH):
        logit += weights[tokens[n]]
    for n in range(ALONE, ROW):
        logit += weights[tokens[n]]
    return logit


@njit(cache=True)
def _step(tokens: Any, start: Any, stop: Any, weights: Any, squares: Any, gradient: Any, rate: Any) -> None:
    square, step = gradient * gradient, rate * gradient
    for n in range(start, stop):
        token = tokens[n]
        squares[token] += square
        weights[token] -= step / sqrt(squares[token])


@njit(cache=True)
def _stacked(stack: Any, logits: Any, start: Any, stop: Any) -> Any:
    logit = 0.0
    for n in range(start, stop):
        logit += stack[n] * logits[n]
    return logit


@njit(cache=True)
def _learn_stack(stack: Any, squares: Any, logits: Any, start: Any, stop: Any, truth: Any) -> None:
    error = _sigmoid(_stacked(stack, logits, start, stop)) - truth
    for n in range(start, stop):
        gradient = error * logits[n]
        squares[n] += gradient * gradient
        moved = stack[n] - STACK_RATE * gradient / sqrt(squares[n])
        stack[n] = moved if moved > 0.0 else 0.0


@njit(cache=True)
def _clipped(logit: Any) -> Any:
    if logit > CLIP:
        return CLIP
    return logit if logit > -CLIP else -CLIP


@njit(cache=True)
def _sigmoid(logit: Any) -> Any:
    if logit >= 0:
        return 1.0 / (1.0 + exp(-logit))
    odds = exp(logit)
    return odds / (1.0 + odds)
