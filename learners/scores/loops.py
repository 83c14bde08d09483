"""The loops that follow a stream of asks and labels, compiled, with all that they call.

They stand in one file, constants included: compiled code is cached under the file of the function that Python
calls, so that a change in another file would go unseen and the old code would run on.
"""

from __future__ import annotations

from math import exp, isfinite, isnan, log, log1p, nan
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from numba import njit

Array = npt.NDArray[Any]

State = tuple[Array, ...]

LABELS, SCORED, CLOCK, AT = 0, 1, 2, 3
"""Places of any task's counts: labels seen, answers scored, event time in us, where the ring goes on."""

SINCE, TP, FP, TN, FN = 4, 5, 6, 7, 8
RATIOS: Final = 4
"""Places of the counts of probabilities, and of numbers."""

LOSS, SQUARES, THRESHOLD = 0, 1, 2
ABSOLUTE, SQUARED, RELATIVE, SYMMETRIC, LOGARITHMIC, MEAN, SPREAD, FLOOR = 0, 1, 2, 3, 4, 5, 6, 7
"""Places of the sums of probabilities, and of numbers."""

BINS: Final = 256
REACH: Final = 12.0
"""A logit lies in one of 256 bins from -12 to 12; beyond, in the outermost one."""

CERTAIN: Final = 1e-15
"""Probabilities are kept this far from 0 and 1 before a logarithm is taken."""

TENTHS: Final = 10

REVIEW: Final = 200
"""Labels between two choices of the threshold."""

ENOUGH_POSITIVES: Final = 10
"""No threshold is chosen on fewer."""

UNCHOSEN: Final = 0.5
"""What an answer is served at while no threshold is chosen."""

BETA: Final = 2.0

BOUNDS_S: Final = (60, 300, 900, 3600, 21_600)
"""A bucket of label delay goes up to and including so many seconds; the last holds what took longer."""

SLOTS: Final = 30
SLOT_US: Final = 10_000_000
EMPTY: Final = -(2**62)
"""Sums over the last five minutes of event time: a ring of 30 slots of 10 s, this where there is none yet."""


@njit(cache=True)
def inside(probability: float) -> float:
    """A probability kept strictly between 0 and 1."""
    return min(1 - CERTAIN, max(CERTAIN, probability))


@njit(cache=True)
def bin_of(probability: float) -> int:
    """The bin of a probability strictly between 0 and 1."""
    logit = log(probability / (1 - probability))
    return min(BINS - 1, max(0, int((logit + REACH) * (BINS / (2 * REACH)))))


@njit(cache=True)
def edge(number: int) -> float:
    """The least probability of a bin."""
    return 1 / (1 + exp(REACH - number / (BINS / (2 * REACH))))


@njit(cache=True)
def best_threshold(histogram: Array, beta: float) -> float:
    """The bin edge with the best F-beta, of equals the highest; NaN without positives.

    histogram: (2, 256), negatives and positives.
    """
    positives = 0
    for number in range(BINS):
        positives += histogram[1, number]
    square = beta * beta
    best, at, tp, alarms = -1.0, -1, 0, 0
    for number in range(BINS - 1, -1, -1):
        tp += histogram[1, number]
        alarms += histogram[0, number] + histogram[1, number]
        # (1 + b^2) TP / ((1 + b^2) TP + b^2 FN + FP)
        score = (1 + square) * tp / (square * positives + alarms) if positives else nan
        if score > best:
            best, at = score, number
    return edge(at) if at >= 0 else nan


@njit(cache=True)
def bucket_of(delay_us: int) -> int:
    """The bucket of a label delay in microseconds."""
    number = 0
    while number < len(BOUNDS_S) and delay_us > BOUNDS_S[number] * 1_000_000:
        number += 1
    return number


@njit(cache=True)
def add_at(slots: Array, tallies: Array, at_us: int, value: float) -> None:
    """Adds a value in the slot of its time; nowhere when that lies further back than the ring.

    slots: (30,) which ten seconds since 1970 each holds; tallies: (30, 2) count and sum.
    """
    slot = at_us // SLOT_US
    place = slot % SLOTS
    if slots[place] < slot:
        slots[place] = slot
        tallies[place, 0] = 0.0
        tallies[place, 1] = 0.0
    elif slots[place] > slot:
        return
    tallies[place, 0] += 1
    tallies[place, 1] += value


@njit(cache=True)
def recent_mean(slots: Array, tallies: Array, clock_us: int) -> float:
    """The mean of what lies within the last five minutes; NaN of nothing.

    The newest slot is still filling: the mean is over the last 290 to 300 s before the clock.
    """
    newest = clock_us // SLOT_US
    count, total = 0.0, 0.0
    for place in range(SLOTS):
        if newest - SLOTS < slots[place] <= newest:
            count += tallies[place, 0]
            total += tallies[place, 1]
    return total / count if count else nan


@njit(cache=True)
def follow_probabilities(
    answers: Array, truths: Array, order: Array, served: Array, asked_us: Array, due_us: Array, state: State
) -> None:
    """What ProbabilityScores.follow does."""
    counts, sums = state[0], state[1]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if step >= 0:
            served[row] = sums[THRESHOLD]
            counts[CLOCK] = max(counts[CLOCK], asked_us[row])
            continue
        counts[LABELS] += 1
        counts[CLOCK] = max(counts[CLOCK], due_us[row])
        if isfinite(answers[row]) and not isnan(truths[row]):
            threshold = UNCHOSEN if isnan(served[row]) else served[row]
            truth = 1 if truths[row] > 0.5 else 0
            _score_probability(
                answers[row], truth, threshold, due_us[row], due_us[row] - asked_us[row], state
            )
            _review(counts, sums, state[2])


