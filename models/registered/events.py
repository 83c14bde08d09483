"""Events that came without windowed features, as far as a batch model would read them.

events (validated) -> rows -> frame of the inputs that an event tells by itself

A clustering's models read entities. Their rows are means over whatever was seen of an entity, so a few events
of each never look like a training set: what is compared then are the events themselves.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from core.declaration import Application, Clustering
from models.base import row
from models.registered.inputs import Input, frame, inputs

if TYPE_CHECKING:
    import pandas as pd


def own(application: Application) -> tuple[Input, ...]:
    """The inputs that an event tells by itself."""
    return tuple(one for one in inputs(application) if not one.windowed)


def windowed(application: Application) -> tuple[str, ...]:
    """The names of the others: what is remembered of an event's entities."""
    return tuple(one.name for one in inputs(application) if one.windowed)


def event_frame(application: Application, events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Events -> (n, own inputs)."""
    rows = [row(application, event) for event in events]
    return frame(application, rows)[[one.name for one in own(application)]]


def independent(application: Application, events: Sequence[Mapping[str, Any]]) -> int:
    """How many rows chance may count: in a clustering entities, whose events are alike; else all."""
    task = application.task
    return len({event[task.entity] for event in events}) if isinstance(task, Clustering) else len(events)
