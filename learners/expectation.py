"""What answers let expect of their own quality before labels come; compiled.

    ask:   answer -> its place -> expected hits, losses, errors of its window; it waits at that place
    label: the place has one more known outcome -> every 250 labels what is expected there is worked out anew
           the window's realised sums grow; when all its labels are known, estimate and outcome are compared

A place is a bin of the probability's logit, or of the number's size. A window is 4,000 answers in a row of
event time. All stands in one file: see learners/scores/loops.py.
"""

from __future__ import annotations

from math import exp, isfinite, isnan, log, log2, nan, sqrt
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]

State = tuple[Array, ...]

PLACES: Final = 256
REACH: Final = 12.0
"""Logits from -12 to 12; sizes from 2^-32 to 2^32."""

CERTAIN: Final = 1e-15

WINDOW: Final = 4000
"""Answers of a window."""

WINDOWS: Final = 32
"""Windows whose labels are awaited at most; older ones are compared as they are."""

ENOUGH: Final = 0.9
"""Share of its labels that a window needs to be compared."""

REFRESH: Final = 250
FADE: Final = 0.975
"""Every so many labels, what was known before counts this much: half is forgotten in 7,000."""

PRIOR: Final = 10.0
"""Weight, in labels, of what would be expected of a place without labels of its own."""

SMOOTH: Final = 20
"""Comparisons over which the mean error runs."""

SINCE, NUMBER, FILLED, CLOCK = 0, 1, 2, 3
"""Places of the counts: labels since a refresh, number of the window, answers in it, event time in us."""

UNSERVED: Final = 0.5


def empty(sums: int, measures: int) -> State:
    """Nothing asked yet, with so many sums per window and measures of it.

    In order: counts, known, table, waiting, numbers, starts, expected, realised, histograms of both, errors,
    comparisons, last.
    """
    counts = np.zeros(4, dtype=np.int64)
    counts[CLOCK] = -(2**62)
    return (
        counts,
        np.zeros((3, PLACES)),
        np.full((2, PLACES), nan),
        np.zeros((2, PLACES), dtype=np.int64),
        np.full(WINDOWS, -1, dtype=np.int64),
        np.full(WINDOWS, -(2**62), dtype=np.int64),
        np.zeros((WINDOWS, sums)),
        np.zeros((WINDOWS, sums)),
        np.zeros((WINDOWS, 2, PLACES), dtype=np.float32),
        np.zeros((WINDOWS, 2, PLACES), dtype=np.float32),
        np.zeros(measures),
        np.zeros(measures, dtype=np.int64),
        np.full(measures, nan),
    )


@njit(cache=True)
def logit_place(p: float) -> int:
    """The place of a probability strictly between 0 and 1."""
    return min(PLACES - 1, max(0, int((log(p / (1 - p)) + REACH) * (PLACES / (2 * REACH)))))


@njit(cache=True)
def middle(place: int) -> float:
    """The probability in the middle of a place."""
    return 1 / (1 + exp(REACH - (place + 0.5) / (PLACES / (2 * REACH))))


