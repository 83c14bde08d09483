"""What other settings, more rows or fewer inputs would do: the run's pipeline is fitted again.

train rows -> Trainer.refit, several times -> validation rows -> two scores -> curves
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics import elimination
from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import rounded
from batch.diagnostics.curves import Curve, best_of, panels_of, said
from batch.diagnostics.refits import (
    LEAST_ROWS,
    at_no_cost,
    folds,
    grown,
    judged,
    newest,
    refitted,
    scored_rows,
    scores_of,
    told,
    train_rows,
)
from batch.diagnostics.subject import Computation, Floats, Found, Subject, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Fact, Mark, Panel, Sample

if TYPE_CHECKING:
    from batch.datasets import Dataset
    from batch.trainers.trainer import Parameter

SIZES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the train rows of a learning curve."""

STEPS = 5
"""Values of a validation curve."""

AUTOMATIC = "automatic"
NOT_TRIED = frozenset({"seed", "target", "fewest", "most"})
"""Not hyperparameters of a pipeline that is fitted again: chance, and what a first fit searches for."""


def cross_validation(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The scores of the refitted pipeline on blocks of time, each fitted to what lay before it."""
    rows = train_rows(subject)
    cuts = folds(rows.known_at, rows.times, int(chosen["folds"]))
    made = np.full((2, len(cuts)), np.nan)
    for n, (before, block) in enumerate(cuts):
        subject.progress.line(f"fold {n + 1} of {len(cuts)}: {len(before):,} rows", fold=n + 1, of=len(cuts))
        if len(before) < LEAST_ROWS:
            continue
        model = refitted(subject, rows.take(before))
        if model is not None:
            made[:, n] = judged(subject, model, rows.take(block))
    return Found(
        panels=_fold_panels(subject, rows, cuts, made),
        facts=_fold_facts(subject, made),
        sample=_train_only(subject, rows, sum(len(block) for _, block in cuts)),
        note=said(len(cuts), "Folds follow time: a fold is fitted to what was known before its rows.", made),
    )


def _train_only(subject: Subject, rows: Dataset, scored: int) -> Sample:
    how = f"the newest train rows, {scored:,} of them scored by a pipeline that had not seen them"
    return Sample(rows=rows.rows, available=subject.split.train.rows, split="train", how=how)


def _fold_panels(subject: Subject, rows: Dataset, cuts: Sequence[Any], made: Floats) -> list[Panel]:
    names = [
        f"{n + 1}: {len(before):,} rows, scored from {rows.times[block[0]].astype('datetime64[m]')!s}"
        for n, (before, block) in enumerate(cuts)
    ]
    panels = []
    for score, values in zip(scores_of(subject), made, strict=True):
        mean = np.nanmean(values) if np.isfinite(values).any() else None
        panels.append(
            Panel(
                title=f"{score.title} by fold",
                x=Axis(title="Fold", scale="category", categories=names),
                y=Axis(title=score.title, unit=score.unit, low=score.low, high=score.high),
                series=[Bars(name=score.title, values=cells(values))],
                marks=[] if mean is None else [Mark(text=f"mean {mean:,.4g}", y=rounded(mean))],
            )
        )
    return panels


def _fold_facts(subject: Subject, made: Floats) -> list[Fact]:
    facts = []
    for score, values in zip(scores_of(subject), made, strict=True):
        known = values[np.isfinite(values)]
        if len(known):
            facts.append(Fact(title=f"{score.title}: mean", value=rounded(known.mean()), unit=score.unit))
            spread = rounded(known.std(ddof=1)) if len(known) > 1 else None
            facts.append(Fact(title=f"{score.title}: standard deviation", value=spread, unit=score.unit))
    return facts


def learning_curve(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The scores over the number of train rows, newest first."""
    rows, held = train_rows(subject), scored_rows(subject)
    sizes = [size for size in grown(rows.rows, SIZES) if size >= LEAST_ROWS]
    made = np.full((len(sizes), 4), np.nan)
    for n, size in enumerate(sizes):
        subject.progress.line(f"fitting to {size:,} rows", rows=size)
        part = newest(rows, size)
        model = refitted(subject, part)
        if model is not None:
            made[n] = [*judged(subject, model, held.dataset), *judged(subject, model, part)]
    curve = Curve("Train rows", [float(size) for size in sizes], made, free=at_no_cost(subject, held))
    return Found(
        panels=panels_of(subject, curve),
        facts=best_of(subject, curve),
        sample=told(subject, rows.rows, held.dataset.rows),
        note=said(len(sizes), "Fewer rows are the newer ones; the number of trees or segments stays.", made),
    )


def validation_curve(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The scores over the values of one hyperparameter, all others as in the run."""
    one = _parameter(subject, str(chosen["hyperparameter"]))
    rows, held = train_rows(subject), scored_rows(subject)
    own = subject.model.parameters.get(one.name, one.default)
    values = tried(one, own)
    made = np.full((len(values), 4), np.nan)
    for n, value in enumerate(values):
        subject.progress.line(f"{one.name} {value}", step=n + 1, of=len(values))
        model = refitted(subject, rows, {one.name: value})
        if model is not None:
            made[n] = [*judged(subject, model, held.dataset), *judged(subject, model, rows)]
    curve = Curve(one.name, values, made, log=one.log, free=at_no_cost(subject, held))
    marks = [] if one.choices else [Mark(text=f"the run's: {own}", x=own)]
    note = f"{one.help}. The run has {own}. All else as in the run, without early stopping."
    return Found(
        panels=panels_of(subject, curve, marks),
        facts=best_of(subject, curve),
        sample=told(subject, rows.rows, held.dataset.rows),
        note=said(len(values), note, made),
    )


def _parameter(subject: Subject, wanted: str) -> Parameter:
    there = {name: one for name, one in subject.trainer.parameters.items() if name not in NOT_TRIED}
    if wanted == AUTOMATIC:
        numbers = [one for one in there.values() if not one.choices]
        tuned = [one for one in numbers if one.tuned] or numbers
        if tuned:
            return tuned[0]
    if wanted not in there:
        known = ", ".join(there) or "none"
        raise Unanswerable(f"the recipe {subject.trainer.name} has no {wanted!r} to try; it has {known}")
    return there[wanted]


def tried(one: Parameter, own: Any) -> list[Any]:
    """Values of a hyperparameter: every choice, or some over the range that a tuning would look at.

    Where none is declared: a quarter of the run's own value to four times it. The run's own is among them.
    """
    if one.choices:
        return list(one.choices)
    # Of a whole number, 0 means to search or to leave out, and 1 segment is none.
    least = max(one.low, 2.0) if one.integer else one.low
    low, high = one.tuned or (max(least, own / 4), min(one.high, own * 4))
    spread = np.geomspace if (one.log or one.tuned is None) and low > 0 else np.linspace
    found = {_typed(one, value) for value in spread(low, high, STEPS - 1)} | {_typed(one, own)}
    return sorted(found)


def _typed(one: Parameter, value: float) -> float | int:
    short = float(f"{float(value):.3g}")
    if one.integer:
        return int(min(max(round(value), one.low), one.high))
    return float(min(max(short, one.low), one.high))


COMPUTATIONS: dict[str, Computation] = {
    "cross_validation": cross_validation,
    "learning_curve": learning_curve,
    "validation_curve": validation_curve,
    "feature_elimination": elimination.feature_elimination,
    "dropping_curve": elimination.dropping_curve,
}