@njit(cache=True)
def _score_probability(
    told: float, truth: int, threshold: float, at_us: int, delay_us: int, state: State
) -> None:
    counts, sums, overall, late, ring, losses, tenths, delayed = state[:8]
    delay_counts, delay_losses, slots, tallies = state[8:]
    p = inside(told)
    number, loss, alarm = bin_of(p), -log(p if truth else 1 - p), told >= threshold
    counts[SCORED] += 1
    sums[LOSS] += loss
    sums[SQUARES] += (truth - p) ** 2
    overall[truth, number] += 1
    _decide(counts, TP, alarm, truth)
    _remember(counts, late, ring, losses, number, truth, loss)
    tenth = min(TENTHS - 1, int(p * TENTHS))
    tenths[tenth, 0] += p
    tenths[tenth, 1 + truth] += 1
    bucket = bucket_of(delay_us)
    delayed[bucket, truth, number] += 1
    delay_losses[bucket] += loss
    _decide(delay_counts[bucket], 0, alarm, truth)
    add_at(slots, tallies, at_us, loss)


@njit(cache=True)
def _decide(counts: Array, offset: int, alarm: bool, truth: int) -> None:
    """Counts a decision in the four places from `offset` on: tp, fp, tn, fn."""
    if truth:
        counts[offset if alarm else offset + 3] += 1
    else:
        counts[offset + 1 if alarm else offset + 2] += 1


@njit(cache=True)
def _remember(
    counts: Array, late: Array, ring: Array, losses: Array, number: int, truth: int, loss: float
) -> None:
    """Puts an answer into the ring of the last ones; the one that it replaces leaves the late histogram."""
    at, old = counts[AT], ring[counts[AT]]
    if old >= 0:
        late[old // BINS, old % BINS] -= 1
    ring[at] = truth * BINS + number
    losses[at] = loss
    late[truth, number] += 1
    counts[AT] = (at + 1) % len(ring)


@njit(cache=True)
def _review(counts: Array, sums: Array, overall: Array) -> None:
    """Every 200 labels, the threshold of the answers to come: of best F2 on the answers before."""
    counts[SINCE] += 1
    if counts[SINCE] < REVIEW:
        return
    counts[SINCE] = 0
    if counts[TP] + counts[FN] >= ENOUGH_POSITIVES:
        sums[THRESHOLD] = best_threshold(overall, BETA)


@njit(cache=True)
def follow_numbers(
    answers: Array, truths: Array, order: Array, served: Array, asked_us: Array, due_us: Array, state: State
) -> None:
    """What NumberScores.follow does."""
    counts, sums = state[0], state[1]
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if step >= 0:
            served[row] = nan
            counts[CLOCK] = max(counts[CLOCK], asked_us[row])
            continue
        counts[LABELS] += 1
        counts[CLOCK] = max(counts[CLOCK], due_us[row])
        if isfinite(answers[row]) and not isnan(truths[row]):
            told = max(answers[row], sums[FLOOR])
            _score_number(told, truths[row], due_us[row], due_us[row] - asked_us[row], state)


@njit(cache=True)
def _score_number(told: float, truth: float, at_us: int, delay_us: int, state: State) -> None:
    counts, sums, ring, delay_sums, slots, tallies = state
    error = abs(truth - told)
    counts[SCORED] += 1
    sums[ABSOLUTE] += error
    sums[SQUARED] += error * error
    bucket = delay_sums[bucket_of(delay_us)]
    bucket[0] += 1
    bucket[1] += error
    bucket[2] += error * error
    if truth:
        counts[RATIOS] += 1
        sums[RELATIVE] += error / abs(truth)
        bucket[3] += 1
        bucket[4] += error / abs(truth)
    if error:
        sums[SYMMETRIC] += 2 * error / (abs(truth) + abs(told))
    ratio = log1p(max(0.0, truth)) - log1p(max(0.0, told))
    sums[LOGARITHMIC] += ratio * ratio
    off = truth - sums[MEAN]
    sums[MEAN] += off / counts[SCORED]
    sums[SPREAD] += off * (truth - sums[MEAN])
    ring[counts[AT]] = error
    counts[AT] = (counts[AT] + 1) % len(ring)
    add_at(slots, tallies, at_us, error)


@njit(cache=True)
def follow_segments(
    answers: Array, order: Array, served: Array, asked_us: Array, due_us: Array, counts: Array
) -> None:
    """What SegmentScores.follow does."""
    for step in order:
        row = step if step >= 0 else ~step
        if row >= len(answers):
            raise IndexError("the order names a row that is not there")
        if step >= 0:
            served[row] = nan
            counts[CLOCK] = max(counts[CLOCK], asked_us[row])
        else:
            counts[LABELS] += 1
            counts[CLOCK] = max(counts[CLOCK], due_us[row])


@njit(cache=True)
def settle(vectors: Array, marks: Array, state: State) -> None:
    """Puts entities into the ring, and into the sample of all by algorithm R (Vitter, TOMS 11, 1985)."""
    counts, ring, ring_marks, sample, sample_segments = state
    for row in range(len(vectors)):
        number = counts[SCORED]
        ring[number % len(ring)] = vectors[row]
        ring_marks[number % len(ring)] = marks[row]
        counts[SCORED] += 1
        place = number
        if number >= len(sample):
            place = np.int64(_draw(number) % np.uint64(number + 1))
        if place < len(sample):
            sample[place] = vectors[row]
            sample_segments[place] = marks[row, 0]


@njit(cache=True)
def _draw(number: int) -> np.uint64:
    """64 bits that depend on the count alone (splitmix64; Steele, Lea, Flood, OOPSLA 2014)."""
    z = np.uint64(number) * np.uint64(0x9E3779B97F4A7C15)
    z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return z ^ (z >> np.uint64(31))
