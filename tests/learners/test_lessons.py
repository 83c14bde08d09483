from __future__ import annotations

from datetime import timedelta

import msgspec
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from learners.lessons import BadEvent, Reader
from tests.learners.streams import messages

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


@EVERY
def test_the_label_is_apart_and_due_when_declared(application: Application) -> None:
    partition, offset, value = messages(application, 1)[0]
    event = msgspec.json.decode(value)
    lesson = Reader(application)(partition, offset, value)
    assert application.label not in lesson.x
    assert application.label not in lesson.event
    assert lesson.truth == (event[application.label] if application.label else None)
    delay = application.label_delay
    expected = delay if isinstance(delay, timedelta) else timedelta(seconds=event[delay])
    assert lesson.due - lesson.time == expected
    assert lesson.entity == event[application.key]
    assert lesson.event_id == event[application.identifier.name]
    assert not {"source_partition", "source_offset"} & set(lesson.x)


@EVERY
def test_bad_messages_are_named_not_guessed(application: Application) -> None:
    read = Reader(application)
    good = messages(application, 1)[0][2]
    event = msgspec.json.decode(good)
    for value in (None, b"", b"{", b"[]", b"7", b"null", b"\xff", good[:-20]):
        with pytest.raises(BadEvent):
            read(0, 0, value)
    for name in (application.event_time.name, application.identifier.name, application.key, "source_offset"):
        with pytest.raises(BadEvent, match=name):
            read(0, 0, msgspec.json.encode({k: v for k, v in event.items() if k != name}))
    with pytest.raises(BadEvent):
        read(0, 0, msgspec.json.encode(event | {application.event_time.name: "yesterday"}))
