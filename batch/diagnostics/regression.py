"""How far numbers are off: residuals, prediction error, tolerance, intervals."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri
from scipy.stats import kurtosis, norm, skew

from batch.diagnostics.arrays import (
    cells,
    even_edges,
    histogram,
    number,
    quantile_bins,
    short,
    thinned,
    wilson,
)
from batch.diagnostics.confusion import Pictures
from batch.diagnostics.scored import Measured, share
from batch.diagnostics.subject import Floats, Indices
from core.diagnostics.shapes import Axis, Fact, Lines, Mark, Panel, Points, Series

BINS = 40
TAIL = 0.002
"""Share of the residuals on either side that the axis of a histogram leaves out."""

PROMISED = 0.8
"""Share of the truths that a model's own interval is to hold."""

LEVELS = (0.5, 0.8, 0.9, 0.95)
TOLERANCES = (0.05, 0.1, 0.2)


def r2(one: Measured) -> float:
    """1 - sum (y - p)^2 / sum (y - mean y)^2; NaN where all labels are the same."""
    spread = float(np.sum((one.truth - one.truth.mean()) ** 2))
    return 1 - float(np.sum(one.residuals**2)) / spread if spread else float("nan")


def residuals(train: Measured, test: Measured, rows: dict[str, Indices]) -> Pictures:
    """Actual minus predicted over predicted, and how they pile up; train and test. rows: which to draw."""
    title = f"Residual of {test.label}"
    clouds, curves = [], []
    edges = even_edges(np.concatenate([train.residuals, test.residuals]), BINS, TAIL)
    for name, one in (("train", train), ("test", test)):
        at = rows[name]
        named = f"{name}, R² {number(r2(one), 3)}"
        clouds.append(Points(name=named, x=cells(one.answers[at]), y=cells(one.residuals[at])))
        drawn = histogram(one.residuals, edges)
        curves.append(Lines(name=named, x=drawn.x, y=drawn.y, step=True))
    panels = [
        Panel(
            title="Residuals over prediction",
            x=Axis(title=f"Predicted {test.label}", unit=test.unit),
            y=Axis(title=title, unit=test.unit),
            series=list(clouds),
            marks=[Mark(text="no error", y=0)],
            wide=True,
        ),
        Panel(
            title="How residuals pile up",
            x=Axis(title=title, unit=test.unit),
            y=Axis(title="Share of rows", share=True, low=0),
            series=list(curves),
            marks=[Mark(text="no error", x=0)],
        ),
    ]
    return panels, [
        Fact(title="R², train", value=short(r2(train))),
        Fact(title="R², test", value=short(r2(test))),
        Fact(title="Mean residual, test", value=short(float(test.residuals.mean())), unit=test.unit),
    ]


def prediction_error(one: Measured, rows: Indices) -> Pictures:
    """Predicted over actual with the line of best fit and identity; rows: which to draw."""
    low, high = float(min(one.truth.min(), one.answers.min())), float(max(one.truth.max(), one.answers.max()))
    varied = np.ptp(one.truth) > 0
    slope, start = np.polyfit(one.truth, one.answers, 1) if varied else (0.0, float(one.answers.mean()))
    ends = np.array([low, high])
    panel = Panel(
        title="Predicted over actual",
        x=Axis(title=f"Actual {one.label}", unit=one.unit, low=low, high=high),
        y=Axis(title=f"Predicted {one.label}", unit=one.unit, low=low, high=high),
        series=[
            Points(name="test", x=cells(one.truth[rows]), y=cells(one.answers[rows])),
            Lines(name="best fit", x=cells(ends), y=cells(start + slope * ends)),
            Lines(name="identity", x=cells(ends), y=cells(ends), reference=True),
        ],
        square=True,
    )
    return [panel], [
        Fact(title="R²", value=short(r2(one))),
        Fact(title="Slope of the best fit", value=short(float(slope))),
    ]


