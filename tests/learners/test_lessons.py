"""Columns of many messages, held against the same messages decoded one by one."""

from __future__ import annotations

from dataclasses import fields
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Number, leaves
from core.features import features
from learners.lessons import BadEvent, Lessons, Reader, Rows, label_value, with_features
from models.columns import from_rows, microseconds
from tests.learners.streams import Lesson, Message, batch, columns, cut, lessons, messages

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)
COUNT = 400


def changed(message: Message, changes: dict[str, Any]) -> Message:
    """A message with other fields; None takes a field out, `...` makes it null."""
    event = msgspec.json.decode(message[2])
    for path, value in changes.items():
        outer, _, inner = path.partition(".")
        group, name = (event[outer], inner) if inner else (event, outer)
        if value is None:
            group.pop(name)
        else:
            group[name] = None if value is ... else value
    return message[0], message[1], msgspec.json.encode(event)


def assert_equal(one: Lessons, other: Lessons) -> None:
    for field in fields(Lessons):
        a, b = getattr(one, field.name), getattr(other, field.name)
        for name in a if field.name == "columns" else [None]:
            left, right = (a, b) if name is None else (a[name], b[name])
            assert left.dtype == right.dtype
            np.testing.assert_array_equal(left, right, err_msg=f"{field.name} {name}")


@EVERY
def test_the_label_is_apart_and_due_when_declared(application: Application) -> None:
    message = messages(application, 1)[0]
    event = msgspec.json.decode(message[2])
    reader = Reader(application)
    lesson = columns(reader, [message])
    assert application.label not in with_features(application, lesson)
    assert application.label not in reader.event(message[2])
    assert application.label not in reader.row(message[2], lesson.windowed[0])
    expected = event[application.label] if application.label else None
    assert label_value(application, lesson.truth[0]) == expected
    delay = application.label_delay
    waits = delay if isinstance(delay, timedelta) else timedelta(seconds=event[delay])
    assert lesson.due[0] - lesson.time[0] == waits / timedelta(microseconds=1)
    assert lesson.entity[0] == event[application.key]
    assert lesson.event_id[0] == event[application.identifier.name]
    assert not {"source_partition", "source_offset"} & (set(lesson.columns) | set(reader.event(message[2])))


@EVERY
def test_columns_are_those_of_the_rows(application: Application) -> None:
    log, some = messages(application, COUNT), batch(application, COUNT)
    reader = Reader(application)
    some.windowed[::3] = np.arange(len(features(application)))
    made = with_features(application, some)
    rows = [reader.row(value, some.windowed[n]) for n, (_, _, value) in enumerate(log)]
    wanted = {path: one for path, one in from_rows(application, rows).items() if path != application.label}
    assert set(made) == set(wanted)
    for path, column in wanted.items():
        assert made[path].dtype == column.dtype, path
        np.testing.assert_array_equal(made[path], column, err_msg=path)


@EVERY
def test_values_are_those_of_one_by_one(application: Application) -> None:
    plain, some = lessons(application, COUNT), batch(application, COUNT)
    reader = Reader(application)
    assert some.time.tolist() == [microseconds(one.time) for one in plain]
    assert some.due.tolist() == [microseconds(one.due) for one in plain]
    assert some.event_id.tolist() == [one.event_id for one in plain]
    assert some.entity.tolist() == [one.entity for one in plain]
    truths = [label_value(application, truth) for truth in some.truth]
    assert truths == [one.truth for one in plain]
    assert {type(one) for one in truths} == {type(one.truth) for one in plain}
    assert [reader.event(value) for value in some.payload] == [one.event for one in plain]
    assert [reader.row(value, some.windowed[0]) for value in some.payload] == [one.x for one in plain]


def test_truths_are_numbers_by_task() -> None:
    for application in APPLICATIONS.values():
        truth = batch(application, COUNT).truth
        match application.task:
            case Classification():
                assert set(truth.tolist()) == {0.0, 1.0}
            case Clustering():
                assert np.isnan(truth).all()
            case _:
                assert np.isfinite(truth).all()


@EVERY
def test_however_many_are_read_at_once(application: Application) -> None:
    log, whole = messages(application, 60), batch(application, 60)
    reader = Reader(application)
    assert_equal(Lessons.joined([columns(reader, [one]) for one in log]), whole)
    assert_equal(Lessons.joined([reader.none(), *cut(whole, [7, 8, 40]), reader.none()]), whole)
    assert len(reader.none()) == 0


