"""From arrays to the cells of a panel: rounded, thinned, binned, with intervals."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from batch.diagnostics.subject import Floats, Indices
from core.diagnostics.shapes import Cell

MOST_CURVE = 500
"""Points of a curve: more than a screen has room for."""

Z_95 = 1.959963984540054


def cells(values: Iterable[Any]) -> list[Cell]:
    """Numbers to six significant digits; what is not finite draws nothing."""
    array = np.asarray(values if isinstance(values, np.ndarray) else list(values), dtype=np.float64)
    return [float(f"{value:.6g}") if np.isfinite(value) else None for value in array.tolist()]


def table(values: npt.ArrayLike) -> list[list[float | None]]:
    """(rows, columns) as a heat map takes them, to four significant digits."""
    return [[short(value) for value in row] for row in np.asarray(values, dtype=np.float64).tolist()]


def short(value: float) -> float | None:
    """A number to four significant digits; None where it is not finite."""
    return float(f"{value:.4g}") if np.isfinite(value) else None


def moments(times: npt.NDArray[np.datetime64]) -> list[Cell]:
    """Times as ISO-8601 in UTC, to the second."""
    return [f"{text}Z" for text in np.datetime_as_string(times.astype("datetime64[s]")).tolist()]


def number(value: float, digits: int = 4) -> str:
    """A number for a text."""
    return f"{value:.{digits}g}" if np.isfinite(value) else "unknown"


def thinned(x: npt.ArrayLike, y: npt.ArrayLike, most: int = MOST_CURVE) -> Indices:
    """Places of at most `most` points of a curve, even along its length, with both ends."""
    across, up = np.asarray(x, dtype=np.float64), np.asarray(y, dtype=np.float64)
    if len(across) <= most:
        return np.arange(len(across))
    steps = sum(
        np.abs(np.diff(np.nan_to_num(one))) / (np.ptp(np.nan_to_num(one)) or 1) for one in (across, up)
    )
    length = np.concatenate([[0.0], np.cumsum(steps)])
    # The point before each is kept as well: a step stays a step.
    places = np.searchsorted(length, np.linspace(0, length[-1], most // 2 - 1))
    places = np.clip(places, 0, len(across) - 1)
    return np.unique(np.concatenate([[0], places, np.maximum(places - 1, 0), [len(across) - 1]]))


class Interval(NamedTuple):
    """An estimate and where it lies with 95 %."""

    value: float
    low: float
    high: float


def wilson(hits: npt.ArrayLike, counts: npt.ArrayLike) -> tuple[Floats, Floats]:
    """Where a share lies with 95 % (Wilson, 1927): low and high, NaN where nothing was counted."""
    n = np.asarray(counts, dtype=np.float64)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.asarray(hits, dtype=np.float64) / n
        middle = (share + Z_95**2 / (2 * n)) / (1 + Z_95**2 / n)
        half = Z_95 * np.sqrt(share * (1 - share) / n + Z_95**2 / (4 * n**2)) / (1 + Z_95**2 / n)
    return np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)


def mean_interval(values: Floats) -> Interval:
    """The mean and where it lies with 95 %, by the normal approximation; NaN where too few to tell."""
    if not len(values):
        return Interval(np.nan, np.nan, np.nan)
    mean = float(np.mean(values))
    half = Z_95 * float(np.std(values, ddof=1)) / len(values) ** 0.5 if len(values) > 1 else np.nan
    return Interval(mean, mean - half, mean + half)


class Histogram(NamedTuple):
    """Shares per bin as a stepped curve: the last height stands twice, so that its bin is drawn."""

    x: list[Cell]
    y: list[Cell]


def histogram(values: Floats, edges: Floats) -> Histogram:
    """The share of the values in each bin; values beyond the edges count in the first and the last bin."""
    counts, _ = np.histogram(np.clip(values, edges[0], edges[-1]), bins=edges)
    shares = counts / max(1, len(values))
    return Histogram(cells(edges), cells(np.append(shares, shares[-1])))


def even_edges(values: Floats, bins: int, tail: float = 0.0) -> Floats:
    """Edges of bins of equal width between the quantiles `tail` and 1 - `tail`."""
    low, high = np.quantile(values, [tail, 1 - tail])
    return np.linspace(low, high, bins + 1) if high > low else np.array([low - 0.5, low + 0.5])


def quantile_bins(values: Floats, bins: int) -> Indices:
    """(n,): the bin of each value, 0 and up, each with about as many; equal values share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, bins + 1)[1:-1]))
    return np.searchsorted(edges, values, side="right")
