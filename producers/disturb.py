"""What scenarios do to single events: wrong labels, and values that are missing.

    event -> wrong_label -> event      before the check: the event stays sound
    body -> without_value -> body      after it: a null where the declaration allows one, else no field

An event that lacks a field is refused as `missing_field` and lies in the dead letters.
"""

from __future__ import annotations

import json
from random import Random
from typing import Any

from core.declaration import Application, Entity, EventTime, Flag, Identifier, Number

WRONG_FACTORS = (0.4, 0.7, 1.5, 2.5)
"""A wrong number is this many times the right one."""


def wrong_label(application: Application, event: dict[str, Any], rng: Random) -> bool:
    """Makes the event's label wrong, within its declared range; False where the application has none."""
    if application.label is None:
        return False
    match application.field(application.label):
        case Flag(name=name):
            event[name] = not event[name]
        case Number(name=name, low=low, high=high, integer=integer):
            wrong = event[name] * rng.choice(WRONG_FACTORS)
            event[name] = min(high, max(low, round(wrong) if integer else wrong))
        case other:
            raise TypeError(f"{application.name}: the label {other.name} is neither a flag nor a number")
    return True


def without_value(application: Application, body: bytes, rng: Random) -> tuple[bytes, str]:
    """The body without one value, and the name of that field.

    Where the event has values that may be null, one of them is, in half of the cases; else a field is gone.
    Never the key, the identifier, the time or the label.
    """
    event = json.loads(body)
    kept = {application.label, application.key}
    fields = [f for f in application.fields if f.name not in kept]
    fields = [f for f in fields if not isinstance(f, Entity | EventTime | Identifier)]
    nullable = [f.name for f in fields if f.nullable and event[f.name] is not None]
    if nullable and rng.random() < 0.5:
        name = rng.choice(nullable)
        event[name] = None
    else:
        name = rng.choice([f.name for f in fields])
        del event[name]
    return json.dumps(event).encode(), name
