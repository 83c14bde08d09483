"""Where to cut: what a threshold costs and brings, and how good the top of the ranking is."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from batch.diagnostics.arrays import cells, histogram, moments, thinned, wilson
from batch.diagnostics.confusion import Pictures
from batch.diagnostics.ranking import probability_axis
from batch.diagnostics.scored import Scored, share
from batch.diagnostics.subject import Floats, Unanswerable
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel

FOLDS = 20
FOLD_ROWS = 50_000
"""Rows of one resample at most."""

MOST_RANK = 500

_SPANS = (("day", "D"), ("hour", "h"), ("minute", "m"))
LEAST_SPANS = 3
"""Days before the figure is per day rather than per hour."""


class AtThresholds(NamedTuple):
    """Scores at each threshold; each (k,), or (resamples, k)."""

    precision: Floats
    recall: Floats
    f1: Floats
    f2: Floats
    queue: Floats


def at_thresholds(
    truth: Floats, answers: Floats, grid: Floats, weights: Floats | None = None
) -> AtThresholds:
    """Scores of the alarms `answers >= grid`, rows counted `weights` times; NaN where nothing is alarmed.

    truth, answers: (n,); grid: (k,) ascending; weights: (resamples, n).
    """
    order = np.argsort(answers, kind="stable")
    counted = np.ones((1, len(truth))) if weights is None else weights[:, order]
    first = np.searchsorted(answers[order], grid, side="left")
    hits, alarms = (_from(counted * side, first) for side in (truth[order], 1.0))
    positives = (counted * truth[order]).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found = AtThresholds(
            precision=hits / alarms,
            recall=hits / positives,
            f1=2 * hits / (alarms + positives),
            f2=5 * hits / (alarms + 4 * positives),
            queue=alarms / counted.sum(axis=1, keepdims=True),
        )
    return AtThresholds(*(one[0] for one in found)) if weights is None else found


def _from(values: Floats, first: npt.NDArray[np.int64]) -> Floats:
    """(resamples, k): the sums from each place on."""
    sums = np.cumsum(values, axis=1)
    before = np.concatenate([np.zeros((len(sums), 1)), sums], axis=1)
    found: Floats = sums[:, -1:] - before[:, first]
    return found


def threshold_grid(answers: Floats) -> Floats:
    """Thresholds to try: even ones and those where the answers are."""
    even, dense = np.linspace(0.005, 0.995, 199), np.quantile(answers, np.linspace(0, 1, 101))
    return np.unique(np.concatenate([even, np.clip(dense, 1e-6, 1)]))


def threshold_choice(
    one: Scored, rng: np.random.Generator, rows_named: str = "the validation rows"
) -> Pictures:
    """Precision, recall, F1, F2 and the share alarmed over the threshold, with 80 % of the resamples."""
    grid = threshold_grid(one.answers)
    values = at_thresholds(one.truth, one.answers, grid)
    n = min(len(one.truth), FOLD_ROWS)
    rows = rng.choice(len(one.truth), n, replace=False)
    weights = rng.multinomial(n, np.full(n, 1 / n), size=FOLDS).astype(np.float64)
    folds = at_thresholds(one.truth[rows], one.answers[rows], grid, weights)
    series = []
    for name, values_of, spread in zip(
        ("precision", "recall", "F1", "F2", "queue rate"), values, folds, strict=True
    ):
        low, high = _quantiles(spread)
        kept = thinned(grid, values_of, 200)
        series.append(
            Lines(
                name=name,
                x=cells(grid[kept]),
                y=cells(values_of[kept]),
                low=cells(low[kept]),
                high=cells(high[kept]),
            )
        )
    best = {name: int(np.nanargmax(scores)) for name, scores in (("F1", values.f1), ("F2", values.f2))}
    axis = probability_axis(one)
    panel = Panel(
        title="Scores over the threshold",
        x=Axis(title="Threshold", scale=axis.scale, share=True, low=axis.low, high=axis.high),
        y=share("Score"),
        series=list(series),
        marks=[
            Mark(text="served", x=float(f"{one.threshold:.4g}")),
            *(Mark(text=f"best {name}", x=float(f"{grid[at]:.4g}")) for name, at in best.items()),
        ],
        note=f"The band holds 80 % of {FOLDS} resamples of {rows_named}.",
        wide=True,
    )
    facts = [Fact(title="Served threshold", value=float(f"{one.threshold:.4g}"))]
    for name, at in best.items():
        facts.append(Fact(title=f"Threshold of the best {name}", value=float(f"{grid[at]:.4g}")))
        scores = values.f1 if name == "F1" else values.f2
        facts.append(Fact(title=f"{name} there", value=float(f"{scores[at]:.4g}")))
    return [panel], facts


def _quantiles(spread: Floats) -> tuple[Floats, Floats]:
    """The 10 % and 90 % quantiles over the resamples; NaN where most of them alarm nothing."""
    known = np.isfinite(spread).mean(axis=0) >= 0.5
    low, high = np.nanquantile(np.where(known, spread, 0.0), [0.1, 0.9], axis=0)
    return np.where(known, low, np.nan), np.where(known, high, np.nan)


def score_distribution(one: Scored) -> Pictures:
    """Where the answers of either class lie."""
    axis = probability_axis(one)
    low = axis.low or 1e-6
    edges = np.geomspace(low, 1, 41) if axis.scale == "log" else np.linspace(0, 1, 41)
    series = []
    for name, side in ((one.classes[0], one.truth <= 0), (one.classes[1], one.truth > 0)):
        drawn = histogram(one.answers[side], edges)
        series.append(Lines(name=f"{name} (n = {side.sum():,})", x=drawn.x, y=drawn.y, step=True))
    panel = Panel(
        title="Answers of each class",
        x=axis,
        y=Axis(title="Share of the class", share=True, low=0),
        series=list(series),
        marks=[Mark(text="served threshold", x=float(f"{one.threshold:.4g}"))],
        note="What is smaller or larger than the axis counts in its first or last bin.",
    )
    medians = [
        Fact(title=f"Median answer, {name}", value=float(f"{np.median(one.answers[side]):.3g}"))
        for name, side in ((one.classes[0], one.truth <= 0), (one.classes[1], one.truth > 0))
    ]
    return [panel], medians


class Spans(NamedTuple):
    """The spans of time in which rows lie."""

    word: str
    starts: npt.NDArray[np.datetime64]
    """(spans,)"""
    of: npt.NDArray[np.int64]
    """(n,): the span of each row."""


def spans(times: npt.NDArray[np.datetime64]) -> Spans:
    """Days; hours or minutes where there are fewer than three of the larger."""
    cut = {word: np.unique(times.astype(f"datetime64[{unit}]"), return_inverse=True) for word, unit in _SPANS}
    word = next((word for word, (starts, _) in cut.items() if len(starts) >= LEAST_SPANS), _SPANS[-1][0])
    return Spans(word, *cut[word])


def precision_at_top(one: Scored, k: int) -> Pictures:
    """Precision among the k most suspect rows of each day; and over k, on average over days."""
    found = spans(one.times)
    largest = int(np.bincount(found.of).max())
    if largest < k:
        raise Unanswerable(f"k={k}: no {found.word} of the test rows has more than {largest} rows")
    ranks = np.empty(len(one.truth), dtype=np.int64)
    order = np.lexsort((-one.answers, found.of))
    starts = np.searchsorted(found.of[order], np.arange(len(found.starts)))
    ranks[order] = np.arange(len(order)) - starts[found.of[order]]
    hits = np.bincount(found.of[ranks < k], one.truth[ranks < k], minlength=len(found.starts))
    shown = np.bincount(found.of[ranks < k], minlength=len(found.starts))
    positives = np.bincount(found.of, one.truth, minlength=len(found.starts))
    low, high = wilson(hits, shown)
    overall = float(hits.sum() / shown.sum())
    per_span = Panel(
        title=f"Precision among the {k} most suspect of each {found.word}",
        x=Axis(title="Time", scale="time"),
        y=share("Precision"),
        series=[
            Lines(
                name=f"precision at {k}",
                x=moments(found.starts),
                y=cells(hits / np.maximum(1, shown)),
                low=cells(low),
                high=cells(high),
            ),
            Lines(
                name="best possible",
                x=moments(found.starts),
                y=cells(np.minimum(positives, shown) / np.maximum(1, shown)),
                reference=True,
            ),
        ],
        wide=True,
    )
    facts = [
        Fact(title=f"Precision at {k}", value=float(f"{overall:.4g}")),
        Fact(title="Recall there", value=float(f"{hits.sum() / max(1.0, positives.sum()):.4g}")),
        Fact(title=f"Positives per {found.word}", value=float(f"{positives.mean():.3g}")),
    ]
    return [per_span, _over_k(one, ranks, found, k)], facts


def _over_k(one: Scored, ranks: npt.NDArray[np.int64], found: Spans, k: int) -> Panel:
    most = int(min(max(MOST_RANK, k), ranks.max() + 1))
    inside = ranks < most
    hits = np.cumsum(np.bincount(ranks[inside], one.truth[inside], minlength=most))
    shown = np.cumsum(np.bincount(ranks[inside], minlength=most))
    at = np.arange(1, most + 1)
    kept = thinned(at, hits / shown, 200)
    return Panel(
        title=f"Over the number looked at per {found.word}",
        x=Axis(title=f"Rows looked at per {found.word}", scale="log"),
        y=share("Score"),
        series=[
            Lines(name="precision", x=cells(at[kept]), y=cells((hits / shown)[kept])),
            Lines(name="recall", x=cells(at[kept]), y=cells((hits / one.truth.sum())[kept])),
        ],
        marks=[Mark(text="chosen", x=k)],
    )
