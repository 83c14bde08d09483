"""The run's pipeline fitted again, on other rows, with other settings, with fewer inputs; and its scores.

train rows -> some of them, or some of their inputs -> Trainer.refit -> validation rows -> two scores
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import pandas as pd

from batch.diagnostics.scored import naive_answers
from batch.diagnostics.segments import space
from batch.diagnostics.subject import Drawn, Floats, Indices, Subject, Unanswerable
from batch.history import BadData
from core.declaration import Classification, Clustering, Regression
from core.diagnostics.shapes import Sample

if TYPE_CHECKING:
    from batch.datasets import Dataset
    from models.registered.model import BatchModel

MOST_ROWS = 20_000
"""Train rows that a pipeline is fitted to again: the newest ones."""

MOST_SCORED = 10_000
"""Rows that are scored."""

MOST_MEASURED = 1_000
"""Rows between which distances are measured."""

LEAST_ROWS = 30


class Score(NamedTuple):
    """What a refitted pipeline is judged by."""

    title: str
    unit: str
    higher: bool
    low: float | None = None
    high: float | None = None


def scores_of(subject: Subject) -> tuple[Score, Score]:
    """The two figures of the application's task, the leading one first."""
    match subject.application.task:
        case Classification():
            return Score("Average precision", "", True, 0, 1), Score("ROC AUC", "", True, None, 1)
        case Regression(unit=unit):
            return Score("Mean absolute error", unit, False, 0), Score("R²", "", True, None, 1)
        case Clustering():
            return Score("Agreement with the run", "", True, None, 1), Score("Silhouette", "", True)


def judged(subject: Subject, model: BatchModel, dataset: Dataset) -> Floats:
    """(2,): the figures of `scores_of`; NaN where one can't be told, as without both classes.

    Agreement: the adjusted Rand index between the segments of the refitted pipeline and those of the run
    (Hubert and Arabie 1985). Silhouette (Rousseeuw 1987): in the space in which the model measures.
    """
    answers = model.answers(dataset.frame)
    if isinstance(subject.application.task, Clustering):
        return np.array([_agreement(subject, dataset, answers), _silhouette(model, dataset, answers)])
    if dataset.target is None:
        raise Unanswerable(f"{subject.application.name} has no label: nothing to score")
    if _classes(subject):
        return ranking(dataset.target > 0.5, answers)
    return distance(dataset.target, answers)


def ranking(truth: np.ndarray[Any, np.dtype[np.bool_]], answers: Floats) -> Floats:
    """(2,): average precision and ROC AUC; NaN without both classes."""
    from sklearn.metrics import average_precision_score, roc_auc_score

    if truth.all() or not truth.any():
        return np.full(2, np.nan)
    return np.array([average_precision_score(truth, answers), roc_auc_score(truth, answers)])


def distance(truth: Floats, answers: Floats) -> Floats:
    """(2,): mean absolute error and R²; NaN without rows, R² also where the truth never varies."""
    if not len(truth):
        return np.full(2, np.nan)
    around = float(((truth - truth.mean()) ** 2).sum())
    r2 = 1 - float(((truth - answers) ** 2).sum()) / around if around > 0 else np.nan
    return np.array([np.abs(truth - answers).mean(), r2])


def _agreement(subject: Subject, dataset: Dataset, answers: Floats) -> float:
    from sklearn.metrics import adjusted_rand_score

    return float(adjusted_rand_score(subject.model.answers(dataset.frame), answers))


def _silhouette(model: BatchModel, dataset: Dataset, answers: Floats) -> float:
    from sklearn.metrics import silhouette_score

    first = slice(0, MOST_MEASURED)
    labels = answers[first]
    if not 2 <= len(np.unique(labels)) < len(labels):
        return float("nan")
    return float(silhouette_score(space(model, dataset.frame.iloc[first]), labels))


