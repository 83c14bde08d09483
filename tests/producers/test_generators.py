"""The contract of every registered generator."""

from __future__ import annotations

import json
from datetime import timedelta, timezone
from typing import Any

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application, Entity
from core.validation import Check, event_type
from producers.registry import GENERATORS, generator
from tests.producers.streams import MONDAY, stream

EVENTS = 3000
GAP_S = 0.1

applications = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))


def test_every_application_has_a_generator() -> None:
    assert GENERATORS.keys() == APPLICATIONS.keys()


def test_an_unknown_application_is_refused_with_the_names_there_are() -> None:
    with pytest.raises(KeyError, match="'nope'.*" + ".*".join(APPLICATIONS)):
        generator("nope", 1)


@applications
def test_every_event_passes_the_check_whole(application: Application) -> None:
    check = Check(application)
    declared = {field.name for field in application.fields}
    for event in stream(application.name, EVENTS, GAP_S)[0]:
        assert event.keys() == declared
        check.encode(event, MONDAY + timedelta(days=1))


@pytest.mark.parametrize("application", [one for one in APPLICATIONS.values() if one.label])
def test_the_label_is_there_and_takes_different_values(application: Application) -> None:
    events = stream(application.name, EVENTS, GAP_S)[0]
    assert len({event[application.label or ""] for event in events}) > 1


@applications
def test_the_truth_stays_out_of_the_event(application: Application) -> None:
    events, truths = stream(application.name, EVENTS, GAP_S)
    assert all(truths)
    for event, truth in zip(events, truths, strict=True):
        assert not truth.keys() & event.keys()


@applications
def test_the_same_seed_gives_the_same_stream(application: Application) -> None:
    once = stream(application.name, 500, GAP_S)
    again = stream.__wrapped__(application.name, 500, GAP_S)
    assert once == again


@applications
def test_another_seed_or_stretch_gives_other_events(application: Application) -> None:
    events = stream(application.name, 500, GAP_S)[0]
    for seed, stretch in ((43, 0), (42, 1)):
        other = stream(application.name, 500, GAP_S, seed, stretch)[0]
        assert not any(a == b for a, b in zip(events, other, strict=True))


@applications
def test_identifiers_are_unique_across_stretches(application: Application) -> None:
    name = application.identifier.name
    both = [stream(application.name, EVENTS, GAP_S, 42, stretch)[0] for stretch in (0, 1)]
    identifiers = [event[name] for events in both for event in events]
    assert len(set(identifiers)) == 2 * EVENTS


@applications
def test_the_population_is_the_same_after_a_restart(application: Application) -> None:
    """Whoever is met in two stretches is the same: here, by all that is fixed per key."""
    first, second = (_portraits(application, stretch) for stretch in (0, 1))
    known = first.keys() & second.keys()
    assert len(known) > 100
    assert all(first[key] == second[key] for key in known)


def _portraits(application: Application, stretch: int) -> dict[str, Any]:
    """Per key, what the generators fix for good."""
    fixed = ("driver_rating", "vehicle_id", "vehicle_type", "account_age_days")
    events, truths = stream(application.name, EVENTS, GAP_S, 42, stretch)
    return {
        event[application.key]: [event.get(name) for name in fixed] + [truth.get("persona")]
        for event, truth in zip(events, truths, strict=True)
    }


@applications
def test_another_seed_is_another_population(application: Application) -> None:
    keys = [_keys(application, seed) for seed in (42, 43)]
    assert keys[0] != keys[1]


def _keys(application: Application, seed: int) -> list[str]:
    return [event[application.key] for event in stream(application.name, 500, GAP_S, seed)[0]]


@applications
def test_keys_come_back(application: Application) -> None:
    events = stream(application.name, EVENTS, GAP_S)[0]
    assert len({event[application.key] for event in events}) < 0.8 * EVENTS


@applications
def test_events_share_no_parts(application: Application) -> None:
    """Whoever changes an event must not change the next one."""
    source = generator(application.name, 1)
    events = [source.next(MONDAY + timedelta(seconds=n)) for n in range(300)]
    before = [json.dumps(event) for event in events]
    for event in events[:-1]:
        for value in event.values():
            if isinstance(value, dict):
                value.clear()
    assert json.dumps(events[-1]) == before[-1]
    Check(application).encode(source.next(MONDAY + timedelta(seconds=300)), MONDAY + timedelta(days=1))


@applications
def test_the_time_is_told_as_given(application: Application) -> None:
    source = generator(application.name, 1)
    moment = MONDAY + timedelta(microseconds=123)
    name = application.event_time.name
    told = Check(application).encode(source.next(moment), moment)
    assert told.time == moment
    assert source.next(moment)[name].endswith("+00:00"), "the same moment twice is fine"


@applications
def test_times_must_be_utc_and_ascend(application: Application) -> None:
    source = generator(application.name, 1)
    with pytest.raises(ValueError, match="not UTC"):
        source.next(MONDAY.replace(tzinfo=None))
    with pytest.raises(ValueError, match="not UTC"):
        source.next(MONDAY.astimezone(timezone(timedelta(hours=2))))
    source.next(MONDAY)
    with pytest.raises(ValueError, match="before the last one"):
        source.next(MONDAY - timedelta(microseconds=1))


@applications
def test_a_jump_in_time_is_taken(application: Application) -> None:
    source = generator(application.name, 1)
    check = Check(application)
    time = MONDAY
    for days in (0, 0, 30, 2000, 20_000):
        time += timedelta(days=days)
        for n in range(50):
            check.encode(source.next(time + timedelta(seconds=n)), time + timedelta(days=1))
        time += timedelta(seconds=50)


@applications
def test_entities_look_like_their_examples(application: Application) -> None:
    events = stream(application.name, EVENTS, GAP_S)[0]
    for field in application.fields:
        if isinstance(field, Entity) and field.examples:
            assert {event[field.name] for event in events} <= set(field.examples)


def test_declared_fields_are_those_of_the_struct() -> None:
    """Guards this suite: the struct that the check decodes has the names compared above."""
    for application in APPLICATIONS.values():
        assert set(event_type(application).__struct_fields__) == {field.name for field in application.fields}