def residual_distribution(one: Measured) -> Pictures:
    """Quantiles of the residuals over those of a normal distribution; and the histogram with its curve."""
    mean, spread = float(one.residuals.mean()), float(one.residuals.std()) or 1.0
    ordered = np.sort(one.residuals)
    expected = ndtri((np.arange(len(ordered)) + 0.5) / len(ordered)) * spread + mean
    kept = thinned(expected, ordered)
    ends = cells(expected[[0, -1]])
    edges = even_edges(one.residuals, BINS, TAIL)
    drawn, grid = histogram(one.residuals, edges), np.linspace(edges[0], edges[-1], 100)
    normal = norm.pdf(grid, mean, spread) * (edges[1] - edges[0])
    axis = Axis(title=f"Residual of {one.label}", unit=one.unit)
    panels = [
        Panel(
            title="Against a normal distribution",
            x=Axis(title="Expected of a normal distribution", unit=one.unit),
            y=axis,
            series=[
                Points(name="residuals", x=cells(expected[kept]), y=cells(ordered[kept])),
                Lines(name="normal", x=ends, y=ends, reference=True),
            ],
        ),
        Panel(
            title="Distribution",
            x=axis,
            y=Axis(title="Share of rows", share=True, low=0),
            series=[
                Lines(name="residuals", x=drawn.x, y=drawn.y, step=True),
                Lines(name="normal", x=cells(grid), y=cells(normal), reference=True),
            ],
        ),
    ]
    errors = np.abs(one.residuals)
    quantiles = [
        Fact(title=f"{level:.0%} of the errors are below", value=short(float(value)), unit=one.unit)
        for level, value in zip(LEVELS, np.quantile(errors, LEVELS), strict=True)
    ]
    shape = [("Skewness", float(skew(one.residuals))), ("Excess kurtosis", float(kurtosis(one.residuals)))]
    return panels, [*quantiles, *(Fact(title=title, value=short(value)) for title, value in shape)]


def tolerance(one: Measured) -> Pictures:
    """The share of the answers that are at most so far off: in the unit, and relative to the truth."""
    panels, facts = [], []
    known = one.truth != 0
    for relative in (False, True):
        lines = []
        for name, answers, reference in (("model", one.answers, False), ("naive", one.naive, True)):
            off = np.abs(one.truth - answers)[known] / np.abs(one.truth[known])
            off = np.sort(off if relative else np.abs(one.truth - answers))
            share_of = np.arange(1, len(off) + 1) / max(1, len(off))
            shown = max(2, int(0.99 * len(off)))
            kept = thinned(off[:shown], share_of[:shown])
            lines.append(Lines(name=name, x=cells(off[kept]), y=cells(share_of[kept]), reference=reference))
            if relative:
                facts += [
                    Fact(title=f"Within {level:.0%}, {name}", value=short(float(np.mean(off <= level))))
                    for level in TOLERANCES
                ]
        across = (
            Axis(title="Error relative to the truth", share=True)
            if relative
            else Axis(title="Error", unit=one.unit)
        )
        title = "Relative to the truth" if relative else f"In {one.unit or 'its own unit'}"
        panels.append(Panel(title=title, x=across, y=share("Share of rows within"), series=list(lines)))
    return panels, facts


