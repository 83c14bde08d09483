"""Relative least squares in its compiled body: the same sums in the same order as one by one.

columns -> encode -> codes (n, 10) -> follow -> answers, state
"""

from __future__ import annotations

from collections.abc import Mapping
from math import exp, sqrt
from typing import NamedTuple, Self

import msgspec
import numpy as np
import numpy.typing as npt
from numba import njit

from core.applications.eta import SECONDS_PER_KM
from models.base import Codes, Floats, Order
from models.compiled import entity_effects, recent_residuals
from models.compiled.entity_effects import Effects, effect, learn, spread_of
from models.compiled.recency import NONE
from models.compiled.recent_residuals import Residuals, add
from models.eta_inputs import (
    CLOCK_AT,
    CONSTANT_AT,
    DAY,
    DAY_AT,
    DISTANCE,
    DRIVER,
    EVEN_SQUARE,
    HOUR,
    HOUR_S,
    LEAST_KM,
    MIDDLE,
    PLACE_AT,
    PLACES,
    RATING,
    RATING_AT,
    REACH,
    SATURDAY,
    SHORT_AT,
    SHORT_HOURS,
    SIZE,
    USUAL_RATING,
    WEATHER,
    WEATHER_AT,
    WEATHERS,
)
from models.relative_least_squares import (
    BEFORE_DRIVERS,
    ENOUGH_LESSONS,
    LARGEST_STRETCH,
    LARGEST_SURPRISE,
    NOISE,
    NOISE_LEAST,
    TRIANGLE,
    decoded,
    symmetric,
)

Ints = npt.NDArray[np.int64]

KEY, CLOCK_CODE, DAY_CODE, WEATHER_CODE, BASE_CODE, RATING_CODE, PLACE_CODE = range(7)
WIDTH = PLACE_CODE + 4
"""Columns of the codes, int64: the driver, positions of inputs (NONE is none), and as the bits of float64
the base time in hours, the rating (NaN is none) and four inputs of places."""

MOST_INPUTS = 10

SKIES = len(WEATHERS)

NUMBERS = (DISTANCE, DAY, HOUR, RATING, *PLACES)
"""The columns of numbers that are read, in the order in which `_encode` takes them."""


class Held(NamedTuple):
    """The state as flat arrays that a lesson changes in place."""

    lessons: Ints
    """One number."""
    mean_base: Floats
    """One number."""
    weights: Floats
    covariance: Floats
    sums: Floats
    residuals: Residuals
    drivers: Effects


class Room(NamedTuple):
    """Where a row's inputs and the gain are put while they are used."""

    positions: Ints
    values: Floats
    gain: Floats


class CompiledRelativeLeastSquares:
    """The recipe `relative_least_squares` for many rows at once."""

    def __init__(self, data: bytes) -> None:
        state = decoded(data)
        self._state = state
        self._held = Held(
            lessons=np.array([state.lessons]),
            mean_base=np.array([state.mean_base]),
            weights=np.frombuffer(state.weights).copy(),
            covariance=symmetric(state.triangle),
            sums=np.frombuffer(state.sums).copy(),
            residuals=recent_residuals.restored(state.ring, state.spread),
            drivers=entity_effects.restored(state.drivers),
        )
        self._room = Room(np.zeros(MOST_INPUTS, np.int64), np.zeros(MOST_INPUTS), np.zeros(SIZE))

    @property
    def trained(self) -> bool:
        """Whether it has had 50 lessons."""
        return bool(self._held.lessons[0] >= ENOUGH_LESSONS)

    def encode(self, columns: Mapping[str, Codes]) -> Codes:
        """(n, 10) int64; a pure function of each row."""
        numbers = np.array([columns[path] for path in NUMBERS], dtype=np.float64)
        codes = np.empty((numbers.shape[1], WIDTH), np.int64)
        codes[:, KEY] = columns[DRIVER]
        codes[:, WEATHER_CODE] = columns[WEATHER]
        _encode(numbers, codes, codes.view(np.float64))
        return codes

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        """Asks and teaches in the given order; truths and answers in seconds."""
        codes = np.ascontiguousarray(codes)
        _follow(
            self._held,
            self._room,
            codes,
            codes.view(np.float64),
            np.ascontiguousarray(truths, dtype=np.float64),
            np.ascontiguousarray(order, dtype=np.int64),
            answers,
            self._state.floor,
            self._state.drift,
        )

    def to_bytes(self) -> bytes:
        """As the recipe one by one writes it."""
        held = self._held
        lessons = held.lessons.item()
        return msgspec.msgpack.encode(
            msgspec.structs.replace(
                self._state,
                lessons=lessons,
                mean_base=held.mean_base.item(),
                weights=held.weights.tobytes(),
                triangle=held.covariance[TRIANGLE].tobytes(),
                sums=held.sums.tobytes(),
                ring=held.residuals.ring[:lessons].tobytes(),
                spread=recent_residuals.spread_told(held.residuals),
                drivers=entity_effects.state_of(held.drivers),
            )
        )

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """Goes on from the bytes of either body; raises BadModel."""
        return cls(data)


