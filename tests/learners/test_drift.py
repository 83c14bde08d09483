from __future__ import annotations

from datetime import UTC, datetime, timedelta
from time import process_time
from typing import Any

import msgspec
import numpy as np
import pytest
from numpy.typing import NDArray
from river.drift import ADWIN

from core.applications import APPLICATIONS
from core.declaration import (
    Application,
    Category,
    Classification,
    Clustering,
    Flag,
    Number,
    Regression,
    leaves,
)
from core.features import features
from core.records import DriftEvent
from learners import adwin
from learners.drift import BadDrift, Drift, losses, watchable

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
CLASSES = next(one for one in APPLICATIONS.values() if isinstance(one.task, Classification))
NUMBERS = next(one for one in APPLICATIONS.values() if isinstance(one.task, Regression))
assert isinstance(NUMBERS.task, Regression)
FLOOR = NUMBERS.task.floor
CLUSTERS = next(one for one in APPLICATIONS.values() if isinstance(one.task, Clustering))

BEGAN = datetime(2026, 3, 2, tzinfo=UTC)
BEGAN_US = 1_772_409_600 * 1_000_000


def times(count: int, start: int = 0) -> NDArray[np.int64]:
    """Ten a second."""
    return BEGAN_US + np.arange(start, start + count, dtype=np.int64) * 100_000


def columns(application: Application, count: int, seed: int = 1) -> dict[str, NDArray[Any]]:
    """Random events as columns, nulls among them, each of an entity of its own."""
    rng = np.random.default_rng(seed)
    made: dict[str, NDArray[Any]] = {}
    for path, leaf in leaves(application):
        match leaf:
            case Number():
                made[path] = rng.lognormal(3, 1, count)
                made[path][rng.random(count) < 0.05] = np.nan
            case Flag():
                made[path] = rng.integers(-1, 2, count).astype(np.int8)
            case Category(values=values):
                made[path] = rng.integers(-1, len(values) + 1, count).astype(np.int32)
    made[application.key] = rng.integers(1, 2**62, count)
    for one in features(application):
        made[one.name] = rng.normal(5, 2, count)
    return made


def first(stream: NDArray[np.float64]) -> tuple[int | None, float]:
    """Where this ADWIN finds the first change in a stream, and the mean of its window before."""
    totals, variances = np.zeros((adwin.LEVELS, adwin.MOST + 1)), np.zeros((adwin.LEVELS, adwin.MOST + 1))
    window, sizes = np.zeros(4), np.zeros(adwin.LEVELS, dtype=np.int64)
    mean = 0.0
    for n, value in enumerate(stream.tolist()):
        adwin.insert(window, totals, variances, sizes, value)
        mean = window[adwin.TOTAL] / window[adwin.WIDTH]
        assert window[adwin.WIDTH] == n + 1
        if (n + 1) % 32 == 0 and not np.isnan(adwin.cut(window, totals, variances, sizes, 0.002)[0]):
            return n, mean
    return None, mean


