"""ADWIN over many streams at once, compiled: flat arrays instead of objects, so that its bytes are exact.

    columns -> standardised by their first values -> means of a few -> ADWIN per detector -> changes

ADWIN (Bifet and Gavalda, SDM 2007) keeps a window of recent values as an exponential histogram, and tells a
change when the means of an older and a newer part of it differ by more than

    sqrt(2 m v d) + 2/3 d m,    m = 1 / (n0 - 4) + 1 / (n1 - 4),  d = ln(2 ln(n0 + n1) / delta)

with v the window's variance. This body finds a change at the very value at which River's does. It then
forgets the older part of the cut that exceeds its bound most, where River's forgets all. All stands in one
file: see learners/scores/loops.py.
"""

from __future__ import annotations

from math import isnan, log, nan, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]

MOST: Final = 5
"""Buckets of one size; a sixth merges the two oldest."""

LEVELS: Final = 32
"""Sizes of buckets, powers of two: what would be older than 5 x 2^31 values is forgotten."""

SHORTEST: Final = 5
GRACE: Final = 10
"""No cut leaves fewer values on a side; none is looked for in fewer."""

REFERENCE: Final = 1000
"""Values that a detector is standardised by; they are not watched themselves."""

NARROWEST: Final = 0.05
"""A share is never taken as steadier than this standard deviation."""

TOTAL, VARIANCE, WIDTH, TICK = 0, 1, 2, 3
"""Places of a window's figures: sum, sum of squared distances, count of values, values ever."""

SEEN, CENTRE, SPREAD = 0, 1, 2
"""Places of a reference: values, mean, sum of squared distances."""

PERIOD_US: Final = 900_000_000
BITS: Final = 65_536
"""An entity is looked at about once in so long: until then, the bit of its hash is set."""

Plan = tuple[int, int, float, float]
"""Values to a mean, means to a look, delta, and how many standard deviations a value counts at most."""

State = tuple[Array, Array, Array, Array, Array, Array]
"""By detector: references (d, 3), running means (d, 2), windows (d, 4), sums and squared distances of buckets
(d, 32, 6), buckets by size (d, 32)."""


def empty(detectors: int) -> State:
    """Detectors that have seen nothing."""
    return (
        np.zeros((detectors, 3)),
        np.zeros((detectors, 2)),
        np.zeros((detectors, 4)),
        np.zeros((detectors, LEVELS, MOST + 1)),
        np.zeros((detectors, LEVELS, MOST + 1)),
        np.zeros((detectors, LEVELS), dtype=np.int64),
    )


@njit(cache=True)
def insert(window: Array, totals: Array, variances: Array, sizes: Array, value: float) -> None:
    """Takes a value into a window (4,), with buckets totals and variances (32, 6), sizes (32,)."""
    width = window[WIDTH]
    if width:
        window[VARIANCE] += width * (value - window[TOTAL] / width) ** 2 / (width + 1)
    window[WIDTH] = width + 1
    window[TOTAL] += value
    window[TICK] += 1
    _append(totals, variances, sizes, 0, value, 0.0)
    level = 0
    while sizes[level] > MOST:
        n = 2.0**level
        apart = (totals[level, 0] / n - totals[level, 1] / n) ** 2 * n / 2
        total = totals[level, 0] + totals[level, 1]
        variance = variances[level, 0] + variances[level, 1] + apart
        _drop_oldest(totals, variances, sizes, level, 2)
        if level + 1 == LEVELS:
            _recount(window, totals, variances, sizes)
            return
        _append(totals, variances, sizes, level + 1, total, variance)
        level += 1


@njit(cache=True)
def _append(totals: Array, variances: Array, sizes: Array, level: int, total: float, variance: float) -> None:
    totals[level, sizes[level]] = total
    variances[level, sizes[level]] = variance
    sizes[level] += 1


@njit(cache=True)
def _drop_oldest(totals: Array, variances: Array, sizes: Array, level: int, count: int) -> None:
    for k in range(sizes[level]):
        kept = k + count < sizes[level]
        totals[level, k] = totals[level, k + count] if kept else 0.0
        variances[level, k] = variances[level, k + count] if kept else 0.0
    sizes[level] -= count


@njit(cache=True)
def _recount(window: Array, totals: Array, variances: Array, sizes: Array) -> None:
    """Sum, variance and width of what the buckets hold."""
    width, total, variance = 0.0, 0.0, 0.0
    for level in range(LEVELS - 1, -1, -1):
        n = 2.0**level
        for k in range(sizes[level]):
            if width:
                variance += width * n * (total / width - totals[level, k] / n) ** 2 / (width + n)
            variance += variances[level, k]
            width += n
            total += totals[level, k]
    window[WIDTH], window[TOTAL], window[VARIANCE] = width, total, variance


@njit(cache=True)
def cut(window: Array, totals: Array, variances: Array, sizes: Array, delta: float) -> tuple[float, float]:
    """Means before and after the clearest change in a window, whose older part is forgotten; NaN if none."""
    width = window[WIDTH]
    if width <= GRACE:
        return nan, nan
    confidence = log(2 * log(width) / delta)
    n0, u0, best, at = 0.0, 0.0, 0.0, 0.0
    before, after = nan, nan
    for level in range(LEVELS - 1, -1, -1):
        for k in range(sizes[level]):
            n0 += 2.0**level
            u0 += totals[level, k]
            n1 = width - n0
            if n0 < SHORTEST or n1 < SHORTEST:
                continue
            m = 1 / (n0 - SHORTEST + 1) + 1 / (n1 - SHORTEST + 1)
            old, new = u0 / n0, (window[TOTAL] - u0) / n1
            bound = sqrt(2 * m * window[VARIANCE] / width * confidence) + 2 / 3 * confidence * m
            if abs(new - old) - bound > best:
                best, at, before, after = abs(new - old) - bound, n0, old, new
    level = LEVELS - 1
    while at > 0:
        if sizes[level]:
            at -= 2.0**level
            _drop_oldest(totals, variances, sizes, level, 1)
        else:
            level -= 1
    if best > 0:
        _recount(window, totals, variances, sizes)
    return before, after


