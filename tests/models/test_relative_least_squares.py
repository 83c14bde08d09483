from __future__ import annotations

from datetime import UTC, datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

import numpy as np
import pytest

from core.applications.eta import ETA
from models import answer
from models.base import BadModel, Row, row
from models.eta_inputs import SIZE, base_hours, inputs
from models.relative_least_squares import RelativeLeastSquares, decoded, symmetric
from producers.registry import generator
from tests.learners.streams import lessons

Trip = tuple[Row, float]


def trips(count: int, seed: int, days: float = 14.0) -> list[Trip]:
    """Rows and seconds."""
    made, began = generator(ETA.name, seed), datetime(2026, 3, 2, tzinfo=UTC)
    events = [made.next(began + timedelta(days=days * n / count)) for n in range(count)]
    return [(row(ETA, event), float(event[ETA.label or ""])) for event in events]


def asked_before_taught(model: RelativeLeastSquares, stream: list[Trip]) -> list[tuple[float, Any]]:
    """Answers and intervals; a label is taught when its trip has ended."""
    told, ends = list[tuple[float, Any]](), list[tuple[datetime, int]]()
    for n, (x, seconds) in enumerate(stream):
        now = datetime.fromisoformat(x["timestamp"])
        while ends and ends[0][0] <= now:
            _, ended = heappop(ends)
            model.learn_one(*stream[ended])
        said = answer(ETA, model, x, None)
        told.append((said.value, said.interval))
        heappush(ends, (now + timedelta(seconds=seconds), n))
    return told


def test_starts_from_forty_kilometres_an_hour() -> None:
    model = RelativeLeastSquares()
    assert model.predict_one({"estimated_distance_km": 20.0}) == pytest.approx(1800)
    assert model.predict_one({"estimated_distance_km": 0.1}) == 60
    assert model.predict_one({}) == 60
    assert model.spread_one({"estimated_distance_km": 20.0}) is None


def test_solves_the_weighted_equations_of_a_multiplying_model() -> None:
    """Without drift it is close to the root of the regularised quasi-likelihood score (Newton's steps)."""
    stream = lessons(ETA, 3000, 500.0)
    model = RelativeLeastSquares(drift=0.0)
    design, bases = np.zeros((len(stream), SIZE)), np.zeros(len(stream))
    truth = np.array([one.truth / 3600 for one in stream])
    for n, one in enumerate(stream):
        model.learn_one(one.x, one.truth)
        bases[n] = base_hours(one.x) or 0.0
        positions, values = inputs(one.x, float(bases[n]))
        design[n, positions] = values
    weights = np.zeros(SIZE)
    for _ in range(20):
        expected = bases * np.exp(design @ weights)
        variance = 0.02 + 0.0002 / expected**2
        score = design.T @ ((truth / expected - 1) / variance) - weights / 0.1
        weights += np.linalg.solve(design.T @ (design / variance[:, None]) + np.eye(SIZE) / 0.1, score)
    off = np.exp(design @ (model._weights - weights)) - 1
    assert np.sqrt((off**2).mean()) < 0.03


def test_remembers_drivers_and_gets_below_the_floor_of_who_does_not() -> None:
    stream = trips(24_000, seed=5)
    told = asked_before_taught(RelativeLeastSquares(), stream)
    strangers = asked_before_taught(RelativeLeastSquares(), [(x | {"driver_id": None}, y) for x, y in stream])

    def mae(answers: list[tuple[float, Any]]) -> float:
        half = len(stream) // 2
        return float(
            np.mean([abs(a[0] - y) for a, (_, y) in zip(answers[half:], stream[half:], strict=True)])
        )

    assert mae(told) < 0.96 * mae(strangers)


def test_the_interval_holds_eight_of_ten_short_or_long_known_driver_or_not() -> None:
    stream = trips(16_000, seed=6)
    told = asked_before_taught(RelativeLeastSquares(), stream)[4000:]
    later = stream[4000:]
    inside = np.array([low <= y <= high for (_, (low, high)), (_, y) in zip(told, later, strict=True)])
    km = np.array([x["estimated_distance_km"] for x, _ in later])
    assert inside.mean() == pytest.approx(0.8, abs=0.015)
    assert inside[km < 15].mean() == pytest.approx(0.8, abs=0.04)
    assert inside[km > 40].mean() == pytest.approx(0.8, abs=0.04)
    assert inside[6000:].mean() == pytest.approx(0.8, abs=0.02)


def test_a_known_driver_narrows_the_interval() -> None:
    model = RelativeLeastSquares()
    stream = trips(8000, seed=3)
    for x, y in stream:
        model.learn_one(x, y)
    x = stream[-1][0]
    known, unknown = model.spread_one(x), model.spread_one(x | {"driver_id": "never seen before"})
    assert known is not None
    assert unknown is not None
    assert known[1] - known[0] < 0.98 * (unknown[1] - unknown[0])


def test_where_drivers_do_not_differ_it_hardly_tells_them_apart() -> None:
    model, rng = RelativeLeastSquares(), Random(3)
    for n in range(6000):
        model.learn_one({"estimated_distance_km": 20.0, "driver_id": f"d{n % 200}"}, rng.gauss(1800, 250))
    told = [model.predict_one({"estimated_distance_km": 20.0, "driver_id": f"d{n}"}) for n in range(200)]
    assert np.std(told) < 15 < 250 / np.sqrt(30)


