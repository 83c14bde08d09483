"""Sound messages of any application, seeded: what a declaration's form would send, with a label."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from core.applications import APPLICATIONS
from core.declaration import Application, Flag
from core.forms import complete, randomize
from core.validation import Check, with_source

NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)

_CHECKS = {name: Check(application) for name, application in APPLICATIONS.items()}


def message(application: Application, seed: int, days_ago: int = 0) -> tuple[bytes, bytes]:
    """Key and canonical value, as a producer sends them."""
    values = randomize(application, seed)
    moment = NOW - timedelta(days=days_ago, seconds=seed % 3600, microseconds=seed % 3)
    event = complete(application, values | {application.event_time.name: moment.isoformat()})
    if application.label:
        flag = isinstance(application.field(application.label), Flag)
        event[application.label] = seed % 10 == 0 if flag else 60 + seed % 5000
    accepted = _CHECKS[application.name].encode(event, NOW)
    return accepted.key.encode(), accepted.body


def valid(application: Application, seed: int, partition: int, offset: int, days_ago: int = 0) -> bytes:
    """A value of the topic `valid`."""
    return with_source(message(application, seed, days_ago)[1], partition, offset)
