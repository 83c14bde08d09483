"""Inputs one by one and in pairs, by group; the place where the computations of the tab come together.

rows -> groups (class, quarter, segment) -> histograms, shares, scatter
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from batch.diagnostics import dependence, importances, projections, ranks
from batch.diagnostics.arrays import cells, histogram
from batch.diagnostics.cells import axis, named, rounded
from batch.diagnostics.dependence import two_numbers
from batch.diagnostics.groups import Groups, pictured, shares
from batch.diagnostics.importances import leading
from batch.diagnostics.projections import clouds
from batch.diagnostics.ranks import correlations
from batch.diagnostics.subject import Computation, Floats, Found, Subject, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Fact, Lines, Panel, Series

if TYPE_CHECKING:
    import pandas as pd

    from models.registered.inputs import Input

MOST = 10_000
MOST_DOTS = 1_500

MOST_VALUES = 25
"""Of a category: the most frequent ones."""

BINS = 30


def edges(values: Floats, bins: int = BINS) -> Floats:
    """(bins + 1,) edges of equal width over the finite values; a number with few values gets one bin each.

    Raises Unanswerable when there is no finite value.
    """
    known = values[np.isfinite(values)]
    if not len(known):
        raise Unanswerable("every value is null: there is nothing to show")
    several = np.unique(known)
    if len(several) == 1:
        return np.array([several[0] - 0.5, several[0] + 0.5])
    if len(several) <= bins:
        middle = (several[1:] + several[:-1]) / 2
        ends = several[0] - (middle[0] - several[0]), several[-1] + (several[-1] - middle[-1])
        return np.array([ends[0], *middle, ends[1]])
    return np.linspace(several[0], several[-1], bins + 1)


def histograms(values: Floats, groups: Groups, at: Floats) -> list[Series]:
    """One outline per group, each over its own rows, so that rare groups can be compared."""
    made: list[Series] = []
    for name, mask in groups.members():
        inside = values[mask]
        drawn = histogram(inside[np.isfinite(inside)], at)
        made.append(Lines(name=name, x=drawn.x, y=drawn.y, step=True))
    return made


def joint_plot(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """Two numbers against each other, with the distribution of each."""
    x, y = two_numbers(subject, str(chosen["x"]), str(chosen["y"]))
    drawn, groups = pictured(subject, MOST_DOTS)
    both = drawn.dataset.frame[[x.name, y.name]].to_numpy(np.float64)
    known = np.isfinite(both).all(axis=1)
    if known.sum() < 3:
        raise Unanswerable(f"{known.sum()} rows have both {x.name} and {y.name}: at least 3 are needed")
    shown, values = groups.take(np.flatnonzero(known)), both[known]
    panels = [
        Panel(
            title=f"{named(y)} over {named(x)}, {groups.title}",
            x=axis(x),
            y=axis(y),
            series=clouds(values, shown),
            wide=True,
        )
    ]
    for one, column in ((x, values[:, 0]), (y, values[:, 1])):
        panels.append(
            Panel(
                title=f"Distribution of {named(one)}",
                x=axis(one),
                y=Axis(title="Share of the group", low=0, share=True),
                series=histograms(column, shown, edges(column)),
            )
        )
    return Found(panels=panels, facts=_facts(values), sample=drawn.sample, note=_missing(known))


def _facts(values: Floats) -> list[Fact]:
    if (np.ptp(values, axis=0) == 0).any():
        return [Fact(title="Pearson", value=None), Fact(title="Spearman", value=None)]
    pearson = float(correlations(values, "pearson")[0, 1])
    spearman = float(correlations(values, "spearman")[0, 1])
    return [Fact(title="Pearson", value=rounded(pearson)), Fact(title="Spearman", value=rounded(spearman))]


def _missing(known: np.ndarray[Any, np.dtype[np.bool_]]) -> str:
    gone = int((~known).sum())
    return f"{gone:,} rows lack one of the two and are left out." if gone else ""


def distributions(subject: Subject, chosen: Mapping[str, Any]) -> Found:
    """How an input is spread within every group."""
    wanted = str(chosen["input"])
    drawn, groups = pictured(subject, MOST)
    inputs = [subject.input(wanted)] if wanted else leading(subject)[:4]
    panels = [_panel(drawn.dataset.frame, one, groups) for one in inputs]
    sizes = shares(groups.codes, len(groups.names))
    facts = [
        Fact(title=name, value=rounded(100 * size), unit="% of the rows")
        for name, size in zip(groups.names, sizes, strict=True)
    ]
    note = "Every curve is over its own group's rows, so a rare group is as high as a common one."
    return Found(panels=panels, facts=facts, sample=drawn.sample, note=note)


def _panel(frame: pd.DataFrame, one: Input, groups: Groups) -> Panel:
    share = Axis(title="Share of the group", low=0, share=True)
    if one.kind == "number":
        values = frame[one.name].to_numpy(np.float64)
        if not np.isfinite(values).any():
            return Panel(title=named(one), x=axis(one), y=share, series=[], note="Every value is null here.")
        lost = int((~np.isfinite(values)).sum())
        said = f"{lost:,} of {len(values):,} values are null." if lost else ""
        series = histograms(values, groups, edges(values))
        return Panel(title=named(one), x=axis(one), y=share, series=series, note=said)
    names, counted = counts(frame, one, groups)
    x = Axis(title=named(one), scale="category", categories=names)
    bars: list[Series] = [
        Bars(name=groups.names[n], values=cells(row / row.sum()))
        for n, row in enumerate(counted)
        if row.sum()
    ]
    return Panel(title=named(one), x=x, y=share, series=bars)


def counts(frame: pd.DataFrame, one: Input, groups: Groups) -> tuple[list[str], Floats]:
    """A category's (or flag's) most frequent values, and (groups, values) rows of each.

    Rarer values are counted together as "others".
    """
    column = frame[one.name]
    said = column.map({0.0: "no", 1.0: "yes"}) if one.kind == "flag" else column
    text = said.astype(object).where(said.notna(), "null").astype(str)
    frequent = list(text.value_counts().index)
    names = frequent if len(frequent) <= MOST_VALUES else [*frequent[: MOST_VALUES - 1], "others"]
    places = {name: n for n, name in enumerate(names)}
    codes = text.map(lambda value: places.get(value, len(names) - 1)).to_numpy(np.int64)
    table = np.zeros((len(groups.names), len(names)))
    np.add.at(table, (groups.codes, codes), 1)
    return names, table


COMPUTATIONS: dict[str, Computation] = {
    **ranks.COMPUTATIONS,
    **projections.COMPUTATIONS,
    **importances.COMPUTATIONS,
    **dependence.COMPUTATIONS,
    "joint_plot": joint_plot,
    "distributions": distributions,
}