@pytest.mark.parametrize("label", [None, float("nan"), float("inf")])
def test_no_number_teaches_nothing(label: float | None) -> None:
    model = RelativeLeastSquares()
    before = model.to_bytes()
    model.learn_one({"estimated_distance_km": 5.0}, label)
    model.learn_one({"estimated_distance_km": None}, 100.0)
    assert model.to_bytes() == before


def test_an_accident_teaches_little() -> None:
    def after(seconds: float) -> float:
        model = RelativeLeastSquares()
        for n in range(300):
            model.learn_one({"estimated_distance_km": 10.0}, 850.0 + n % 100)
        model.learn_one({"estimated_distance_km": 10.0}, seconds)
        return model.predict_one({"estimated_distance_km": 10.0})

    assert after(3000.0) - after(900.0) < 3.0
    assert after(30_000.0) == after(3000.0)


def test_drift_follows_a_change() -> None:
    def after_change(drift: float) -> float:
        model = RelativeLeastSquares(drift=drift)
        for n in range(6000):
            x = {"estimated_distance_km": 10.0 + n % 7}
            model.learn_one(x, 90.0 * x["estimated_distance_km"] * (1 if n < 4000 else 1.4))
        return model.predict_one({"estimated_distance_km": 12.0})

    assert abs(after_change(1e-7) - 1512) < 15 < abs(after_change(0.0) - 1512)


def test_contributions_add_up_to_the_answer() -> None:
    model = RelativeLeastSquares()
    stream = trips(6000, seed=4)
    for x, y in stream[:5000]:
        model.learn_one(x, y)
    rows = [x for x, _ in stream[5000:]]
    rows += [x | {path: None} for x in rows[:3] for path in x]
    rows += [x | {"estimated_distance_km": 0.2} for x in rows[:3]]
    for x in rows:
        told = model.explain_one(x)
        hours = base_hours(x)
        base = (model._mean_base if hours is None else hours) * 3600
        assert sum(one.effect for one in told) == pytest.approx(model.predict_one(x) - base, abs=1e-6)
        assert [abs(one.effect) for one in told] == sorted((abs(one.effect) for one in told), reverse=True)


def test_contributions_name_what_moved_the_answer() -> None:
    model = RelativeLeastSquares()
    stream = trips(8000, seed=4)
    for x, y in stream:
        model.learn_one(x, y)
    x = stream[-1][0] | {"weather": "Thunderstorm", "day_of_week": 2, "hour_of_day": 8, "driver_rating": 5.0}
    by_name = {one.name: one for one in model.explain_one(x)}
    assert set(by_name) == {
        "estimated_distance_km", "hour_of_day", "day_of_week", "weather", "driver_rating", "driver_id",
        "origin", "destination",
    }  # fmt: skip
    seconds = x["estimated_distance_km"] * 90
    assert by_name["weather"].value == "Thunderstorm"
    assert by_name["weather"].effect > 0.3 * seconds
    assert by_name["hour_of_day"].effect > 0.1 * seconds
    assert by_name["driver_rating"].effect < 0
    assert by_name["origin"].value == {"lat": x["origin.lat"], "lon": x["origin.lon"]}


def test_one_field_changes_its_own_share_only_and_a_usual_value_has_none() -> None:
    model = RelativeLeastSquares()
    stream = trips(8000, seed=4)
    for x, y in stream:
        model.learn_one(x, y)

    def logarithms(x: Row) -> dict[str, float]:
        """What a field multiplies the time with, as a logarithm: effects by the logarithmic mean."""
        base = x["estimated_distance_km"] * 90
        told = model.predict_one(x)
        return {one.name: one.effect * np.log(told / base) / (told - base) for one in model.explain_one(x)}

    x = stream[-1][0] | {"estimated_distance_km": 30.0, "weather": "Clear", "day_of_week": 2}
    clear, storm = logarithms(x), logarithms(x | {"weather": "Thunderstorm"})
    ratio = model.predict_one(x | {"weather": "Thunderstorm"}) / model.predict_one(x)
    assert storm["weather"] - clear["weather"] == pytest.approx(np.log(ratio))
    for name in set(clear) - {"weather"}:
        assert storm[name] == pytest.approx(clear[name], abs=1e-9)
    sunday = logarithms(x | {"day_of_week": 6})
    for name in set(clear) - {"day_of_week", "hour_of_day"}:
        assert sunday[name] == pytest.approx(clear[name], abs=1e-9)
    every = [logarithms(x | {"estimated_distance_km": 30.0}) for x, _ in stream[::8]]
    for name in set(clear) - {"estimated_distance_km"}:
        assert abs(np.mean([one[name] for one in every])) < 0.01


def test_untaught_it_has_nothing_to_explain() -> None:
    told = RelativeLeastSquares().explain_one({"estimated_distance_km": 20.0})
    assert all(one.effect == 0 for one in told)


def test_half_of_a_symmetric_matrix_is_kept() -> None:
    model = RelativeLeastSquares()
    for x, y in trips(300, seed=2):
        model.learn_one(x, y)
    assert np.array_equal(model._covariance, model._covariance.T)
    assert np.array_equal(symmetric(decoded(model.to_bytes()).triangle), model._covariance)


def test_damaged_memory_of_drivers_is_refused() -> None:
    import msgspec

    state = decoded(RelativeLeastSquares().to_bytes())
    short = msgspec.structs.replace(state.drivers, keys=b"12345678")
    with pytest.raises(BadModel, match="entities in 8, 0 and 0 bytes"):
        RelativeLeastSquares.from_bytes(msgspec.msgpack.encode(msgspec.structs.replace(state, drivers=short)))
