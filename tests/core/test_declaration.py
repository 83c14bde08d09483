"""A declaration that contradicts itself is refused with everything that is wrong."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from core.applications.eta import ETA
from core.declaration import Category, Classification, EventTime, Flag, Number, leaves


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
