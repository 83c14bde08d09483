"""How each input is spread, and how inputs go together.

columns -> Shapiro-Wilk, skewness -> bars;  pairs of columns -> correlation, association -> heat
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import grid, named, ordered, rounded, written
from batch.diagnostics.matrix import Matrix, matrix
from batch.diagnostics.subject import Computation, Floats, Found, Indices, Subject, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Fact, Heat, Mark, Panel

if TYPE_CHECKING:
    import pandas as pd

    from models.registered.inputs import Input

MOST = 5_000
"""Rows: Shapiro-Wilk is defined up to 5,000."""

MOST_INPUTS = 40
"""Of a heat map; with more, the last ones are left out."""


def normality(values: Floats) -> tuple[Floats, Floats]:
    """Shapiro-Wilk's W and the skewness of every column of (n, m): each (m,).

    W: Shapiro and Wilk 1965, "An analysis of variance test for normality". 1 is a normal distribution.
    """
    found = np.array([stats.shapiro(column).statistic for column in values.T])
    return found, np.asarray(stats.skew(values, axis=0), dtype=np.float64)


def correlations(values: Floats, method: str) -> Floats:
    """(m, m) Pearson or Spearman correlations of the columns of (n, m)."""
    ranked = values if method == "pearson" else np.apply_along_axis(stats.rankdata, 0, values)
    made: Floats = np.atleast_2d(np.corrcoef(ranked, rowvar=False))
    return np.clip(made, -1, 1)


def association(a: Indices, b: Indices) -> float:
    """Cramer's V of two categories given as codes, corrected for chance; 0..1.

    Bergsma 2013, "A bias-correction for Cramer's V and Tschuprow's T". NaN where one never varies.
    """
    table = _table(a, b)
    rows, columns = table.shape
    if min(rows, columns) < 2:
        return float("nan")
    n = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0) / n
    phi = ((table - expected) ** 2 / expected).sum() / n
    corrected = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    r = rows - (rows - 1) ** 2 / (n - 1)
    c = columns - (columns - 1) ** 2 / (n - 1)
    return float(np.sqrt(corrected / max(min(r, c) - 1, 1e-12)))


def explained(codes: Indices, values: Floats) -> float:
    """Eta: the root of the share of a number's variance that lies between groups, corrected for chance.

    Epsilon squared (Kelley 1935) under the root, 0..1. NaN where one of both never varies.
    """
    sizes = np.bincount(codes)
    used = sizes > 0
    if used.sum() < 2 or np.ptp(values) == 0 or len(values) <= used.sum():
        return float("nan")
    means = np.bincount(codes, values)[used] / sizes[used]
    total = float(((values - values.mean()) ** 2).sum())
    between = float((sizes[used] * (means - values.mean()) ** 2).sum())
    within = (total - between) / (len(values) - used.sum())
    return float(np.sqrt(max(0.0, (between - (used.sum() - 1) * within) / total)))


def associations(columns: Sequence[Floats | Indices], categories: Sequence[bool]) -> Floats:
    """(m, m) of any kinds: two numbers |Spearman|, two categories Cramer's V, one of each eta; 0..1."""
    size = len(columns)
    made = np.eye(size)
    for i in range(size):
        for j in range(i):
            made[i, j] = made[j, i] = _pair(columns[i], columns[j], categories[i], categories[j])
    return made


def _pair(a: Any, b: Any, a_category: bool, b_category: bool) -> float:
    if a_category and b_category:
        return association(a, b)
    if a_category or b_category:
        return explained(a, b) if a_category else explained(b, a)
    return abs(float(stats.spearmanr(a, b).statistic)) if np.ptp(a) and np.ptp(b) else float("nan")


def _table(a: Indices, b: Indices) -> Floats:
    _, rows = np.unique(a, return_inverse=True)
    _, columns = np.unique(b, return_inverse=True)
    width = columns.max() + 1
    counted = np.bincount(rows * width + columns, minlength=(rows.max() + 1) * width)
    return counted.reshape(-1, width).astype(np.float64)