@njit(cache=True)
def _encode(numbers: Floats, codes: Ints, reals: Floats) -> None:
    """What `models.eta_inputs` reads of each row; the weather's code becomes its position here."""
    for n in range(len(codes)):
        distance, day, hour, rating = numbers[0, n], numbers[1, n], numbers[2, n], numbers[3, n]
        codes[n, CLOCK_CODE] = codes[n, DAY_CODE] = NONE
        if 0 <= day <= 6 and day == np.floor(day):
            codes[n, DAY_CODE] = DAY_AT + int(day)
            if 0 <= hour <= 23 and hour == np.floor(hour):
                codes[n, CLOCK_CODE] = CLOCK_AT + (24 if day >= SATURDAY else 0) + int(hour)
        known = 0 <= codes[n, WEATHER_CODE] < SKIES
        codes[n, WEATHER_CODE] = WEATHER_AT + codes[n, WEATHER_CODE] if known else NONE
        reals[n, BASE_CODE] = reals[n, RATING_CODE] = np.nan
        if np.isfinite(distance):
            reals[n, BASE_CODE] = max(LEAST_KM, distance) * SECONDS_PER_KM / HOUR_S
        if np.isfinite(rating):
            reals[n, RATING_CODE] = rating - USUAL_RATING
        reals[n, PLACE_CODE:] = 0.0
        for end in (4, 6):  # where an end begins in NUMBERS
            lat, lon = numbers[end, n], numbers[end + 1, n]
            if np.isfinite(lat) and np.isfinite(lon):
                north = min(1.0, max(-1.0, (lat - MIDDLE[0]) / REACH[0]))
                east = min(1.0, max(-1.0, (lon - MIDDLE[1]) / REACH[1]))
                reals[n, PLACE_CODE] += 0.5 * north
                reals[n, PLACE_CODE + 1] += 0.5 * east
                reals[n, PLACE_CODE + 2] += 0.5 * (north * north - EVEN_SQUARE)
                reals[n, PLACE_CODE + 3] += 0.5 * (east * east - EVEN_SQUARE)


@njit(cache=True)
def _follow(
    held: Held,
    room: Room,
    codes: Ints,
    reals: Floats,
    truths: Floats,
    order: Ints,
    answers: Floats,
    floor: float,
    drift: float,
) -> None:
    for step in order:
        if step >= 0:
            if held.lessons[0] < ENOUGH_LESSONS:
                answers[step] = np.nan
                continue
            base = reals[step, BASE_CODE]
            if np.isnan(base):
                base = held.mean_base[0]
            expected = base * _stretch(held, room, _inputs(room, codes[step], reals[step], base))
            mean, _ = effect(held.drivers, codes[step, KEY])
            answers[step] = max(floor, expected * (1.0 + mean) * HOUR_S)
        else:
            row = ~step
            if np.isfinite(truths[row]) and not np.isnan(reals[row, BASE_CODE]):
                _learn(held, room, codes[row], reals[row], truths[row], floor, drift)


@njit(cache=True)
def _inputs(room: Room, code: Ints, real: Floats, base: float) -> int:
    """Puts down positions and values; how many."""
    room.positions[0], room.values[0] = CONSTANT_AT, 1.0
    room.positions[1], room.values[1] = SHORT_AT, SHORT_HOURS / (SHORT_HOURS + base)
    count = 2
    for place in (CLOCK_CODE, DAY_CODE, WEATHER_CODE):
        if code[place] != NONE:
            room.positions[count], room.values[count] = code[place], 1.0
            count += 1
    if not np.isnan(real[RATING_CODE]):
        room.positions[count], room.values[count] = RATING_AT, real[RATING_CODE]
        count += 1
    for n in range(4):
        room.positions[count], room.values[count] = PLACE_AT + n, real[PLACE_CODE + n]
        count += 1
    return count


@njit(cache=True)
def _stretch(held: Held, room: Room, count: int) -> float:
    total = 0.0
    for n in range(count):
        total += held.weights[room.positions[n]] * room.values[n]
    factor: float = exp(max(-LARGEST_STRETCH, min(LARGEST_STRETCH, total)))
    return factor


@njit(cache=True)
def _learn(
    held: Held, room: Room, code: Ints, real: Floats, truth: float, floor: float, drift: float
) -> None:
    base = real[BASE_CODE]
    count = _inputs(room, code, real, base)
    expected = base * _stretch(held, room, count)
    noise = NOISE + NOISE_LEAST / (expected * expected)
    mean, unknown = effect(held.drivers, code[KEY])
    told = max(floor, expected * (1.0 + mean) * HOUR_S)
    add(held.residuals, held.lessons[0], (truth - told) / (sqrt(noise + unknown) * expected * HOUR_S))
    error = (truth / HOUR_S - expected) / expected
    spread = spread_of(held.drivers)
    _filter(held, room, count, error, noise + spread, drift)
    held.lessons[0] += 1
    held.mean_base[0] += (base - held.mean_base[0]) / held.lessons[0]
    for n in range(count):
        held.sums[room.positions[n]] += room.values[n]
    if held.lessons[0] > BEFORE_DRIVERS:
        limit = LARGEST_SURPRISE * sqrt(noise + spread)
        learn(held.drivers, code[KEY], max(-limit, min(limit, error)), noise)


@njit(cache=True)
def _filter(held: Held, room: Room, count: int, error: float, variance: float, drift: float) -> None:
    """The step of the filter. The gain is summed input by input, as one by one."""
    gain, covariance = room.gain, held.covariance
    first, value = room.positions[0], room.values[0]
    for j in range(SIZE):
        gain[j] = covariance[first, j] * value
    for n in range(1, count):
        place, value = room.positions[n], room.values[n]
        for j in range(SIZE):
            gain[j] += covariance[place, j] * value
    told = 0.0
    for n in range(count):
        told += gain[room.positions[n]] * room.values[n]
    limit = LARGEST_SURPRISE * sqrt(variance + told)
    scale = 1.0 / (variance + told)
    for i in range(SIZE):
        here = gain[i]
        for j in range(SIZE):
            covariance[i, j] -= (here * gain[j]) * scale
        covariance[i, i] += drift
    move = max(-limit, min(limit, error)) * scale
    for j in range(SIZE):
        held.weights[j] += gain[j] * move
