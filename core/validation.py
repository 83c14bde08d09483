"""The one check that decides whether an event is accepted, derived from its declaration.

    key, value (bytes) -> Check -> Accepted(canonical JSON) | Rejected(reason, field, detail)

Producers, the Flink job `ingest` and the HTTP API call the same `Check`. It never raises on bad input:
an exception inside a Flink map would restart the job, meet the same message and loop for ever.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any, Literal

import msgspec

from core.declaration import (
    Application,
    Category,
    Entity,
    EventTime,
    Field,
    Flag,
    Group,
    Identifier,
    Number,
    Place,
    Text,
)
from core.names import SOURCE_OFFSET, SOURCE_PARTITION

AHEAD = timedelta(minutes=5)
"""How far the clock of a producer may be ahead of ours."""

LONGEST_NAME = 200
"""Characters of an identifier, an entity or a value of an open vocabulary."""


class Reason(StrEnum):
    """Why an event is refused."""

    EMPTY = "empty"
    NOT_UTF8 = "not_utf8"
    MALFORMED_JSON = "malformed_json"
    NOT_FINITE = "not_finite"
    MISSING_FIELD = "missing_field"
    UNKNOWN_FIELD = "unknown_field"
    WRONG_TYPE = "wrong_type"
    OUT_OF_RANGE = "out_of_range"
    UNKNOWN_VALUE = "unknown_value"
    BAD_TIME = "bad_time"
    FUTURE_TIME = "future_time"
    MISSING_KEY = "missing_key"
    WRONG_KEY = "wrong_key"


@dataclass(frozen=True, slots=True)
class Accepted:
    """A sound event: its key, its time, and itself in canonical JSON (declared order, UTC)."""

    key: str
    time: datetime
    body: bytes


@dataclass(frozen=True, slots=True)
class Rejected:
    """What is wrong: `field` is the dotted path, empty where the whole message is meant."""

    reason: Reason
    field: str
    detail: str


class InvalidEvent(ValueError):
    """Raised where a program, not a stream, hands over a bad event."""

    def __init__(self, rejected: Rejected) -> None:
        super().__init__(f"{rejected.field or 'event'}: {rejected.detail} ({rejected.reason})")
        self.rejected = rejected


def field_type(field: Field) -> Any:
    """The annotated type that msgspec checks for a declared field."""
    match field:
        case Identifier() | Entity():
            kind: Any = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
        case EventTime():
            kind = Annotated[datetime, msgspec.Meta(tz=True)]
        case Number(low=low, high=high, integer=integer):
            kind = Annotated[int if integer else float, msgspec.Meta(ge=low, le=high)]
        case Category(open=True):
            kind = Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST_NAME)]
        case Category(values=values):
            kind = Literal[values]
        case Flag():
            kind = bool
        case Text(longest=longest):
            kind = Annotated[str, msgspec.Meta(max_length=longest)]
        case Place(name=name, fields=fields) | Group(name=name, fields=fields):
            kind = _struct(name, [(inner.name, field_type(inner)) for inner in fields])
    return kind | None if field.nullable else kind


def event_type(application: Application) -> type[msgspec.Struct]:
    """The struct of a whole event: every declared field, and no other."""
    return _struct(application.name, [(f.name, field_type(f)) for f in application.fields])


def request_type(application: Application) -> type[msgspec.Struct]:
    """The struct of an event about which a model is asked.

    The label does not exist yet; identifier and time may be left out (a fresh one, and now).
    """
    fields: list[Any] = []
    for field in application.fields:
        if field.name == application.label:
            continue
        if isinstance(field, Identifier | EventTime):
            fields.append((field.name, field_type(field) | None, None))
        else:
            fields.append((field.name, field_type(field)))
    return _struct(f"{application.name}_request", fields)


def _struct(name: str, fields: list[Any]) -> type[msgspec.Struct]:
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True)


class Check:
    """Checks the events of one application; build it once, call it per message."""

    def __init__(self, application: Application) -> None:
        self._key = application.key
        self._time = application.event_time.name
        self._type = event_type(application)
        self._decoder = msgspec.json.Decoder(self._type)
        self._encode = msgspec.json.Encoder().encode

    def __call__(self, key: bytes | None, value: bytes | None, now: datetime) -> Accepted | Rejected:
        """Whether a message is accepted; `now` (UTC) is our clock. Takes about three microseconds."""
        if not value:
            return Rejected(Reason.EMPTY, "", "the message has no bytes")
        try:
            event = self._decoder.decode(value)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            return _explain(value, error)
        return self._accept(event, key, now)

    def _accept(self, event: msgspec.Struct, key: bytes | None, now: datetime) -> Accepted | Rejected:
        time: datetime = getattr(event, self._time)
        if time > now + AHEAD:
            return Rejected(Reason.FUTURE_TIME, self._time, f"{time.isoformat()} is after {now.isoformat()}")
        owner: str = getattr(event, self._key)
        if not key:
            return Rejected(Reason.MISSING_KEY, self._key, "the message has no key")
        if key != owner.encode():
            shown = key[:LONGEST_NAME].decode(errors="replace")
            return Rejected(
                Reason.WRONG_KEY, self._key, f"the message's key is {shown!r}, the event's {owner!r}"
            )
        try:
            utc = time.astimezone(UTC)
        except OverflowError:
            return Rejected(Reason.BAD_TIME, self._time, f"{time.isoformat()} has no UTC form")
        if utc is not time:
            setattr(event, self._time, utc)
        return Accepted(owner, utc, self._encode(event))

    def encode(self, event: Mapping[str, Any], now: datetime) -> Accepted:
        """A program's own event, checked and in canonical JSON; raises InvalidEvent."""
        owner = event.get(self._key)
        key = owner.encode() if isinstance(owner, str) else None
        result = self(key, msgspec.json.encode(event), now)
        if isinstance(result, Rejected):
            raise InvalidEvent(result)
        return result