def rivers(stream: NDArray[np.float64]) -> int | None:
    detector = ADWIN(delta=0.002)
    for n, value in enumerate(stream.tolist()):
        detector.update(value)
        if detector.drift_detected:
            return n
    return None


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0, 5.0])
def test_the_first_change_is_found_where_river_finds_it(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    stream = rng.normal(size=6000) + shift * (np.arange(6000) >= 2500)
    place, mean = first(stream)
    assert place == rivers(stream)
    assert mean == pytest.approx(stream[: 6000 if place is None else place + 1].mean())


def test_no_alarm_on_200_000_stationary_values_and_a_quick_one_after() -> None:
    rng, drift = np.random.default_rng(2), Drift(NUMBERS, (), model="one")
    steady = rng.random(200_000)
    assert drift.errors(steady, times(200_000)) == []
    found, *more = drift.errors(rng.random(2000) + 0.5, times(2000, 200_000))
    delay = (found.time - (BEGAN + timedelta(seconds=20_000))).total_seconds() * 10
    assert 0 < delay <= 255
    assert (found.application, found.model, found.feature) == (NUMBERS.name, "one", "")
    assert found.before == pytest.approx(0.5, abs=0.01)
    # Buckets are forgotten whole: some values from before the change are among those after it, which may
    # make it two steps.
    assert 0.6 < found.after < 1.05
    assert len(more) <= 1
    assert found.magnitude == pytest.approx((found.after - found.before) * 12**0.5, rel=0.05)
    assert found.detector == "ADWIN"


def test_an_error_that_falls_is_no_alarm() -> None:
    rng, drift = np.random.default_rng(3), Drift(NUMBERS, ())
    assert drift.errors(rng.random(5000) + 1, times(5000)) == []
    assert drift.errors(rng.random(5000), times(5000, 5000)) == []
    # What it has adapted to is the new usual: the old error is an alarm now.
    assert len(drift.errors(rng.random(5000) + 1, times(5000, 10_000))) > 0


def test_an_error_that_creeps_is_told_from_where_it_began() -> None:
    rng, drift = np.random.default_rng(8), Drift(NUMBERS, ())
    assert drift.errors(rng.normal(1, 0.1, 20_000), times(20_000)) == []
    creeping = 1 + np.arange(40_000) / 40_000
    found = drift.errors(rng.normal(creeping, 0.1), times(40_000, 20_000))
    assert 4 <= len(found) <= 8
    assert found[0].before == pytest.approx(1.0, abs=0.02)
    assert found[0].after >= 1.1 * found[0].before
    assert found[0].magnitude == pytest.approx((found[0].after - found[0].before) / 0.1, rel=0.1)
    assert all(one.after >= 1.1 * one.before for one in found)


def test_small_changes_are_not_told() -> None:
    rng, drift = np.random.default_rng(4), Drift(NUMBERS, ())
    stream = rng.normal(size=400_000) + 1 + 0.1 * (np.arange(400_000) > 200_000)
    assert drift.errors(stream, times(400_000)) == []
    assert drift._errors[2][0, adwin.WIDTH] < 400_000 / 8 * 0.75


def test_a_small_change_of_an_input_is_not_told() -> None:
    path = watchable(NUMBERS)[0]
    for shift, told in ((0.05, False), (0.3, True)):
        drift, made = Drift(NUMBERS, [path]), columns(NUMBERS, 200_000)
        made[path] = np.random.default_rng(9).normal(size=200_000) + shift * (np.arange(200_000) > 100_000)
        found = drift.inputs(made, times(200_000))
        assert drift._inputs[2][0, adwin.WIDTH] < 200_000 / 8 * 0.75
        assert bool(found) == told


@EVERY
def test_stationary_inputs_raise_no_alarm_and_a_changed_one_tells_which(application: Application) -> None:
    drift = Drift(application)
    assert drift.inputs(columns(application, 40_000), times(40_000)) == []
    changed = columns(application, 4000, seed=2)
    number = next(path for path in drift.watched if changed[path].dtype.kind == "f")
    category = next(path for path in drift.watched if changed[path].dtype == np.int32)
    changed[number] *= 3
    changed[category][:] = 1
    found = {one.feature: one for one in drift.inputs(changed, times(4000, 40_000))}
    assert number in found
    assert {name.partition("=")[0] for name in found} == {number, category}
    values = next(leaf.values for path, leaf in leaves(application) if path == category)  # type: ignore[union-attr]
    now = found[f"{category}={values[1]}"]
    assert now.before == pytest.approx(1 / (len(values) + 1), abs=0.02)
    # Buckets are forgotten whole, see above.
    assert 0.5 < now.after < 1.05
    assert now.magnitude > 0.7
    assert now.model == ""
    assert (now.time - BEGAN).total_seconds() == pytest.approx(4000 + 12, abs=12)


def test_an_entity_is_looked_at_now_and_then() -> None:
    drift = Drift(NUMBERS)
    seconds = np.arange(36_000, dtype=np.int64) * 100_000 + BEGAN_US
    entities = np.arange(36_000, dtype=np.int64) % 50 + 1000
    entities[::7] = 0
    chosen = np.zeros(36_000, dtype=np.bool_)
    adwin.now_and_then(entities, seconds, drift._cleared, drift._seen, chosen)
    assert chosen[entities == 0].all()
    looks = [chosen[entities == one] for one in range(1000, 1050)]
    # Four times in the hour, and once at the start; at times of their own.
    assert {int(look.sum()) for look in looks} <= {4, 5}
    assert len({int(look.argmin()) for look in looks}) == 1
    strangers = np.arange(1, 3000, dtype=np.int64) * 2**40 + np.arange(1, 3000) * 7
    later = np.full(2999, seconds[-1] + 10**10)
    chosen = np.zeros(2999, dtype=np.bool_)
    adwin.now_and_then(strangers, later, drift._cleared, drift._seen, chosen)
    assert chosen.mean() > 0.95


def test_what_one_entity_repeats_is_no_drift() -> None:
    """Sessions of 50 events with a value each: as independent values they would raise alarms."""
    rng = np.random.default_rng(6)
    sessions = rng.integers(1, 2**60, 800)
    made = columns(NUMBERS, 40_000)
    made[NUMBERS.key] = np.repeat(sessions, 50)
    for path in watchable(NUMBERS):
        made[path] = np.repeat(made[path][:800], 50)
    assert Drift(NUMBERS).inputs(made, times(40_000)) == []
    made[NUMBERS.key] = np.zeros(40_000, dtype=np.int64)
    assert Drift(NUMBERS).inputs(made, times(40_000)) != []


@EVERY
def test_cuts_change_no_bit(application: Application) -> None:
    count, rng = 6000, np.random.default_rng(5)
    made, at = columns(application, count), times(count)
    made[next(iter(made))][3000:] = 1
    loss = rng.random(count) + (np.arange(count) > 4000)
    whole = Drift(application, model="one")
    expected = whole.errors(loss, at) + whole.inputs(made, at)
    assert expected
    for cuts in (range(count), np.sort(rng.choice(count, 30, replace=False))):
        drift = Drift(application, model="one")
        errors, inputs = [], []
        for start, end in zip([0, *cuts], [*cuts, count], strict=True):
            part = {path: column[start:end] for path, column in made.items()}
            errors += drift.errors(loss[start:end], at[start:end])
            inputs += drift.inputs(part, at[start:end])
        assert errors + inputs == expected
        assert drift.to_bytes() == whole.to_bytes()


@EVERY
def test_bytes_go_on_exactly(application: Application) -> None:
    drift = Drift(application, model="one")
    drift.inputs(columns(application, 9000), times(9000))
    drift.errors(np.linspace(0, 1, 9000), times(9000))
    again = Drift.from_bytes(drift.to_bytes(), application)
    assert again.to_bytes() == drift.to_bytes()
    assert again.model == "one"
    more = columns(application, 3000, seed=3)
    assert again.inputs(more, times(3000)) == drift.inputs(more, times(3000))
    assert again.errors(np.ones(3000), times(3000)) == drift.errors(np.ones(3000), times(3000))
    assert again.to_bytes() == drift.to_bytes()
    assert len(drift.to_bytes()) < 80_000


def test_bytes_keep_the_level_from_which_an_error_has_crept() -> None:
    rng, drift = np.random.default_rng(8), Drift(NUMBERS, ())
    creeping = rng.normal(1 + np.maximum(0, np.arange(60_000) - 20_000) / 100_000, 0.1)
    drift.errors(creeping[:27_000], times(27_000))
    again = Drift.from_bytes(drift.to_bytes(), NUMBERS)
    (expected, *_) = drift.errors(creeping[27_000:], times(33_000, 27_000))
    (found, *_) = again.errors(creeping[27_000:], times(33_000, 27_000))
    assert found == expected
    assert found.before == pytest.approx(1.0, abs=0.02)


def test_bytes_of_others_are_refused() -> None:
    data = Drift(CLASSES).to_bytes()
    for wrong in (b"", data[:-5]):
        with pytest.raises(BadDrift, match="no detectors"):
            Drift.from_bytes(wrong, CLASSES)
    with pytest.raises(BadDrift, match="has no longer"):
        Drift.from_bytes(data, NUMBERS)


def test_a_change_that_came_in_steps_can_be_written_down() -> None:
    """What is told as from the lowest level comes out of an array; no snapshot takes numbers of that kind."""
    rng, drift = np.random.default_rng(4), Drift(NUMBERS, [], "a model")
    levels = np.repeat([0.2, 0.15, 0.16, 0.17, 0.18, 0.25], 4000)
    found = drift.errors(rng.normal(levels, 0.05), times(len(levels)))
    assert found
    assert {type(value) for one in found for value in (one.before, one.after, one.magnitude)} == {float}
    assert msgspec.json.decode(msgspec.json.encode(found), type=list[DriftEvent]) == found


def test_what_tells_the_time_is_not_watched() -> None:
    assert not {"hour_of_day", "day_of_week", NUMBERS.label} & {*watchable(NUMBERS)}
    assert {"estimated_distance_km", "weather", "origin.lat"} <= {*watchable(NUMBERS)}
    assert Drift(NUMBERS, ["weather", "no such field"]).watched == ("weather",)


def test_losses_are_those_of_the_task() -> None:
    loss = losses(CLASSES, np.array([0.25, 0.25, np.nan]), np.array([1.0, 0.0, 1.0]))
    np.testing.assert_allclose(loss, [-np.log(0.25), -np.log(0.75), np.nan])
    numbers = losses(NUMBERS, np.array([300.0, 0.0]), np.array([100.0, 180.0]))
    np.testing.assert_allclose(numbers, [1.0, 2 * (180 - FLOOR) / (180 + FLOOR)])
    assert np.isnan(losses(CLUSTERS, np.array([1.0]), np.array([np.nan]))).all()


def test_lengths_that_differ_are_refused() -> None:
    with pytest.raises(ValueError, match="3 values have 2 times"):
        Drift(NUMBERS, ()).errors(np.zeros(3), times(2))


@EVERY
def test_inputs_cost_little(application: Application) -> None:
    """A fifth of the budget (500,000 events/s for about 20 inputs), for busy machines."""
    drift, made, at = Drift(application), columns(application, 20_000), times(20_000)
    drift.inputs(made, at)
    took = []
    for _ in range(3):
        began = process_time()
        drift.inputs(made, at)
        took.append(process_time() - began)
    assert min(took) < 20_000 / 100_000
