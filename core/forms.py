"""The prediction form of an application, derived from its declaration.

declaration -> inputs (what is asked) + derived (computed and shown) -> request event
"""

from __future__ import annotations

import random
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from core.declaration import (
    Application,
    Category,
    Entity,
    EventTime,
    Flag,
    Identifier,
    Leaf,
    Number,
    Text,
    leaves,
)

ENTITY_EXAMPLES = 1000
"""Random entities of a declaration without examples."""


@dataclass(frozen=True, slots=True)
class Input:
    """One field that a person fills in; `path` is dotted, as in "location.lat"."""

    path: str
    label: str
    field: Leaf


def inputs(application: Application) -> list[Input]:
    """What a form asks: all that is neither label, identifier nor derived, in declared order."""
    derived = {f.name for f in application.fields if f.derive}
    return [
        Input(path, path.replace(".", " ").replace("_", " ").capitalize(), leaf)
        for path, leaf in leaves(application)
        if not (isinstance(leaf, Identifier) or path == application.label or path in derived)
    ]


def complete(application: Application, values: Mapping[str, Any]) -> dict[str, Any]:
    """The request event for a form's values by dotted path: nested, with the derived fields computed."""
    event: dict[str, Any] = {}
    for path, value in values.items():
        outer, _, inner = path.partition(".")
        if inner:
            event.setdefault(outer, {})[inner] = value
        else:
            event[path] = value
    event.setdefault(application.event_time.name, datetime.now(UTC).isoformat())
    event.setdefault(application.identifier.name, str(uuid.uuid4()))
    for field in application.fields:
        if field.derive:
            event[field.name] = field.derive(event)
    return event


def randomize(application: Application, seed: int | None = None) -> dict[str, Any]:
    """A random value within the declared form range for each input, by dotted path."""
    rng = random.Random(seed)  # noqa: S311 (examples, not secrets)
    return {one.path: _random(one.field, rng) for one in inputs(application)}


def _random(field: Leaf, rng: random.Random) -> Any:
    match field:
        case Number(integer=True, form_range=(low, high)):
            return rng.randint(round(low), round(high))
        case Number(step=step, form_range=(low, high)):
            return round(rng.uniform(low, high), _decimals(step))
        case Category(values=values):
            return rng.choice(values)
        case Flag():
            return rng.random() < 0.5
        case Entity(name=name, examples=examples):
            return (
                rng.choice(examples)
                if examples
                else f"{name.removesuffix('_id')}_{rng.randrange(ENTITY_EXAMPLES)}"
            )
        case EventTime():
            return datetime.now(UTC).isoformat()
        case Text() | Identifier():
            return ""


def _decimals(step: float | None) -> int:
    """Digits after the point that a step calls for: 0.01 -> 2, 1e-6 -> 6."""
    return max(0, len(f"{step or 0.01:.9f}".rstrip("0").partition(".")[2]))