@njit(cache=True)
def now_and_then(entities: Array, times_us: Array, cleared: Array, seen: Array, chosen: Array) -> None:
    """Marks the rows whose entity was not looked at for about a quarter of an hour of event time, (n,) each.

    What an entity does is alike from event to event: taken as independent, a few busy ones would look like
    drift. 0 is no entity. seen: (8192,), one bit per hash, is the state; its bytes are cleared one after the
    other, cleared: (1,) counts how far, so that entities come up for a look evenly in time. Entities that
    share a bit hide one another; when all bits are set, a look is free as often as a bit is cleared.
    """
    for row in range(len(entities)):
        now = times_us[row] // (PERIOD_US // len(seen))
        if now > cleared[0]:
            for turn in range(max(cleared[0] + 1, now - len(seen) + 1), now + 1):
                seen[turn % len(seen)] = 0
            cleared[0] = now
        bit = entities[row] % BITS
        mask = np.uint8(1 << (bit % 8))
        chosen[row] = entities[row] == 0 or not seen[bit // 8] & mask
        if entities[row]:
            seen[bit // 8] |= mask


@njit(cache=True)
def watch(
    columns: Array,
    times_us: Array,
    firsts: Array,
    kinds: Array,
    plan: Plan,
    state: State,
    found: Array,
) -> int:
    """Takes values in order, column by column; how many changes were found.

    columns: (c, n), NaN is no value. firsts, kinds: (c,) a column's first detector, and how many values a
    category has, each with a detector of its own, or 0 for a number.
    found: written (detector, time in us, before, after, in standard deviations).
    """
    count = 0
    for column in range(columns.shape[0]):
        first, kind = firsts[column], kinds[column]
        seen = 0
        while seen < columns.shape[1] and state[0][first, SEEN] < REFERENCE:
            if not isnan(columns[column, seen]):
                _refer(state[0], first, kind, columns[column, seen])
            seen += 1
        values, times = columns[column, seen:], times_us[seen:]
        if kind:
            count += _watch_category(values, times, first, kind, plan, state, found[count:])
        else:
            count += _watch_number(values, times, first, plan, state, found[count:])
    return count


@njit(cache=True)
def _watch_number(
    values: Array, times_us: Array, detector: int, plan: Plan, state: State, found: Array
) -> int:
    group, clip, running, count = plan[0], plan[3], state[1], 0
    if not len(values):
        return 0
    centre, deviation = state[0][detector, CENTRE], _deviation(state[0][detector], 0)
    for row in range(len(values)):
        if isnan(values[row]):
            continue
        running[detector, 0] += 1
        running[detector, 1] += min(clip, max(-clip, (values[row] - centre) / deviation))
        if running[detector, 0] == group:
            running[detector, 0] = 0
            count += _take(detector, 0, times_us[row], plan, state, found[count:])
    return count


@njit(cache=True)
def _watch_category(
    values: Array, times_us: Array, first: int, kind: int, plan: Plan, state: State, found: Array
) -> int:
    group, running, count = plan[0], state[1], 0
    for row in range(len(values)):
        if isnan(values[row]):
            continue
        running[first, 0] += 1
        running[first + int(values[row]), 1] += 1
        if running[first, 0] == group:
            running[first, 0] = 0
            for detector in range(first, first + kind):
                count += _take(detector, kind, times_us[row], plan, state, found[count:])
    return count


@njit(cache=True)
def _refer(references: Array, first: int, kind: int, value: float) -> None:
    """One more value of a reference: mean and spread (Welford, Technometrics 4, 1962)."""
    for detector in range(first, first + max(1, kind)):
        x = value if kind == 0 else (1.0 if int(value) == detector - first else 0.0)
        reference = references[detector]
        reference[SEEN] += 1
        off = x - reference[CENTRE]
        reference[CENTRE] += off / reference[SEEN]
        reference[SPREAD] += off * (x - reference[CENTRE])


@njit(cache=True)
def _deviation(reference: Array, kind: int) -> float:
    deviation = sqrt(reference[SPREAD] / reference[SEEN])
    return max(deviation, NARROWEST if kind else 1e-12)


@njit(cache=True)
def _take(
    detector: int,
    kind: int,
    at_us: int,
    plan: Plan,
    state: State,
    found: Array,
) -> int:
    """A mean of `group` values is full: it goes into the detector's window. 1 when a change was found."""
    references, running, windows, totals, variances, sizes = state
    group, clock, delta, clip = plan
    deviation, centre = _deviation(references[detector], kind), references[detector, CENTRE]
    mean = running[detector, 1] / group
    running[detector, 1] = 0.0
    if kind:
        mean = min(clip, max(-clip, (mean - centre) / deviation))
    # The mean of so many has a standard deviation of 1 again, as if they were independent.
    root = sqrt(float(group))
    window = windows[detector]
    insert(window, totals[detector], variances[detector], sizes[detector], mean * root)
    if window[TICK] % clock:
        return 0
    before, after = cut(window, totals[detector], variances[detector], sizes[detector], delta)
    if isnan(before):
        return 0
    found[0, 0] = detector
    found[0, 1] = at_us
    found[0, 2] = centre + before / root * deviation
    found[0, 3] = centre + after / root * deviation
    found[0, 4] = (after - before) / root
    return 1
