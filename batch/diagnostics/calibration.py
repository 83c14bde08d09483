"""Whether a probability of 20 % comes true in 20 of 100."""

from __future__ import annotations

import numpy as np

from batch.diagnostics.arrays import cells, quantile_bins, wilson
from batch.diagnostics.confusion import Pictures
from batch.diagnostics.scored import Scored, share
from core.diagnostics.shapes import Axis, Cell, Fact, Lines, Panel, Points

HISTOGRAM_BINS = 20


def calibration(one: Scored, bins: int) -> Pictures:
    """What happened over what was answered, in bins with as many rows each; and where the answers lie."""
    of = quantile_bins(one.answers, bins)
    rows = np.bincount(of)
    used = rows > 0
    rows = rows[used]
    hits = np.bincount(of, one.truth)[used]
    means = np.bincount(of, one.answers)[used] / rows
    shares = hits / rows
    low, high = wilson(hits, rows)
    texts = [
        f"answered {mean:.3%} on average, happened {hit:,.0f} times in {n:,} ({hit / n:.3%})"
        for mean, hit, n in zip(means, hits, rows, strict=True)
    ]
    line = Lines(name="model", x=cells(means), y=cells(shares), low=cells(low), high=cells(high))
    dots = Points(name="bins", x=cells(means), y=cells(shares), text=texts)
    error = float(np.sum(rows * np.abs(means - shares)) / rows.sum())
    perfect = Lines(name="perfect", x=[0.0, 1.0], y=[0.0, 1.0], reference=True)
    panels = [
        Panel(
            title="Happened over answered",
            x=share("Mean probability answered"),
            y=share("Share that happened"),
            series=[line, dots, perfect],
            square=True,
            note="The band is the 95 % interval of each share (Wilson).",
        ),
        _logarithmic(line, dots, float(means.min())),
        _histogram(one),
    ]
    base = float(one.truth.mean())
    brier = float(np.mean((one.truth - one.answers) ** 2))
    return panels, [
        Fact(title="Calibration error", value=float(f"{error:.3g}")),
        Fact(title="Mean answer", value=float(f"{one.answers.mean():.4g}")),
        Fact(title="Share that happened", value=float(f"{base:.4g}")),
        Fact(title="Brier score", value=float(f"{brier:.4g}")),
        Fact(title="Brier score of the share alone", value=float(f"{base * (1 - base):.4g}")),
    ]


def _logarithmic(line: Lines, dots: Points, least: float) -> Panel:
    """The same on logarithmic axes, where rare classes can be seen; a share of 0 draws nothing."""
    low = float(f"{max(least, 1e-6):.1g}")
    above: list[Cell] = [value if isinstance(value, float) and value > 0 else None for value in line.y]
    return Panel(
        title="The same on logarithmic axes",
        x=Axis(title="Mean probability answered", scale="log", share=True, low=low, high=1),
        y=Axis(title="Share that happened", scale="log", share=True, low=low, high=1),
        series=[
            Lines(name="model", x=line.x, y=above),
            Points(name="bins", x=dots.x, y=above, text=dots.text),
            Lines(name="perfect", x=[low, 1.0], y=[low, 1.0], reference=True),
        ],
        square=True,
    )


def _histogram(one: Scored) -> Panel:
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    counts, _ = np.histogram(one.answers, bins=edges)
    x, y = cells(edges), cells(np.where(counts > 0, counts, np.nan))
    return Panel(
        title="Probabilities answered",
        x=share("Probability"),
        y=Axis(title="Rows", scale="log"),
        series=[Lines(name="rows", x=x, y=[*y, y[-1]], step=True)],
    )