def train_rows(subject: Subject) -> Dataset:
    """The newest train rows, at most `MOST_ROWS`; raises Unanswerable when there are too few."""
    train = subject.split.train
    if train.rows < LEAST_ROWS:
        raise Unanswerable(f"{train.rows} train rows: at least {LEAST_ROWS} are needed to fit again")
    return newest(train, MOST_ROWS)


def newest(dataset: Dataset, most: int) -> Dataset:
    """The last `most` rows in time."""
    return dataset if dataset.rows <= most else dataset.take(np.arange(dataset.rows - most, dataset.rows))


def scored_rows(subject: Subject) -> Drawn:
    """Validation rows to score with: at most `MOST_SCORED`, at random."""
    return subject.sample(MOST_SCORED, "validation")


def at_no_cost(subject: Subject, held: Drawn) -> Floats | None:
    """(2,): the figures of the answer that costs nothing; None where nothing is labelled."""
    truth = held.dataset.target
    if truth is None:
        return None
    naive = naive_answers(subject, held)
    return ranking(truth > 0.5, naive) if _classes(subject) else distance(truth, naive)


def _classes(subject: Subject) -> bool:
    return isinstance(subject.application.task, Classification)


def refitted(
    subject: Subject, dataset: Dataset, parameters: Mapping[str, Any] | None = None
) -> BatchModel | None:
    """The run's pipeline on these rows; None where they can't teach it, as with one class only."""
    from sklearn.exceptions import ConvergenceWarning

    subject.progress.check()
    with warnings.catch_warnings():
        # Of few inputs many rows are the same, and make fewer segments than were asked for: the scores tell.
        warnings.simplefilter("ignore", ConvergenceWarning)
        try:
            return subject.trainer.refit(subject.model, dataset, parameters, subject.threads)
        except BadData:
            return None


def keeping(dataset: Dataset, names: Collection[str]) -> Dataset:
    """The rows with all other inputs set to one value, so that nothing can be learned from them."""
    frame = dataset.frame.copy(deep=False)
    for name in frame.columns:
        if name not in names:
            frame[name] = _blank(frame[name])
    return replace(dataset, frame=frame)


def _blank(column: pd.Series[Any]) -> Any:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return pd.Categorical.from_codes(np.zeros(len(column), dtype=np.int8), dtype=column.dtype)
    return np.zeros(len(column))


def base(subject: Subject) -> str | None:
    """The input that a regressor's answers are relative to, which can't be left out; else None."""
    target = subject.model.target
    return None if target is None or target.form == "label" else target.base


def folds(known_at: Any, times: Any, count: int) -> list[tuple[Indices, Indices]]:
    """Time-ordered folds: rows to fit to, and the block of rows behind them to score with.

    Rows are in order of time, cut into count + 1 blocks. A fold is fitted to all rows before its block whose
    label was known when the block began.
    """
    bounds = np.linspace(0, len(times), count + 2).astype(np.int64)
    made = []
    for start, end in pairwise(bounds[1:]):
        if start == end:
            continue
        before = np.arange(start)
        made.append((before[known_at[:start] <= times[start]], np.arange(start, end)))
    return made


def told(subject: Subject, fitted: int, scored: int) -> Sample:
    """What a curve was computed from, whose pipelines are scored on validation rows."""
    how = f"scored on {scored:,} validation rows; fitted on at most {fitted:,} train rows, the newest"
    available = subject.split.train.rows + subject.split.validation.rows
    return Sample(rows=fitted + scored, available=available, split="train, validation", how=how)


def best(values: Floats, score: Score) -> int | None:
    """The place of the best finite value of the leading score; None when there is none."""
    if not np.isfinite(values).any():
        return None
    return int(np.nanargmax(values) if score.higher else np.nanargmin(values))


def grown(size: int, steps: Sequence[float]) -> list[int]:
    """Different sizes from shares of `size`, each at least 1, rising."""
    return sorted({max(1, round(size * step)) for step in steps})
