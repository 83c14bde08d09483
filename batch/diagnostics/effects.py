"""How much each input moves an answer: SHAP values, exact for trees, else sampled.

rows -> effects (rows x inputs) -> mean |effect| per input -> which inputs matter
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd

from batch.diagnostics.subject import Drawn, Floats, Indices, Subject
from core.declaration import Classification, Clustering

EXACT_ROWS = 500
SAMPLED_ROWS = 60
PERMUTATIONS = 6
"""Each is also walked backwards, which halves the noise."""

LEAST_PROBABILITY = 1e-6


class Effects(NamedTuple):
    """What moved each answer, and from where."""

    values: Floats
    """(n, inputs): in log-odds, or in the label's unit."""
    usual: Floats
    """(n,): what they are added to."""
    how: str
    """Method, in words."""


def effects(subject: Subject, frame: pd.DataFrame) -> Effects:
    """SHAP values of the rows; those of the trees themselves where the model has them."""
    values, usual = subject.model.effects(frame), subject.model.usual(frame)
    if values is not None and usual is not None:
        return Effects(values, usual, "exact SHAP values of the trees")
    return _sampled(subject, frame)


def _sampled(subject: Subject, frame: pd.DataFrame) -> Effects:
    """Shapley values by walks from rows of train to the row (Strumbelj and Kononenko, 2014)."""
    rng, names = subject.rng(), list(subject.model.inputs)
    train = subject.split.train.frame
    n, width = len(frame), len(names)
    values, usual = np.zeros((n, width)), np.zeros(n)
    for _ in range(PERMUTATIONS):
        subject.progress.check()
        start = train.iloc[rng.integers(0, len(train), n)]
        both = pd.concat([frame[names], start[names]], ignore_index=True)
        there = rng.permutation(width)
        for order in (there, there[::-1]):
            said = _walk(subject, both, order, n)
            values[:, order] += np.diff(said, axis=0).T
            usual += said[0]
    walks = 2 * PERMUTATIONS
    return Effects(values / walks, usual / walks, f"Shapley values estimated by {walks} walks per row")


def _walk(subject: Subject, both: pd.DataFrame, order: Indices, n: int) -> Floats:
    """(inputs + 1, n): the answers while one input after the other takes the row's own value.

    both: the n rows, then the n rows they start from.
    """
    width = len(order)
    turn = np.argsort(order)
    rows = np.tile(np.arange(n), width + 1)
    step = np.repeat(np.arange(width + 1), n)
    stacked = {
        name: both[name].take(np.where(step > turn[place], rows, rows + n)).reset_index(drop=True)
        for place, name in enumerate(both.columns)
    }
    return _said(subject, pd.DataFrame(stacked)).reshape(width + 1, n)


def _said(subject: Subject, frame: pd.DataFrame) -> Floats:
    """(n,): the answers in log-odds, or as they are."""
    answers = subject.model.answers(frame)
    if not isinstance(subject.application.task, Classification):
        return answers
    p = np.clip(answers, LEAST_PROBABILITY, 1 - LEAST_PROBABILITY)
    found: Floats = np.log(p / (1 - p))
    return found


class Explained(NamedTuple):
    """Test rows with their effects."""

    drawn: Drawn
    effects: Effects


def explained(subject: Subject) -> Explained:
    """Some test rows and what moved their answers; computed once."""

    def compute() -> Explained:
        exact = subject.model.effects(subject.split.test.frame.iloc[:1]) is not None
        drawn = subject.sample(EXACT_ROWS if exact else SAMPLED_ROWS)
        return Explained(drawn, effects(subject, drawn.dataset.frame))

    found: Explained = subject.once("explained", compute)
    return found


def importance(subject: Subject) -> dict[str, float]:
    """Input -> how much it matters, the largest first.

    Mean |SHAP value| over test rows; of a clustering the share of an input's variance that lies between
    segments (eta squared).
    """

    def compute() -> dict[str, float]:
        if isinstance(subject.application.task, Clustering):
            found = _between(subject)
        else:
            values = np.abs(explained(subject).effects.values).mean(axis=0)
            found = dict(zip(subject.model.inputs, values.tolist(), strict=True))
        return dict(sorted(found.items(), key=lambda one: -one[1]))

    known: dict[str, float] = subject.once("importance", compute)
    return known


def _between(subject: Subject) -> dict[str, float]:
    drawn = subject.sample(20_000)
    found = {}
    for one in subject.inputs("number", "flag"):
        values = drawn.dataset.frame[one.name].to_numpy(dtype=np.float64)
        known = np.isfinite(values)
        grand = float(values[known].mean()) if known.any() else 0.0
        total = float(np.sum((values[known] - grand) ** 2))
        between = 0.0
        for segment in np.unique(drawn.answers):
            mine = values[known & (drawn.answers == segment)]
            between += len(mine) * float(mine.mean() - grand) ** 2 if len(mine) else 0.0
        found[one.name] = between / total if total else 0.0
    return found
