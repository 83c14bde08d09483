"""What a classifier and a regressor take from validation rows: threshold, form of the target, spread.

validation rows -> probabilities -> the threshold of best F2
                -> answers of each form of the target -> the form of least error; quantiles of relative errors
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt

from batch.datasets import Dataset
from batch.progress import Progress
from core.declaration import Application, Classification, Regression
from models.registered.model import BatchModel
from models.registered.target import FORMS, Form, Target

Floats = npt.NDArray[np.float64]

BETA = 2.0
"""Recall counts twice as much as precision."""

CERTAIN = 0.5
"""The threshold where nothing can be learned of it."""

INSIDE = 0.8
"""Share of the truths that lie in the interval."""

LEAST_ROWS = 50
"""Below this many validation rows no interval is told."""

TRIED = 6_000
"""Rows on which forms of the target are compared."""


def threshold(labels: Floats, probabilities: Floats) -> float:
    """The probability from which an answer is positive, for the best F2 on these rows.

    Half way, in log-odds, between the last answer that is taken and the next one: where there are few
    positives the best place is a gap. Without positives nothing can be learned from the truth; then the
    probabilities themselves stand for it.
    """
    if not len(labels):
        return CERTAIN
    weight = labels if labels.any() else probabilities
    order = np.argsort(-probabilities, kind="stable")
    ranked, found = probabilities[order], np.cumsum(weight[order])
    scores = (1 + BETA**2) * found / (np.arange(1, len(ranked) + 1) + BETA**2 * max(found[-1], 1e-12))
    # Equal probabilities are taken together.
    last = np.append(ranked[1:] < ranked[:-1], True)
    at = int(np.argmax(np.where(last, scores, -1.0)))
    lowest, following = ranked[at], ranked[at + 1] if at + 1 < len(ranked) else 0.0
    return float(np.clip(_between(lowest, following), 1e-9, 1 - 1e-9))


def _between(high: float, low: float) -> float:
    if low <= 0.0 or high >= 1.0:
        return (high + low) / 2
    middle = (np.log(high / (1 - high)) + np.log(low / (1 - low))) / 2
    return float(1 / (1 + np.exp(-middle)))


def target(form: Form, train: Dataset) -> Target:
    """A form of the target, with what it needs from the training rows."""
    task = train.application.task
    if not isinstance(task, Regression):
        raise TypeError(f"{train.application.name} is no regression")
    bases = train.frame[task.naive].to_numpy(dtype=np.float64)
    known = bases[np.isfinite(bases)]
    usual = float(np.median(known)) if len(known) else max(task.floor, 1.0)
    return Target(form=form, base=task.naive, floor=task.floor, usual=usual)


def chosen_form(
    train: Dataset,
    validation: Dataset,
    attempt: Callable[[Dataset, Target], Any],
    progress: Progress,
) -> Form:
    """The form of the target whose model has the least mean error on validation rows.

    attempt: fits a small estimator to some training rows in a form of the target.
    """
    train, validation = some(train), some(validation)
    if not validation.rows:
        return "label"
    errors: dict[Form, float] = {}
    for form in FORMS:
        progress.check()
        tried = target(form, train)
        said = np.asarray(attempt(train, tried).predict(validation.frame), dtype=np.float64)
        errors[form] = float(np.abs(tried.answer(said, validation.frame) - truth(validation)).mean())
    best = min(errors, key=lambda form: errors[form])
    progress.line(
        f"target: {best.replace('_', ' ')}, by the mean error on {validation.rows} validation rows",
        **{f"mae_{form}": error for form, error in errors.items()},
    )
    return best


def truth(dataset: Dataset) -> Floats:
    """(n,): the labels; raises ValueError where there are none."""
    if dataset.target is None:
        raise ValueError(f"these rows of {dataset.application.name} have no label")
    return dataset.target


def taught(rows: Dataset, form: Target | None) -> Floats:
    """(n,): what an estimator shall say of the rows: the label, or the form of it that it is taught."""
    return truth(rows) if form is None else form.taught(truth(rows), rows.frame)


def some(dataset: Dataset) -> Dataset:
    """At most TRIED rows, evenly over time."""
    if dataset.rows <= TRIED:
        return dataset
    return dataset.take(np.linspace(0, dataset.rows - 1, TRIED).astype(np.int64))


def finished(application: Application, model: BatchModel, validation: Dataset) -> BatchModel:
    """The model with what only validation rows tell: the threshold, or the spread of its errors."""
    if not validation.rows or validation.target is None:
        return replace(model, threshold=CERTAIN) if model.kind == "classification" else model
    answers = model.answers(validation.frame)
    match application.task:
        case Classification():
            return replace(model, threshold=threshold(validation.target, answers))
        case Regression() if validation.rows >= LEAST_ROWS:
            return replace(model, spread=spread(validation.target, answers))
        case _:
            return model


def spread(labels: Floats, answers: Floats) -> tuple[float, float] | None:
    """Between which shares of the answer 80 % of the errors lie: split conformal, of relative errors.

    Source: Lei et al., Journal of the American Statistical Association 113, 2018; each side has its own
    quantile, with the correction for a finite number of rows.
    """
    sound = answers > 0
    if sound.sum() < LEAST_ROWS:
        return None
    off = (labels[sound] - answers[sound]) / answers[sound]
    side = (1 - INSIDE) / 2
    most = min(1.0, np.ceil((len(off) + 1) * (1 - side)) / len(off))
    return float(np.quantile(off, 1 - most)), float(np.quantile(off, most))
