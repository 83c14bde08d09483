"""Compiles what the models and scores of an application need, by learning from events that mean nothing.

Seconds at the first time on a machine; afterwards the loops come from numba's cache in half a second.
"""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np

from core import forms
from core.declaration import Application, Regression
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from learners.learner import Learner
from models.roster import COMPILED

EVENTS = 700
"""As many as it takes until sessions have ended and centres are laid."""

FIRST = 3
"""Events of the first batch; then all others: nothing may be compiled for one of the two only."""

_BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
_APART = timedelta(days=1)


def warm_up(application: Application) -> None:
    """Teaches a spare roster of the models that have compiled loops, and forgets it."""
    names = tuple(name for name in application.online if name in COMPILED) or application.online[:1]
    learner = Learner.fresh(dataclasses.replace(application, online=names), 1.0)
    values = [_message(application, n) for n in range(EVENTS)]
    none = np.zeros(EVENTS, dtype=np.int64)
    lessons = learner.reader.lessons(none, np.arange(EVENTS), none, values)
    for rows in (np.arange(FIRST), np.arange(FIRST, EVENTS)):
        learner.step(lessons.take(rows))
        for entrant in learner.entrants.values():
            entrant.scores.values()
            entrant.estimated.values()
    learner.champion.model.to_bytes()


def _message(application: Application, n: int) -> bytes:
    event = forms.complete(application, forms.randomize(application, n))
    event[application.event_time.name] = (_BEGAN + n * _APART).isoformat()
    if application.label:
        event[application.label] = 600 if isinstance(application.task, Regression) else n % 2 == 0
    return msgspec.json.encode(event | {SOURCE_PARTITION: 0, SOURCE_OFFSET: n})