def rank_1d(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Shapiro-Wilk's W and the skewness of every number."""
    drawn = subject.sample(MOST)
    columns = matrix(drawn.dataset.frame, subject.inputs("number"), least=1)
    w, skewness = normality(columns.values)
    order = ordered([one.name for one in columns.inputs], w)
    names = [named(columns.inputs[n]) for n in order]
    inputs = Axis(title="Input", scale="category", categories=names)
    panels = [
        Panel(
            title="Closeness to a normal distribution",
            x=Axis(title="Shapiro-Wilk W", low=0, high=1),
            y=inputs,
            series=[Bars(name="W", values=cells(w[order]))],
        ),
        Panel(
            title="Skewness",
            x=Axis(title="Skewness"),
            y=inputs,
            series=[Bars(name="skewness", values=cells(skewness[order]))],
            marks=[Mark(text="even on both sides", x=0)],
            note="Above 0: a long tail of large values.",
        ),
    ]
    furthest = order[-1]
    facts = [
        Fact(title=f"Furthest from normal: {named(columns.inputs[furthest])}", value=rounded(w[furthest]))
    ]
    note = "Neither quality nor fault: trees do not care, and distances only care for scale and tails."
    return Found(panels=panels, facts=facts, sample=drawn.sample, note=_joined(note, columns.note))


def rank_2d(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How strongly every two inputs go together."""
    drawn = subject.sample(MOST)
    method = str(chosen["method"])
    if method == "association":
        used, values = _any_kinds(subject.inputs(), drawn.dataset.frame)
        note = "Numbers with numbers: |Spearman|; categories: Cramer's V; both: eta. None has a sign."
    else:
        columns = matrix(drawn.dataset.frame, subject.inputs("number", "flag"))
        used, values = columns.inputs[:MOST_INPUTS], correlations(columns.values[:, :MOST_INPUTS], method)
        note = _cut(columns)
    return Found(
        panels=[_heat(used, values, method)], facts=_strongest(used, values), sample=drawn.sample, note=note
    )


def _any_kinds(inputs: Sequence[Input], frame: pd.DataFrame) -> tuple[tuple[Input, ...], Floats]:
    used = tuple(one for one in inputs if frame[one.name].nunique() > 1)[:MOST_INPUTS]
    if len(used) < 2:
        raise Unanswerable(f"{len(used)} inputs vary: at least 2 are needed")
    columns = [codes(frame, one) if one.kind == "category" else _number(frame, one) for one in used]
    return used, associations(columns, [one.kind == "category" for one in used])


def codes(frame: pd.DataFrame, one: Input) -> Indices:
    """(n,): a category as places in its vocabulary."""
    return frame[one.name].astype("category").cat.codes.to_numpy().astype(np.int64)


def _number(frame: pd.DataFrame, one: Input) -> Floats:
    values = frame[one.name].to_numpy(np.float64)
    return np.where(np.isfinite(values), values, np.nanmedian(values))


def _heat(used: Sequence[Input], values: Floats, method: str) -> Panel:
    names = [named(one) for one in used]
    both = method != "association"
    heat = Heat(
        name={"pearson": "Pearson", "spearman": "Spearman"}.get(method, "Association"),
        values=grid(values),
        text=written(values) if len(names) <= 16 else [],
        low=-1 if both else 0,
        high=1,
        both_sides=both,
    )
    axis = Axis(title="Input", scale="category", categories=names)
    return Panel(
        title=f"{heat.name} of every two inputs", x=axis, y=axis, series=[heat], wide=True, square=True
    )


def _strongest(used: Sequence[Input], values: Floats, most: int = 3) -> list[Fact]:
    lower = np.tril_indices(len(used), -1)
    strength = np.nan_to_num(np.abs(values[lower]))
    best = np.argsort(-strength, kind="stable")[:most]
    return [
        Fact(
            title=f"{named(used[lower[1][n]])} and {named(used[lower[0][n]])}",
            value=rounded(values[lower][n]),
        )
        for n in best
    ]


def _cut(columns: Matrix) -> str:
    more = len(columns.inputs) - MOST_INPUTS
    said = f"{more} more inputs are not shown." if more > 0 else ""
    return _joined("Categories are left out: choose association to see them.", said, columns.note)


def _joined(*notes: str) -> str:
    return " ".join(one for one in notes if one)


COMPUTATIONS: dict[str, Computation] = {"rank_1d": rank_1d, "rank_2d": rank_2d}
