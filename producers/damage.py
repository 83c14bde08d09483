"""Messages that are damaged on purpose: one way for each reason for which the check refuses a message.

    damage(reason, application, key, value) -> (key, value) that is refused for that reason

The damage is derived from the declaration, so it fits any application.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

from core.declaration import Application, Category, Leaf, Number, leaves
from core.validation import Reason

Message = tuple[bytes | None, bytes | None]
"""Key and value, as the broker takes them."""

AHEAD = timedelta(days=1)

STRANGER = "someone-else"
NEW_VALUE = "never-declared"
NEW_FIELD = "never_declared"


def reasons(application: Application) -> tuple[Reason, ...]:
    """The reasons for which a message of the application can be made to be refused."""
    return tuple(reason for reason in Reason if reason not in _NEEDS or _leaf(application, _NEEDS[reason]))


def field(reason: Reason, application: Application) -> str:
    """The dotted path that the check names for this damage; empty where it means the whole message."""
    if reason in _NEEDS:
        return _target(application, reason)[0]
    match reason:
        case Reason.MISSING_FIELD:
            return application.identifier.name
        case Reason.UNKNOWN_FIELD:
            return NEW_FIELD
        case Reason.BAD_TIME | Reason.FUTURE_TIME:
            return application.event_time.name
        case Reason.MISSING_KEY | Reason.WRONG_KEY:
            return application.key
    return ""


def damage(
    reason: Reason, application: Application, key: bytes, value: bytes, now: datetime | None = None
) -> Message:
    """The sound message (key, value) made unsound in one way.

    now: what a timestamp a day ahead is ahead of; without it, the event's own time. Raises ValueError
    where the declaration has no field that can be damaged so; `reasons` lists what is possible.
    """
    if reason in _ENVELOPE:
        return _ENVELOPE[reason](key, value)
    event = json.loads(value)
    time = application.event_time.name
    match reason:
        case Reason.MISSING_FIELD:
            del event[application.identifier.name]
        case Reason.UNKNOWN_FIELD:
            event[NEW_FIELD] = 1
        case Reason.BAD_TIME:
            event[time] = "yesterday"
        case Reason.FUTURE_TIME:
            event[time] = ((now or datetime.fromisoformat(event[time])) + AHEAD).isoformat()
        case _:
            path, leaf = _target(application, reason)
            _put(event, path, _BAD_VALUE[reason](leaf))
    return key, json.dumps(event).encode()


def some(rng: Random, application: Application, key: bytes, value: bytes, now: datetime) -> Message:
    """The message damaged in a way drawn at random."""
    return damage(rng.choice(reasons(application)), application, key, value, now)


# What needs no look inside the value.
_ENVELOPE: dict[Reason, Callable[[bytes, bytes], Message]] = {
    Reason.EMPTY: lambda key, value: (key, b""),
    Reason.NOT_UTF8: lambda key, value: (key, value.replace(b':"', b':"\xe9', 1)),
    Reason.MALFORMED_JSON: lambda key, value: (key, value[: len(value) // 2]),
    Reason.MISSING_KEY: lambda key, value: (None, value),
    Reason.WRONG_KEY: lambda key, value: (STRANGER.encode(), value),
}

_NEEDS: dict[Reason, type[Number] | type[Category]] = {
    Reason.WRONG_TYPE: Number,
    Reason.NOT_FINITE: Number,
    Reason.OUT_OF_RANGE: Number,
    Reason.UNKNOWN_VALUE: Category,
}
"""The kind of field whose value is replaced."""

_BAD_VALUE: dict[Reason, Callable[[Any], Any]] = {
    Reason.WRONG_TYPE: lambda leaf: str(leaf.low),
    Reason.NOT_FINITE: lambda leaf: float("nan"),
    Reason.OUT_OF_RANGE: lambda leaf: type(leaf.high)(leaf.high + 1),
    Reason.UNKNOWN_VALUE: lambda leaf: NEW_VALUE,
}


def _target(application: Application, reason: Reason) -> tuple[str, Leaf]:
    found = _leaf(application, _NEEDS[reason])
    if found is None:
        possible = ", ".join(reasons(application))
        raise ValueError(f"{application.name} has no field to damage for {reason!r}; possible: {possible}")
    return found


def _leaf(application: Application, kind: type[Number] | type[Category]) -> tuple[str, Leaf] | None:
    """The first field of a kind; a vocabulary must be closed, for an open one takes new values."""
    for path, leaf in leaves(application):
        if isinstance(leaf, kind) and not (isinstance(leaf, Category) and leaf.open):
            return path, leaf
    return None


def _put(event: dict[str, Any], path: str, value: Any) -> None:
    """Sets the value at a dotted path."""
    outer, _, inner = path.partition(".")
    if inner:
        event[outer][inner] = value
    else:
        event[outer] = value