@EVERY
def test_nulls_and_unknown_values_are_columns_too(application: Application) -> None:
    reader, log = Reader(application), messages(application, 3)
    needed = {application.event_time.name, application.identifier.name, application.key, application.label}
    delay = application.label_delay
    for path in set(with_features(application, reader.none())) - needed - {delay}:
        if path in {one.name for one in features(application)}:
            continue
        for value in (None, ...):
            bad = changed(log[1], {path: value})
            made = columns(reader, [log[0], bad, log[2]]).columns[path]
            row = reader.row(bad[2], np.full(len(features(application)), np.nan))
            np.testing.assert_array_equal(made[1:2], from_rows(application, [row])[path], err_msg=path)


@EVERY
def test_bad_messages_are_named_not_guessed(application: Application) -> None:
    reader, good = Reader(application), messages(application, 1)[0]
    text = good[2]
    for value in (
        b"",
        b" ",
        b"{",
        b"[]",
        b"7",
        b"null",
        b"\xff",
        text[:-20],
        text + text,
        text + b"\n" + text,
    ):
        with pytest.raises(BadEvent):
            columns(reader, [(0, 0, value)])
    for name in (application.event_time.name, application.identifier.name, application.key, "source_offset"):
        for nothing in (None, ...):
            with pytest.raises(BadEvent, match=name):
                columns(reader, [changed(good, {name: nothing})])
    for needed in (application.label, application.label_delay):
        if isinstance(needed, str):
            with pytest.raises(BadEvent, match=needed):
                columns(reader, [changed(good, {needed: None})])
    for changes in ({application.event_time.name: "yesterday"}, {"never declared": 1}):
        with pytest.raises(BadEvent):
            columns(reader, [changed(good, changes)])


@EVERY
def test_what_is_read_can_be_decoded_by_itself(application: Application) -> None:
    """No model that takes rows one by one, and no screen, may meet a message that it can't decode."""
    reader, good = Reader(application), messages(application, 1)[0]
    for path, leaf in leaves(application):
        if path == application.label:
            continue
        damages = [b"NaN", b"Infinity", b"-Infinity"] if isinstance(leaf, Number) else [b'"\xff\xfe"']
        for damage in damages:
            marked = changed(good, {path: "mark"})
            value = marked[2].replace(b'"mark"', damage)
            assert value != marked[2]
            with pytest.raises(BadEvent):
                columns(reader, [good, (0, 0, value)])


DAMAGES = [b"", b"{}", b"{", b"[]", b"\n", b"null", b"twice", b"cut"]


@given(st.lists(st.one_of(st.none(), st.sampled_from(DAMAGES)), min_size=1, max_size=12))
def test_a_batch_is_bad_when_one_of_it_is(damages: list[bytes | None]) -> None:
    application = APPLICATIONS["tfd"]
    reader, log = Reader(application), messages(application, 12)
    some = []
    for (partition, offset, value), damage in zip(log, damages, strict=False):
        known = {b"twice": value + value, b"cut": value[:-9], None: value}
        some.append((partition, offset, known.get(damage, damage or b"")))
    if any(damage is not None for damage in damages):
        with pytest.raises(BadEvent):
            columns(reader, some)
    else:
        assert len(columns(reader, some)) == len(some)


def named(stream: list[Lesson]) -> list[str]:
    return [one.event_id for one in stream]


@EVERY
def test_rows_are_made_when_they_are_called_for_and_not_kept(application: Application) -> None:
    reader, some = Reader(application), batch(application, 5)
    some.windowed[2] = np.arange(len(features(application)))
    rows = Rows(reader, some)
    late = rows[2]
    made = late()
    assert made == reader.row(some.payload[2], some.windowed[2])
    assert rows[2]() is made, "once for all models of a step"
    reader.forget()
    assert late() is not made
    assert late() == made


def test_taking_rows_keeps_their_order() -> None:
    application = APPLICATIONS["eta"]
    some, plain = batch(application, 30), lessons(application, 30)
    taken = some.take(np.array([20, 3, 3, 29]))
    assert taken.event_id.tolist() == named([plain[20], plain[3], plain[3], plain[29]])
    assert len(taken) == 4
    assert all(len(column) == 4 for column in taken.columns.values())
