"""What can be done to a stream on purpose, for a while: the vocabulary, and the state that all parts share.

    switch(redis, app, scenario) -> names.scenario_key     what holds now, read by the producer
                                 -> names.scenario_log_key what held when, read by whoever judges detection

A scenario is a pure function of time: `conditions(scenario, time)` tells what holds at a moment. It ends by
itself, so a producer that loses sight of Redis still comes back to normal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import msgspec

from core import names

if TYPE_CHECKING:
    from redis import Redis

LOG_LENGTH = 1000
"""Entries that the log of one application keeps."""

LONGEST = timedelta(days=7)
DEFAULT_MINUTES = 10.0


class Name(StrEnum):
    """The scenarios."""

    NORMAL = "normal"
    MODERATE_DRIFT = "moderate_drift"
    GRADUAL = "gradual"
    SUDDEN = "sudden"
    BURST = "burst"
    STRESS = "stress"
    LABEL_NOISE = "label_noise"
    MISSING_VALUES = "missing_values"
    MALFORMED = "malformed"


@dataclass(frozen=True, slots=True)
class Kind:
    """What a scenario does, and what its strength means: `default`, within [low, high]."""

    help: str
    meaning: str
    default: float
    low: float
    high: float


_SHIFT = "how far the world moves, 1 is all the way"
_SHARE = "share of the events"
_RATE = "events come this many times as fast"

KINDS: Mapping[Name, Kind] = {
    Name.NORMAL: Kind("Nothing is done to the stream.", "none", 0, 0, 0),
    Name.MODERATE_DRIFT: Kind("The world is somewhat different from start to end.", _SHIFT, 0.4, 0, 1),
    Name.GRADUAL: Kind("The world changes evenly from start to end, then is as before.", _SHIFT, 1, 0, 1),
    Name.SUDDEN: Kind("The world is different at once, until the end.", _SHIFT, 1, 0, 1),
    Name.BURST: Kind("Events come faster for a while.", _RATE, 5, 1, 50),
    Name.STRESS: Kind("Events come as fast as under a load test.", _RATE, 20, 1, 200),
    Name.LABEL_NOISE: Kind("Some labels are wrong.", _SHARE, 0.1, 0, 1),
    Name.MISSING_VALUES: Kind(
        "Some events lack a value: null where allowed, or no field.", _SHARE, 0.1, 0, 1
    ),
    Name.MALFORMED: Kind("Some messages are damaged and refused.", _SHARE, 0.1, 0, 1),
}


class Scenario(msgspec.Struct, frozen=True, kw_only=True):
    """One scenario from `start` up to `end`, both UTC."""

    name: Name
    start: datetime
    end: datetime
    strength: float


class Logged(msgspec.Struct, frozen=True, kw_only=True):
    """A scenario as it really held: its end is where another one took its place, if that was earlier."""

    id: str
    scenario: Scenario


@dataclass(frozen=True, slots=True)
class Conditions:
    """What holds at one moment."""

    shift: float = 0.0
    """How far the world has moved: 0 is the usual one, 1 all the way."""
    rate: float = 1.0
    """Events come this many times as fast."""
    label_noise: float = 0.0
    missing_values: float = 0.0
    malformed: float = 0.0
    """Shares of the events."""


NORMAL = Conditions()


def planned(
    name: str,
    *,
    start: datetime,
    minutes: float | None = None,
    end: datetime | None = None,
    strength: float | None = None,
) -> Scenario:
    """A scenario of that name, ten minutes long where no end is given.

    Raises ValueError that names what can't be and what is allowed.
    """
    if name not in KINDS:
        raise ValueError(f"name: no scenario {name!r}; there are {', '.join(Name)}")
    kind = KINDS[Name(name)]
    if minutes is not None and end is not None:
        raise ValueError("minutes: give minutes or end, not both")
    minutes = DEFAULT_MINUTES if minutes is None else minutes
    if not 0 < minutes <= LONGEST / timedelta(minutes=1):
        raise ValueError(
            f"minutes: {minutes} must lie above 0 and up to {LONGEST / timedelta(minutes=1):.0f}"
        )
    if end is None:
        end = start + timedelta(minutes=minutes)
    for field, moment in (("start", start), ("end", end)):
        if moment.tzinfo is None:
            raise ValueError(f"{field}: {moment.isoformat()} has no offset from UTC")
    if not timedelta(0) < end - start <= LONGEST:
        raise ValueError(f"end: {end.isoformat()} must be after the start, by at most {LONGEST.days} days")
    strength = kind.default if strength is None else strength
    if not kind.low <= strength <= kind.high:
        raise ValueError(f"strength: {strength} of {name} must lie in {kind.low}..{kind.high}")
    return Scenario(
        name=Name(name), start=start.astimezone(UTC), end=end.astimezone(UTC), strength=float(strength)
    )


def conditions(scenario: Scenario | None, time: datetime) -> Conditions:
    """What holds at `time` under a scenario; the usual before its start and from its end on."""
    if scenario is None or not scenario.start <= time < scenario.end:
        return NORMAL
    strength = scenario.strength
    match scenario.name:
        case Name.MODERATE_DRIFT | Name.SUDDEN:
            return Conditions(shift=strength)
        case Name.GRADUAL:
            return Conditions(shift=strength * ((time - scenario.start) / (scenario.end - scenario.start)))
        case Name.BURST | Name.STRESS:
            return Conditions(rate=strength)
        case Name.LABEL_NOISE:
            return Conditions(label_noise=strength)
        case Name.MISSING_VALUES:
            return Conditions(missing_values=strength)
        case Name.MALFORMED:
            return Conditions(malformed=strength)
    return NORMAL


def encode(scenario: Scenario) -> bytes:
    """As JSON."""
    return msgspec.json.encode(scenario)


def decode(data: bytes) -> Scenario:
    """From JSON; raises ValueError that says what is wrong."""
    return msgspec.json.decode(data, type=Scenario)


def switch(redis: Redis, application: str, scenario: Scenario) -> str:
    """Makes a scenario the one that holds, and logs it; the id of its entry. Raises what Redis raises.

    Both happen or none. Switching to normal ends what holds.
    """
    with redis.pipeline(transaction=True) as pipe:
        pipe.set(names.scenario_key(application), encode(scenario))
        entry: dict[Any, Any] = {"scenario": encode(scenario)}
        pipe.xadd(names.scenario_log_key(application), entry, maxlen=LOG_LENGTH, approximate=False)
        return str(pipe.execute()[-1].decode())


def current(redis: Redis, application: str) -> Scenario | None:
    """The scenario that was set last, which may be over; None if none ever was. Raises what Redis raises."""
    data: Any = redis.get(names.scenario_key(application))
    return None if data is None else decode(data)


def history(redis: Redis, application: str, most: int = 100) -> list[Logged]:
    """The last scenarios, newest first, each with the end that it really had. Raises what Redis raises."""
    entries: Any = redis.xrevrange(names.scenario_log_key(application), count=most)
    found: list[Logged] = []
    next_start: datetime | None = None
    for identifier, fields in entries:
        scenario = decode(fields[b"scenario"])
        set_at = _set_at(identifier.decode())
        if next_start is not None and next_start < scenario.end:
            scenario = msgspec.structs.replace(scenario, end=max(next_start, scenario.start))
        found.append(Logged(id=identifier.decode(), scenario=scenario))
        next_start = set_at
    return found


def _set_at(identifier: str) -> datetime:
    """When an entry of a Redis stream was made: its id begins with the milliseconds."""
    return datetime.fromtimestamp(int(identifier.partition("-")[0]) / 1000, UTC)
