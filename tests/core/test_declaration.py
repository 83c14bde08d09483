"""A declaration that contradicts itself is refused with everything that is wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.applications.eta import ETA
from core.declaration import Category, Classification, EventTime, Flag, Number, leaves
from core.features import features
from core.windows import Count, DistanceFromLast, Distinct, Max, Mean, Share, SinceLast, Sum, Window


def changed(**changes: Any) -> None:
    replace(ETA, **changes)


def test_a_field_declared_twice_is_named() -> None:
    with pytest.raises(ValueError, match="'weather' is declared twice"):
        changed(fields=(*ETA.fields, Flag("weather")))


def test_exactly_one_event_time() -> None:
    with pytest.raises(ValueError, match="exactly one EventTime field, has 2"):
        changed(fields=(*ETA.fields, EventTime("later")))


def test_the_key_is_an_entity() -> None:
    with pytest.raises(ValueError, match="key 'weather' is not one of its Entity fields"):
        changed(key="weather")


def test_the_label_has_the_kind_of_the_task() -> None:
    with pytest.raises(ValueError, match="'weather' is not one of its Flag fields"):
        changed(task=Classification(label="weather"))


def test_the_delay_names_a_number() -> None:
    with pytest.raises(ValueError, match="'nothing' is not one of its Number fields"):
        changed(label_delay="nothing")


def test_a_form_range_lies_in_the_range() -> None:
    with pytest.raises(ValueError, match=r"'speed': form range \(0, 9\) is not inside \[1, 5\]"):
        changed(fields=(*ETA.fields, Number("speed", 1, 5, form=(0, 9))))


def test_every_problem_is_told_at_once() -> None:
    with pytest.raises(ValueError, match=r"key.*needs at least one online model"):
        changed(key="nobody", online=())


def test_a_constant_delay_is_a_span() -> None:
    assert replace(ETA, label_delay=timedelta(minutes=1)).label_delay == timedelta(minutes=1)


def test_leaves_have_dotted_paths() -> None:
    found = dict(leaves(ETA))
    assert isinstance(found["origin.lat"], Number)
    assert isinstance(found["weather"], Category)
    assert "origin" not in found


def test_an_unknown_field_is_told_with_those_there_are() -> None:
    assert ETA.field("weather").name == "weather"
    with pytest.raises(KeyError, match=r"no field 'wether'; it has trip_id"):
        ETA.field("wether")


def windowed(*windows: Any) -> None:
    replace(ETA, windows=windows)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("window", "problem"),
    [
        (Window("weather", HOUR, (Count(),)), "window by 'weather': not one of its Entity fields"),
        (Window("driver_id", HOUR, ()), "takes nothing"),
        (Window("driver_id", timedelta(seconds=0.5), (Count(),)), "not a number of whole seconds"),
        (Window("driver_id", timedelta(days=1000), (Count(),)), "longer than 365 days"),
        (Window("driver_id", HOUR, (Sum("weather"),)), r"Sum\('weather'\): not one of its Number fields"),
        (Window("driver_id", HOUR, (Distinct("driver_rating"),)), "Entity or Category fields"),
        (Window("driver_id", HOUR, (Share("weather", "Snow"),)), "'Snow' is not one of its values"),
        (Window("driver_id", HOUR, (Mean(ETA.label or ""),)), "the label is not known when a model is asked"),
        (Window("driver_id", HOUR, (Count(), Count())), "feature 'driver_id_1h_count' is declared twice"),
        (SinceLast("vehicle_id"), "order is kept for the key only"),
        (DistanceFromLast("driver_id", "weather"), "'weather': not one of its Place fields"),
    ],
)
def test_a_window_that_can_not_be_is_refused(window: Any, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        windowed(window)


def test_features_are_named_after_what_they_take() -> None:
    take = (Count(), Sum("estimated_distance_km"), Max("driver_rating"), Share("weather", "Heavy Rain"))
    application = replace(
        ETA,
        windows=(
            Window("driver_id", timedelta(minutes=90), take),
            Window("driver_id", timedelta(seconds=45), (Distinct("vehicle_id"), Mean("driver_rating"))),
            SinceLast("driver_id"),
            DistanceFromLast("driver_id", "origin"),
        ),
    )
    found = {one.name: (one.unit, one.integer) for one in features(application)}
    assert found == {
        "driver_id_90m_count": ("", True),
        "driver_id_90m_sum_estimated_distance_km": ("km", False),
        "driver_id_90m_max_driver_rating": ("stars", False),
        "driver_id_90m_share_weather_heavy_rain": ("", False),
        "driver_id_45s_distinct_vehicle_id": ("", True),
        "driver_id_45s_mean_driver_rating": ("stars", False),
        "driver_id_since_last_s": ("s", False),
        "driver_id_km_from_last": ("km", False),
    }
    assert all(one.help for one in features(application))


def test_nothing_is_remembered_where_nothing_is_declared() -> None:
    assert features(replace(ETA, windows=())) == ()