def with_source(body: bytes, partition: int, offset: int) -> bytes:
    """A canonical event with its source partition and offset added at the end."""
    return b'%b,"%b":%d,"%b":%d}' % (body[:-1], _PARTITION, partition, _OFFSET, offset)


_PARTITION = SOURCE_PARTITION.encode()
_OFFSET = SOURCE_OFFSET.encode()


# msgspec says what is wrong in a sentence; these turn the sentence into a reason.
_SENTENCES: tuple[tuple[str, Reason], ...] = (
    ("missing required field", Reason.MISSING_FIELD),
    ("unknown field", Reason.UNKNOWN_FIELD),
    ("Invalid enum value", Reason.UNKNOWN_VALUE),
    ("Invalid RFC3339", Reason.BAD_TIME),
    ("with a timezone component", Reason.BAD_TIME),
    ("Timestamp is out of range", Reason.BAD_TIME),
    ("out of range", Reason.OUT_OF_RANGE),
    (" >= ", Reason.OUT_OF_RANGE),
    (" <= ", Reason.OUT_OF_RANGE),
    ("of length", Reason.OUT_OF_RANGE),
)

_WHERE = re.compile(r" - at `\$\.?(?P<path>[^`]*)`$")
_NAMED = re.compile(r"(?:required|unknown) field `(?P<name>[^`]*)`")


def explain(error: Exception) -> Rejected:
    """The reason, field and detail behind an error of msgspec's typed conversion."""
    text = str(error)
    where = _WHERE.search(text)
    path = where["path"] if where else ""
    detail = _WHERE.sub("", text)
    named = _NAMED.search(text)
    if named:
        path = f"{path}.{named['name']}" if path else named["name"]
    reason = next((r for part, r in _SENTENCES if part in detail), Reason.WRONG_TYPE)
    return Rejected(reason, path, detail)


def _explain(value: bytes, error: Exception) -> Rejected:
    """Why bytes that msgspec refused are not an event. Slow, and only met on bad messages."""
    if isinstance(error, msgspec.ValidationError):
        return explain(error)
    try:
        text = value.decode()
    except UnicodeDecodeError as bad:
        return Rejected(Reason.NOT_UTF8, "", f"byte {bad.start} is not UTF-8")
    # Python's own reader takes NaN and Infinity, which JSON does not have: it can say where they stand.
    try:
        path = _not_finite(json.loads(text), "")
    except (ValueError, RecursionError):
        path = None
    if path is not None:
        return Rejected(Reason.NOT_FINITE, path, "NaN and infinite numbers are refused")
    return Rejected(Reason.MALFORMED_JSON, "", str(error))


def _not_finite(value: Any, path: str) -> str | None:
    """The path of the first number that is NaN or infinite, or None."""
    if isinstance(value, float) and not math.isfinite(value):
        return path
    children: Any = ()
    if isinstance(value, dict):
        children = ((f"{path}.{key}" if path else key, child) for key, child in value.items())
    elif isinstance(value, list):
        children = ((f"{path}[{n}]", child) for n, child in enumerate(value))
    return next((found for p, child in children if (found := _not_finite(child, p)) is not None), None)
