"""A message of the valid topic as a typed struct, made from the declaration: decoding it is checking it.

Application -> a struct per event, one per group of fields -> msgspec decodes and refuses what does not fit
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any, NamedTuple

import msgspec

from core import declaration
from core.declaration import Application, EventTime, Field, Flag, Leaf, Number, Place
from core.features import features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION

Group = type[msgspec.Struct]

MOST_OFFSETS = 2**44
"""More than any offset: a partition and an offset make one number of 63 bits."""

_PARTITION = Annotated[int, msgspec.Meta(ge=0, lt=2**19)]
_OFFSET = Annotated[int, msgspec.Meta(ge=0, lt=MOST_OFFSETS)]
_MOMENT = Annotated[datetime, msgspec.Meta(tz=True)]


class Message(NamedTuple):
    """The struct of an application's valid messages, and those of its groups of fields by name."""

    type: Group
    groups: Mapping[str, Group]


def message(application: Application) -> Message:
    """What a learner can't do without is required and not null; all else may be null or missing.

    A field that was never declared is refused.
    """
    groups = {
        one.name: _struct(one.name, [_optional(inner.name, _kind(inner)) for inner in one.fields])
        for one in application.fields
        if isinstance(one, declaration.Group | Place)
    }
    required = _required(application)
    fields: list[Any] = [(SOURCE_PARTITION, int), (SOURCE_OFFSET, int)]
    for one in application.fields:
        kind = groups[one.name] if isinstance(one, declaration.Group | Place) else _kind(one)
        fields.append((one.name, kind) if one.name in required else _optional(one.name, kind))
    return Message(_struct(application.name, fields), groups)


def feature_row(application: Application) -> Group:
    """A message of the topic `features`: whose it is, and the windowed features; it tells more than that."""
    fields: list[Any] = [(SOURCE_PARTITION, _PARTITION), (SOURCE_OFFSET, _OFFSET)]
    fields += [_optional(one.name, float) for one in features(application)]
    return msgspec.defstruct(f"{application.name}_features", fields, kw_only=True, gc=False)


def _required(application: Application) -> set[str]:
    named = [application.identifier.name, application.key, application.event_time.name, application.label]
    if isinstance(application.label_delay, str):
        named.append(application.label_delay)
    return {name for name in named if name}


def _kind(leaf: Leaf | Field) -> Any:
    match leaf:
        case EventTime():
            return _MOMENT
        case Number(integer=integer):
            return int if integer else float
        case Flag():
            return bool
        case _:
            return str


def _optional(name: str, kind: Any) -> tuple[str, Any, None]:
    return name, kind | None, None


def _struct(name: str, fields: list[Any]) -> Group:
    # Events hold no cycles: the collector need not know them.
    return msgspec.defstruct(name, fields, kw_only=True, forbid_unknown_fields=True, gc=False)