def interval_coverage(validation: Measured, test: Measured, own: Floats | None) -> Pictures:
    """Intervals from validation's residuals, and how many test rows fall within (split conformal).

    own: (n, 2), the model's own 80 % intervals of the test rows, where it has them.

    The residuals' quantiles are taken per fifth of the prediction, so that an interval is wide where errors
    are large. After Vovk et al. (2005), Mondrian conformal prediction.
    """
    levels = np.arange(0.05, 1.0, 0.05)
    inside, widths, middles = _conformal(validation, test, levels)
    covered = inside.mean(axis=0)
    low, high = wilson(inside.sum(axis=0), np.full(len(levels), len(test.truth)))
    at_80 = _nearest(levels, PROMISED)
    facts = [
        Fact(title="Within the 80 % interval", value=short(float(covered[at_80]))),
        Fact(title="Its mean width", value=short(float(np.nanmean(widths[:, at_80]))), unit=test.unit),
    ]
    series: list[Series] = [
        Lines(name="covered", x=cells(levels), y=cells(covered), low=cells(low), high=cells(high)),
        Lines(name="as promised", x=[0.0, 1.0], y=[0.0, 1.0], reference=True),
    ]
    if own is not None:
        held = float(np.mean((own[:, 0] <= test.truth) & (test.truth <= own[:, 1])))
        told = f"the model's own interval: {held:.1%} within"
        series.append(Points(name="the model's own", x=[PROMISED], y=cells([held]), text=[told], size=[2.0]))
        width = float(np.mean(own[:, 1] - own[:, 0]))
        facts.append(Fact(title="Within the model's own 80 % interval", value=short(held)))
        facts.append(Fact(title="Mean width of its own", value=short(width), unit=test.unit))
    panels = [
        Panel(
            title="Covered over promised",
            x=share("Share of rows that the interval promises"),
            y=share("Share of test rows within"),
            series=series,
            square=True,
        ),
        Panel(
            title="How wide an interval must be",
            x=Axis(title=f"Predicted {test.label}", unit=test.unit),
            y=Axis(title="Width of the interval", unit=test.unit, low=0),
            series=[
                Lines(name=f"{level:.0%}", x=cells(middles), y=cells(widths[:, _nearest(levels, level)]))
                for level in LEVELS
            ],
        ),
    ]
    return panels, facts


def _conformal(
    validation: Measured, test: Measured, levels: Floats
) -> tuple[npt.NDArray[np.bool_], Floats, Floats]:
    """(n, levels) test rows within; (fifths, levels) widths; (fifths,) the middle prediction of each."""
    edges = np.unique(np.quantile(validation.answers, [0.2, 0.4, 0.6, 0.8]))
    known, asked = (np.searchsorted(edges, one.answers, side="right") for one in (validation, test))
    fifths = np.unique(known)
    inside = np.zeros((len(test.truth), len(levels)), dtype=bool)
    widths, middles = np.full((len(fifths), len(levels)), np.nan), np.full(len(fifths), np.nan)
    for row, place in enumerate(fifths):
        errors = np.abs(validation.residuals[known == place])
        bounds = np.array([_bound(errors, level) for level in levels])
        widths[row], middles[row] = 2 * bounds, np.median(validation.answers[known == place])
        inside[asked == place] = np.abs(test.residuals[asked == place])[:, None] <= bounds
    return inside, widths, middles


def _nearest(levels: Floats, wanted: float) -> int:
    return int(np.argmin(np.abs(levels - wanted)))


def by_prediction(one: Measured, bins: int) -> Pictures:
    """Mean actual over mean predicted, in bins with as many rows each: the calibration of numbers."""
    of = quantile_bins(one.answers, bins)
    rows = np.bincount(of)
    used = rows > 0
    answered = (np.bincount(of, one.answers)[used]) / rows[used]
    quantiles = np.array(
        [np.quantile(one.truth[of == place], [0.1, 0.5, 0.9]) for place in np.flatnonzero(used)]
    )
    actual = np.bincount(of, one.truth)[used] / rows[used]
    ends = cells([answered.min(), answered.max()])
    panel = Panel(
        title="Actual over predicted, in bins",
        x=Axis(title=f"Mean predicted {one.label}", unit=one.unit),
        y=Axis(title=f"Mean actual {one.label}", unit=one.unit),
        series=[
            Lines(
                name="mean, with 80 % of the rows",
                x=cells(answered),
                y=cells(actual),
                low=cells(quantiles[:, 0]),
                high=cells(quantiles[:, 2]),
            ),
            Lines(name="identity", x=ends, y=ends, reference=True),
        ],
        square=True,
    )
    worst = int(np.argmax(np.abs(actual - answered)))
    return [panel], [
        Fact(
            title="Largest bias of a bin", value=short(float(actual[worst] - answered[worst])), unit=one.unit
        ),
        Fact(title="Mean bias", value=short(float(one.residuals.mean())), unit=one.unit),
    ]


def _bound(errors: Floats, level: float) -> float:
    """The error that a share `level` stays below, with the correction for finite samples."""
    return float(np.quantile(errors, min(1.0, level * (len(errors) + 1) / len(errors)), method="higher"))
