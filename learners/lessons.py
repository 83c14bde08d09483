"""From a message of the valid topic to a lesson: the row that a model sees, and apart from it the label.

bytes -> JSON -> Lesson(time, due, row without label, truth)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import msgspec

from core.declaration import Application
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from models.base import Row, row


class BadEvent(ValueError):
    """A message that can't become a lesson; the text says what is wrong with it."""


@dataclass(slots=True)
class Lesson:
    """One event: `x` is what a model may see at `time`, `truth` what it may see from `due` on."""

    partition: int
    offset: int
    """Where it lies in the valid topic."""
    source_partition: int
    source_offset: int
    """Where it lay in the events topic: its identity."""
    time: datetime
    due: datetime
    event_id: str
    entity: str
    event: dict[str, Any]
    """As it came, without label and source fields."""
    x: Row
    truth: Any


class Reader:
    """Reads the messages of one application."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._decode = msgspec.json.Decoder().decode
        self._time = application.event_time.name
        self._id = application.identifier.name
        self._key = application.key
        self._label = application.label
        self._delay = _delay(application.label_delay)

    def __call__(self, partition: int, offset: int, value: bytes | None) -> Lesson:
        """The lesson in a message's value; raises BadEvent."""
        try:
            event = self._decode(value or b"")
            delay = self._delay(event)
            source_partition, source_offset = event.pop(SOURCE_PARTITION), event.pop(SOURCE_OFFSET)
            truth = event.pop(self._label) if self._label else None
            time = datetime.fromisoformat(event[self._time])
            return Lesson(
                partition=partition,
                offset=offset,
                source_partition=source_partition,
                source_offset=source_offset,
                time=time,
                due=time + delay,
                event_id=event[self._id],
                entity=event[self._key],
                event=event,
                x=row(self._application, event),
                truth=truth,
            )
        except KeyError as error:
            raise BadEvent(f"the event has no field {error}") from None
        except (msgspec.DecodeError, TypeError, ValueError, OverflowError, AttributeError) as error:
            raise BadEvent(f"the message is no event: {error}") from None


def _delay(declared: timedelta | str) -> Callable[[dict[str, Any]], timedelta]:
    """How long after an event its label is known: a span, or the seconds in a field of the event."""
    if isinstance(declared, timedelta):
        return lambda _: declared
    return lambda event: timedelta(seconds=event[declared])
