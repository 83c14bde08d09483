"""Figures are values: JSON in the end, and they say what they were given."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from math import cos, radians
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.api.live import ScorePoint
from core.api.status import ApplicationStatus, LearnerStatus
from core.applications import APPLICATIONS
from core.applications.area import HOUSTON
from core.declaration import Box
from core.metrics import Metric, metrics
from core.records import Segment
from ui.figures import calibration, flow, gauge, look, matrix, places, residuals, roads, scores, segments

SHARES = st.floats(0, 1)
COUNTS = st.integers(0, 10**9)
SCORES = st.none() | st.floats(-1e6, 1e6)
ALL_METRICS = [metric for app in APPLICATIONS.values() for metric in metrics(app.task)]


def points(values: list[tuple[float | None, float | None]], metric: Metric) -> list[ScorePoint]:
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return [
        ScorePoint(
            time=start + timedelta(seconds=n),
            taught=n * 500,
            scores={metric.id: model},
            naive={metric.id: naive},
        )
        for n, (model, naive) in enumerate(values)
    ]


def texts(option: Any) -> str:
    """The option as the browser gets it; raises where a value is not JSON."""
    return json.dumps(option, allow_nan=False, ensure_ascii=False)


@given(
    st.lists(st.tuples(SCORES, SCORES), max_size=20),
    st.sampled_from(ALL_METRICS),
    st.sampled_from(["taught", "time"]),
)
def test_a_score_over_time_keeps_every_point_and_every_gap(
    values: list[tuple[float | None, float | None]], metric: Metric, axis: scores.Axis
) -> None:
    option = scores.over_time(points(values, metric), metric, axis)
    texts(option)
    assert [value for _, value in option["series"][0]["data"]] == [model for model, _ in values]
    assert ("naive" in texts(option)) == any(naive is not None for _, naive in values)


@given(st.lists(st.tuples(SCORES, SCORES), max_size=20), st.sampled_from(ALL_METRICS))
def test_a_spark_ends_in_a_dot_on_the_last_known_score(
    values: list[tuple[float | None, float | None]], metric: Metric
) -> None:
    option = scores.spark(points(values, metric), metric)
    texts(option)
    known = [model for model, _ in values if model is not None]
    dot = option["series"][2]["data"]
    assert [value for _, value in dot] == known[-1:]


def test_the_ends_of_lines_say_the_score_with_its_unit() -> None:
    mae = next(metric for metric in ALL_METRICS if metric.unit == "s")
    said = texts(scores.over_time(points([(300.4, 548.0)], mae), mae))
    assert "model 300 s" in said
    assert "naive 548 s" in said


@given(SHARES, st.none() | SHARES)
def test_nothing_that_raises_an_alarm_is_a_low_risk(probability: float, threshold: float | None) -> None:
    name, color = gauge.level(probability, threshold)
    assert color in {look.GREEN, look.AMBER, look.RED}
    if threshold is not None and probability >= threshold:
        assert name != "Low"
    assert (name == "High") == (probability >= gauge.HIGH)
    option = gauge.probability(probability, threshold)
    assert f"{probability * 100:.1f} %" in texts(option)
    assert option["series"][2]["data"] == ([] if threshold is None else [{"value": threshold * 100}])


def test_the_confusion_matrix_puts_each_count_where_it_belongs() -> None:
    option = matrix.confusion({"tp": 1, "fn": 3, "fp": 20, "tn": 80}, "Fraud")
    assert option["yAxis"]["data"] == ["was fraud", "was not fraud"]
    assert option["xAxis"]["data"] == ["said fraud", "said not fraud"]
    cells = {tuple(cell["value"][:2]): cell for cell in option["series"][0]["data"]}
    assert "{n|1}" in cells[0, 0]["label"]["formatter"]
    assert "{n|3}" in cells[1, 0]["label"]["formatter"]
    assert "{n|20}" in cells[0, 1]["label"]["formatter"]
    assert "{n|80}" in cells[1, 1]["label"]["formatter"]
    assert cells[0, 0]["value"][2] == 0.25


def test_an_empty_confusion_matrix_divides_by_nothing() -> None:
    texts(matrix.confusion({}, "Fraud"))


@given(st.lists(st.tuples(SHARES, SHARES, COUNTS), max_size=12))
def test_reliability_shows_filled_bins_only(bins: list[calibration.Bin]) -> None:
    option = calibration.reliability(bins)
    texts(option)
    assert len(option["series"][0]["data"]) == sum(n > 0 for _, _, n in bins)
    error = calibration.expected_error(bins)
    assert (error is None) == (sum(n for _, _, n in bins) == 0)
    assert error is None or 0 <= error <= 1 + 1e-9


def test_the_calibration_error_is_weighted_by_count() -> None:
    assert calibration.expected_error([(0.1, 0.2, 30), (0.5, 0.5, 10)]) == pytest.approx(0.075)


def test_residuals_of_seconds_show_as_minutes() -> None:
    option = residuals.predicted_over_true([(600.0, 660.0)], "s")
    assert option["series"][0]["data"][0]["value"] == [10.0, 11.0]
    assert "took 10.0 min, answered 11.0 min" in texts(option)
    texts(residuals.predicted_over_true([], "km"))


FOUND = [
    Segment(number=0, size=100, profile={"visits": 2.0, "spent": 10.0}),
    Segment(number=1, size=300, profile={"visits": 6.0, "spent": 10.0}),
]


def test_segments_are_told_apart_by_what_differs() -> None:
    assert segments.telling(FOUND[0], FOUND) == ["visits", "spent"]
    assert segments.spread(FOUND, "visits")[0] == 5.0
    assert segments.offset(FOUND, FOUND[0], "visits") < 0 < segments.offset(FOUND, FOUND[1], "visits")
    assert segments.offset(FOUND, FOUND[0], "spent") == 0.0
    said = texts(segments.profile_of(FOUND[0], FOUND))
    assert "2 (all 5)" in said
    assert "100  (25 %)" in texts(segments.sizes(FOUND))
    assert len(segments.profiles(FOUND)["series"][0]["data"]) == 4


def test_no_segments_make_an_empty_figure() -> None:
    for option in (segments.sizes([]), segments.profiles([])):
        texts(option)


DEGREES = st.tuples(st.floats(29.5, 30.1), st.floats(-95.8, -95.0))


@given(st.lists(DEGREES, max_size=2))
def test_the_map_shows_all_places_and_is_as_wide_as_tall(found: list[tuple[float, float]]) -> None:
    spots = [places.Spot(f"Place {n}", *place) for n, place in enumerate(found)]
    seen = places.window(spots, HOUSTON)
    for spot in spots:
        assert seen.south < spot.lat < seen.north
        assert seen.west < spot.lon < seen.east
    middle = (seen.south + seen.north) / 2
    assert (seen.east - seen.west) * cos(radians(middle)) == pytest.approx(seen.north - seen.south)
    texts(places.over_roads(spots, HOUSTON))


def test_the_map_asks_nothing_of_a_network() -> None:
    said = texts(places.over_roads([places.Spot("Here", 29.7, -95.3)], HOUSTON))
    assert "http" not in said
    assert roads.roads(HOUSTON)
    assert roads.roads(Box(0, 1, 0, 1)) == ()


@given(
    st.builds(
        ApplicationStatus,
        **dict.fromkeys(
            ("produced", "valid", "rejected", "delta_rows", "asked", "taught", "pending", "lag"),
            st.none() | COUNTS,
        ),
    )
)
def test_the_pipeline_never_shows_a_number_that_nobody_knows(came: ApplicationStatus) -> None:
    option = flow.pipeline(came)
    said = [node["label"]["formatter"] for node in option["series"][0]["data"]]
    numbers = (came.produced, came.valid, came.delta_rows, came.asked, came.taught)
    for formatter, number in zip(said, numbers, strict=True):
        assert ("{n|\N{EN DASH}}" in formatter) == (number is None)
    assert "-" not in "".join(said), "a difference of counts read at two moments is never negative"


def test_only_trouble_is_coloured() -> None:
    calm = ApplicationStatus(produced=100, valid=99, rejected=1, learner=LearnerStatus(state="live"))
    lost = ApplicationStatus(produced=100, valid=99, rejected=1, learner=LearnerStatus(state="lost"))
    refused = ApplicationStatus(produced=100, valid=50, rejected=50)
    widths = [
        [node["itemStyle"]["borderWidth"] > 0 for node in flow.pipeline(came)["series"][0]["data"]]
        for came in (calm, lost, refused)
    ]
    assert widths[0] == [False] * 5
    assert widths[1] == [False, False, False, True, True]
    assert widths[2] == [False, True, False, False, False]
