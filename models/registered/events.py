"""Events that came without windowed features, as far as a batch model would read them.

events (validated) -> rows -> frame of the inputs that an event tells by itself
                           -> of a clustering: sessions -> entities, as in a data set
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from core.declaration import Application, Clustering
from models.base import row
from models.registered.inputs import Input, frame, inputs
from models.registered.sessions import last_of, means, sessions


def own(application: Application) -> tuple[Input, ...]:
    """The inputs that an event tells by itself."""
    return tuple(one for one in inputs(application) if not one.windowed)


def windowed(application: Application) -> tuple[str, ...]:
    """The names of the others: what is remembered of an event's entities."""
    return tuple(one.name for one in inputs(application) if one.windowed)


def event_frame(application: Application, events: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Events in order of time -> (n, own inputs); in a clustering n is the number of entities."""
    known = own(application)
    rows = frame(application, [row(application, event) for event in events])[[one.name for one in known]]
    if not isinstance(application.task, Clustering):
        return rows
    groups, _ = pd.factorize(np.array([event[application.task.session] for event in events], dtype=object))
    visits = sessions(known, lambda one: rows[one.name].to_numpy(np.float64), groups)
    owners = np.array([event[application.task.entity] for event in events], dtype=object)[last_of(groups)]
    entities, names = pd.factorize(owners)
    return means(visits, entities, len(names))