@njit(cache=True)
def size_place(number: float) -> int:
    """The place of a number by its size, four to an octave."""
    return min(PLACES - 1, max(0, int(4 * log2(max(2.0**-32, abs(number)))) + PLACES // 2))


@njit(cache=True)
def _window(state: State, asked_us: int) -> int:
    """The slot of the window that an event time lies in; -1 when it is no longer awaited."""
    number = state[0][NUMBER]
    for back in range(min(WINDOWS, number + 1)):
        slot = (number - back) % WINDOWS
        if state[5][slot] <= asked_us:
            return slot if state[4][slot] == number - back else -1
    return -1


@njit(cache=True)
def _opened(state: State, asked_us: int, probabilities: bool) -> int:
    """The slot of the window that an ask falls in; opens the next one when the last is full."""
    counts, numbers, starts = state[0], state[4], state[5]
    if counts[FILLED] >= WINDOW and asked_us > counts[CLOCK]:
        counts[NUMBER] += 1
        counts[FILLED] = 0
        slot = counts[NUMBER] % WINDOWS
        _compare(state, slot, ENOUGH, probabilities)
        numbers[slot], starts[slot] = counts[NUMBER], counts[CLOCK] + 1
        for array in state[6:8]:
            array[slot] = 0.0
        for histogram in state[8:10]:
            histogram[slot] = 0.0
    elif numbers[0] == -1 and counts[NUMBER] == 0:
        numbers[0] = 0
    counts[FILLED] += 1
    counts[CLOCK] = max(counts[CLOCK], asked_us)
    return _window(state, asked_us)


@njit(cache=True)
def _compare(state: State, slot: int, enough: float, probabilities: bool) -> None:
    """Compares what was expected of a window with its outcome, once."""
    numbers, expected, realised = state[4], state[6], state[7]
    if numbers[slot] < 0 or realised[slot, -1] < max(1.0, enough * expected[slot, -1]):
        return
    numbers[slot] = -2
    told, came = np.empty(len(state[10])), np.empty(len(state[10]))
    measure(expected[slot], state[8][slot], probabilities, told)
    measure(realised[slot], state[9][slot], probabilities, came)
    state[12][:] = came
    for one in range(len(told)):
        if not isnan(told[one]) and not isnan(came[one]):
            state[11][one] += 1
            state[10][one] += (abs(told[one] - came[one]) - state[10][one]) / min(SMOOTH, state[11][one])


@njit(cache=True)
def measure(sums: Array, histogram: Array, probabilities: bool, out: Array) -> None:
    """ROC AUC, F2, precision, recall, log loss from (tp, fp, fn, loss, n); MAE, RMSE from (|e|, e^2, n).

    NaN where one can't be computed. histogram: (2, 256), negatives and positives, counted or expected.
    """
    if not probabilities:
        absolute, squared, n = sums
        out[0] = absolute / n if n else nan
        out[1] = sqrt(squared / n) if n else nan
        return
    tp, fp, fn, loss, n = sums
    below, found, won = 0.0, 0.0, 0.0
    for place in range(PLACES):
        won += histogram[1, place] * (below + histogram[0, place] / 2)
        below += histogram[0, place]
        found += histogram[1, place]
    out[0] = won / (below * found) if below > 0 and found > 0 else nan
    out[1] = 5 * tp / (5 * tp + 4 * fn + fp) if tp + fn > 0 else nan
    out[2] = tp / (tp + fp) if tp + fp > 0 else nan
    out[3] = tp / (tp + fn) if tp + fn > 0 else nan
    out[4] = loss / n if n else nan


@njit(cache=True)
def count(sums: Array, histogram: Array, p: float, share: float, alarm: bool, place: int, n: float) -> None:
    """Adds n answers p, of which a share is positive, to sums and histogram."""
    if alarm:
        sums[0] += n * share
        sums[1] += n * (1 - share)
    else:
        sums[2] += n * share
    sums[3] -= n * (share * log(p) + (1 - share) * log(1 - p))
    sums[4] += n
    histogram[0, place] += n * (1 - share)
    histogram[1, place] += n * share


@njit(cache=True)
def _calibrate(known: Array, table: Array) -> None:
    """Share of positives by place: as known, drawn to the probability itself, and never falling.

    Isotonic by pooling adjacent violators (Ayer et al., Ann. Math. Stat. 26, 1955).
    """
    values, weights, lengths, blocks = np.empty(PLACES), np.empty(PLACES), np.empty(PLACES, np.int64), 0
    for place in range(PLACES):
        weight = known[0, place] + known[1, place] + PRIOR
        values[blocks] = (known[1, place] + PRIOR * middle(place)) / weight
        weights[blocks], lengths[blocks] = weight, 1
        blocks += 1
        while blocks > 1 and values[blocks - 2] > values[blocks - 1]:
            both = weights[blocks - 2] + weights[blocks - 1]
            last = blocks - 1
            values[last - 1] = (values[last - 1] * weights[last - 1] + values[last] * weights[last]) / both
            weights[last - 1] = both
            lengths[last - 1] += lengths[last]
            blocks -= 1
    place = 0
    for block in range(blocks):
        for _ in range(lengths[block]):
            table[0, place] = values[block]
            place += 1


@njit(cache=True)
def _spread(known: Array, table: Array) -> None:
    """Expected |e| and e^2 by place: as known, drawn to the error relative to the size over all places."""
    n, relative, squared = 0.0, 0.0, 0.0
    for place in range(PLACES):
        size = 2.0 ** ((place - PLACES // 2 + 0.5) / 4)
        n += known[0, place]
        relative += known[1, place] / size
        squared += known[2, place] / size**2
    for place in range(PLACES):
        size = 2.0 ** ((place - PLACES // 2 + 0.5) / 4)
        weight = known[0, place] + PRIOR
        table[0, place] = (known[1, place] + PRIOR * size * relative / n) / weight
        table[1, place] = (known[2, place] + PRIOR * size**2 * squared / n) / weight


@njit(cache=True)
def _refresh(state: State, probabilities: bool) -> None:
    counts, known, table = state[0], state[1], state[2]
    counts[SINCE] += 1
    if counts[SINCE] < REFRESH:
        return
    counts[SINCE] = 0
    if probabilities:
        _calibrate(known, table)
    else:
        _spread(known, table)
    known *= FADE


@njit(cache=True)
def follow_probabilities(
    answers: Array, truths: Array, order: Array, served: Array, asked_us: Array, state: State
) -> None:
    """What Estimated.follow does of a classifier."""
    known, table, waiting = state[1], state[2], state[3]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if not isfinite(answers[row]):
            continue
        p = min(1 - CERTAIN, max(CERTAIN, answers[row]))
        place = logit_place(p)
        alarm = answers[row] >= (UNSERVED if isnan(served[row]) else served[row])
        if step >= 0:
            waiting[1 if alarm else 0, place] += 1
            slot = _opened(state, asked_us[row], True)
            share = p if isnan(table[0, place]) else table[0, place]
            if slot >= 0:
                count(state[6][slot], state[8][slot], p, share, alarm, place, 1.0)
            continue
        waiting[1 if alarm else 0, place] -= 1
        if isnan(truths[row]):
            continue
        truth = 1 if truths[row] > 0.5 else 0
        known[truth, place] += 1
        _refresh(state, True)
        slot = _window(state, asked_us[row])
        if slot >= 0:
            count(state[7][slot], state[9][slot], p, float(truth), alarm, place, 1.0)
            if state[4][slot] < state[0][NUMBER]:
                _compare(state, slot, 1.0, True)


@njit(cache=True)
def _sum_up(sums: Array, absolute: float, squared: float) -> None:
    sums[0] += absolute
    sums[1] += squared
    sums[2] += 1


@njit(cache=True)
def follow_numbers(
    answers: Array, truths: Array, order: Array, asked_us: Array, floor: float, state: State
) -> None:
    """What Estimated.follow does of a regression."""
    known, table, waiting = state[1], state[2], state[3]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if not isfinite(answers[row]):
            continue
        told = max(floor, answers[row])
        place = size_place(told)
        if step >= 0:
            waiting[0, place] += 1
            slot = _opened(state, asked_us[row], False)
            if slot >= 0 and not isnan(table[0, place]):
                _sum_up(state[6][slot], table[0, place], table[1, place])
            continue
        waiting[0, place] -= 1
        if isnan(truths[row]):
            continue
        error = abs(truths[row] - told)
        known[0, place] += 1
        known[1, place] += error
        known[2, place] += error * error
        _refresh(state, False)
        slot = _window(state, asked_us[row])
        if slot >= 0:
            _sum_up(state[7][slot], error, error * error)
            if state[4][slot] < state[0][NUMBER]:
                _compare(state, slot, 1.0, False)
