"""With how few inputs the pipeline still works: the least important ones dropped, or any.

inputs -> fewer of them (the others hold one value) -> Trainer.refit -> validation rows -> two scores
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics.cells import ordered
from batch.diagnostics.curves import Curve, best_of, panels_of, said
from batch.diagnostics.groups import by_segment
from batch.diagnostics.importances import apart, loss_of, permuted
from batch.diagnostics.refits import (
    at_no_cost,
    base,
    best,
    grown,
    judged,
    keeping,
    refitted,
    scored_rows,
    scores_of,
    told,
    train_rows,
)
from batch.diagnostics.subject import Floats, Found, Subject, Unanswerable
from core.declaration import Clustering
from core.diagnostics.shapes import Axis, Bars, Fact, Panel

if TYPE_CHECKING:
    from batch.datasets import Dataset
    from models.registered.inputs import Input
    from models.registered.model import BatchModel

STEP = 0.65
"""The share of the inputs that is kept from one fit to the next."""

SIZES = (0.1, 0.25, 0.5, 0.75, 1.0)
"""Shares of the inputs that a dropping curve keeps."""

RANKED = 500
"""Train rows on which inputs are ranked."""


def sizes(inputs: int) -> list[int]:
    """From all inputs down to one, each time about two thirds of those before."""
    made = [inputs]
    while made[-1] > 1:
        made.append(max(1, min(made[-1] - 1, round(made[-1] * STEP))))
    return made


def feature_elimination(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The scores as the least important inputs are dropped, and the order in which they went."""
    rows, held = train_rows(subject), scored_rows(subject)
    always, kept = _always(subject), _free(subject)
    plan = sizes(len(kept))
    made, left_at = np.full((len(plan), 2), np.nan), {one.name: 1 for one in kept}
    for n, size in enumerate(plan):
        subject.progress.line(f"{size} inputs", inputs=size, step=n + 1, of=len(plan))
        names = {one.name for one in kept} | always
        model = refitted(subject, keeping(rows, names))
        if model is None:
            raise Unanswerable(f"{rows.rows} train rows can't teach the recipe: is one class missing?")
        made[n] = judged(subject, model, keeping(held.dataset, names))
        if n + 1 < len(plan):
            ranked = _ranked(subject, model, keeping(rows, names), kept)
            for gone in ranked[plan[n + 1] :]:
                left_at[gone.name] = size
            kept = ranked[: plan[n + 1]]
    curve = Curve("Inputs kept", [float(size) for size in plan], made, free=at_no_cost(subject, held))
    facts = best_of(subject, curve)
    facts.append(Fact(title="The last one left", value=kept[0].name))
    return Found(
        panels=[*panels_of(subject, curve), _order(left_at)],
        facts=facts,
        sample=told(subject, rows.rows, held.dataset.rows),
        note=said(len(plan), _note(subject), made),
    )


def _order(left_at: Mapping[str, int]) -> Panel:
    names = sorted(left_at, key=lambda name: (left_at[name], name))
    return Panel(
        title="How long each input stayed",
        x=Axis(title="Inputs there were when it was dropped; 1: it was never"),
        y=Axis(title="Input", scale="category", categories=names),
        series=[Bars(name="inputs", values=[left_at[name] for name in names])],
        note="Short bars stayed longest.",
        wide=True,
    )


def dropping_curve(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """The scores with random subsets of the inputs."""
    rows, held = train_rows(subject), scored_rows(subject)
    always, free = _always(subject), _free(subject)
    plan, draws, rng = grown(len(free), SIZES), int(chosen["draws"]), subject.rng()
    made = np.full((len(plan), draws, 2), np.nan)
    for n, size in enumerate(plan):
        for draw in range(draws if size < len(free) else 1):
            subject.progress.line(f"{size} inputs, draw {draw + 1}", inputs=size, draw=draw + 1)
            names = {free[place].name for place in rng.choice(len(free), size, replace=False)} | always
            model = refitted(subject, keeping(rows, names))
            if model is not None:
                made[n, draw] = judged(subject, model, keeping(held.dataset, names))
    known = [figures[np.isfinite(figures).all(axis=1)] for figures in made]
    mean, low, high = (
        np.array([how(figures, axis=0) if len(figures) else (np.nan, np.nan) for figures in known])
        for how in (np.mean, np.min, np.max)
    )
    curve = Curve(
        "Inputs kept",
        [float(size) for size in plan],
        mean,
        low=low,
        high=high,
        free=at_no_cost(subject, held),
    )
    fits = (len(plan) - 1) * draws + 1
    note = f"{_note(subject)} Band: the worst and the best of {draws} random subsets."
    return Found(
        panels=panels_of(subject, curve),
        facts=_half(subject, curve),
        sample=told(subject, rows.rows, held.dataset.rows),
        note=said(fits, note, mean),
    )


def _half(subject: Subject, curve: Curve) -> list[Fact]:
    """The leading score with all inputs, and with about half of them."""
    leading = scores_of(subject)[0]
    if best(curve.scores[:, 0], leading) is None:
        return []
    places = [len(curve.values) - 1, len(curve.values) // 2]
    return [
        Fact(
            title=f"{leading.title} with {curve.values[place]:.0f} inputs",
            value=float(f"{curve.scores[place, 0]:.4g}"),
            unit=leading.unit,
        )
        for place in places
        if np.isfinite(curve.scores[place, 0])
    ]


def _always(subject: Subject) -> set[str]:
    naive = base(subject)
    return set() if naive is None else {naive}


def _free(subject: Subject) -> list[Input]:
    """The inputs that may be dropped; raises Unanswerable when there are fewer than two."""
    found = [one for one in subject.inputs() if one.name not in _always(subject)]
    if len(found) < 2:
        raise Unanswerable(f"{len(found)} inputs may be dropped: at least 2 are needed")
    return found


def _note(subject: Subject) -> str:
    naive = base(subject)
    said = "A dropped input holds one value in every row."
    return said if naive is None else f"{said} {naive} stays: answers are relative to it."


def _ranked(subject: Subject, model: BatchModel, rows: Dataset, kept: list[Input]) -> list[Input]:
    """The inputs that are left, the most important to the refitted model first; on train rows only."""
    figures = _importances(subject, model, rows, kept)
    return [kept[n] for n in ordered([one.name for one in kept], figures)]


def _importances(subject: Subject, model: BatchModel, rows: Dataset, kept: list[Input]) -> Floats:
    told_by = getattr(model.estimator, "get_feature_importance", None)
    if told_by is not None:
        figures = dict(zip(model.inputs, np.asarray(told_by(), dtype=np.float64), strict=True))
        return np.array([figures[one.name] for one in kept])
    part = rows.take(subject.drawn(rows.rows, RANKED))
    answers = model.answers(part.frame)
    if isinstance(subject.application.task, Clustering):
        return np.nan_to_num(apart(part.frame, tuple(kept), by_segment(answers)))
    loss, _, _ = loss_of(subject.application, part.target, answers)
    names = [one.name for one in kept]
    found = permuted(model.answers, part.frame, names, loss, 1, subject.rng(), subject.progress.check)
    first: Floats = found[0]
    return first
