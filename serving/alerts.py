"""The ledger of alerts in Redis: what Alertmanager reports, and what people do about it.

Alertmanager -> webhook -> reported -> alert (JSON per fingerprint and begin), index by begin
person -> acknowledge, resolve -----^                     -> all, one

    firing -> acknowledged -> resolved          by hand, or by Alertmanager from anywhere
       ^---------- reopened ------'             still reported as firing, `reopen` after it was resolved

An alert changes only by `_change`, which compares before it sets. Reports may come twice and in any order:
an end that Alertmanager has told stays, and the latest of several ends holds. A report of firing that is on
its way while an alert is resolved does not open it again; one that comes later does: what still burns must
be seen, whoever said that it was out.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from core import names
from core.api.alerts import AlertAnswer, AlertDid, AlertEntry, AlertState

if TYPE_CHECKING:
    from redis import Redis
    from redis.client import Pipeline

ALERTMANAGER: Final = "alertmanager"

MOST_ALERTS: Final = 1_000
"""That are kept; the oldest resolved ones go first, then the oldest acknowledged."""

MOST_ENTRIES: Final = 100
"""Of an alert's history."""

SEVERITIES: Final = ("critical", "warning", "info")


class NoAlert(LookupError):
    """There is no such alert, or it was too long ago."""


class Settled(Exception):
    """Somebody was quicker; says who, what, and when."""


class Reported(msgspec.Struct, frozen=True, kw_only=True):
    """One alert of a notification of Alertmanager, whose names these are.

    Fields that are not known are passed over: the sender is another program, and newer ones say more.
    """

    status: AlertState
    labels: dict[str, str]
    annotations: dict[str, str] = {}
    startsAt: datetime  # noqa: N815
    endsAt: datetime | None = None  # noqa: N815
    generatorURL: str = ""  # noqa: N815
    fingerprint: str = ""


class Alerts:
    """The alerts of the system; safe to share between threads and processes.

    reopen: how long after it was resolved a report of firing opens an alert again.
    """

    def __init__(self, redis: Redis, reopen: timedelta) -> None:
        self._redis = redis
        self._reopen = reopen

    def take(self, told: Iterable[Reported], receiver: str, now: datetime) -> tuple[int, int]:
        """Takes a notification; returns how many alerts were new, and how many changed their state."""
        new = changed = 0
        for one in told:
            update = partial(self._reported, told=one, receiver=receiver, now=now)
            before, after = self._change(alert_id(one), update)
            new += before is None
            changed += before is not None and before.state is not after.state
        if new:
            self._trim()
        return new, changed

    def acknowledge(self, alert: str, who: str, note: str, now: datetime) -> AlertAnswer:
        """Somebody takes an alert; raises NoAlert, and Settled when it was taken or has ended."""

        def taken(was: AlertAnswer) -> AlertAnswer:
            if was.state is not AlertState.FIRING:
                raise Settled(_settled(was))
            entry = AlertEntry(time=now, who=who, what=AlertDid.ACKNOWLEDGED, note=note)
            return _with(was, entry, state=AlertState.ACKNOWLEDGED, by=who)

        return self._by_hand(alert, taken)

    def resolve(self, alert: str, who: str, note: str, now: datetime) -> AlertAnswer:
        """Somebody says that an alert is over; raises NoAlert, and Settled when it has ended."""

        def over(was: AlertAnswer) -> AlertAnswer:
            if was.state is AlertState.RESOLVED:
                raise Settled(_settled(was))
            entry = AlertEntry(time=now, who=who, what=AlertDid.RESOLVED, note=note)
            return _with(was, entry, state=AlertState.RESOLVED, end=now, by=who)

        return self._by_hand(alert, over)

    def one(self, alert: str) -> AlertAnswer:
        """An alert with its history; raises NoAlert."""
        stored: Any = self._redis.get(names.alert_key(alert))
        if stored is None:
            raise NoAlert(f"no alert {alert!r}; GET /api/v1/monitoring/alerts lists those there are")
        return _decoded(stored)

    def all(self) -> list[AlertAnswer]:
        """Every alert that is kept, the latest begun first."""
        ids: Any = self._redis.zrange(names.alerts_key(), 0, -1, desc=True)
        if not ids:
            return []
        stored: Any = self._redis.mget([names.alert_key(one.decode()) for one in ids])
        return [_decoded(one) for one in stored if one is not None]

    def _reported(self, was: AlertAnswer | None, told: Reported, receiver: str, now: datetime) -> AlertAnswer:
        """What an alert is after a report of Alertmanager."""
        over = told.status is AlertState.RESOLVED
        start = told.startsAt.astimezone(UTC)
        if was is None:
            entry = AlertEntry(time=now, who=ALERTMANAGER, what=AlertDid.FIRED)
            was = _begun(told, start, receiver, now, entry)
        was = msgspec.structs.replace(was, received=now, annotations=told.annotations, receiver=receiver)
        if over:
            return _ended(was, _end(told, now), now)
        if was.state is not AlertState.RESOLVED or now - _resolved_at(was) < self._reopen:
            return was
        entry = AlertEntry(
            time=now, who=ALERTMANAGER, what=AlertDid.REOPENED, note="it is still reported as firing"
        )
        return _with(was, entry, state=AlertState.FIRING, end=None, by="")

    def _by_hand(self, alert: str, update: Callable[[AlertAnswer], AlertAnswer]) -> AlertAnswer:
        def step(was: AlertAnswer | None) -> AlertAnswer:
            if was is None:
                raise NoAlert(f"no alert {alert!r}; GET /api/v1/monitoring/alerts lists those there are")
            return update(was)

        return self._change(alert, step)[1]

    def _change(
        self, alert: str, update: Callable[[AlertAnswer | None], AlertAnswer]
    ) -> tuple[AlertAnswer | None, AlertAnswer]:
        """Replaces an alert by what `update` makes of it, unless it changed meanwhile: then again."""
        key = names.alert_key(alert)
        done: list[tuple[AlertAnswer | None, AlertAnswer]] = []

        def step(pipe: Pipeline) -> None:
            stored: Any = pipe.get(key)
            before = None if stored is None else _decoded(stored)
            after = update(before)
            done[:] = [(before, after)]
            pipe.multi()
            pipe.set(key, msgspec.json.encode(after))
            pipe.zadd(names.alerts_key(), {alert: after.start.timestamp()})

        self._redis.transaction(step, key)
        return done[0]

    def _trim(self) -> None:
        """Forgets what is too much: what is over first, and among equals the oldest."""
        count: Any = self._redis.zcard(names.alerts_key())
        if count <= MOST_ALERTS:
            return
        order = [AlertState.RESOLVED, AlertState.ACKNOWLEDGED, AlertState.FIRING]
        kept = sorted(self.all(), key=lambda one: (order.index(one.state), one.start))
        old = [one.id for one in kept[: count - MOST_ALERTS]]
        with self._redis.pipeline() as pipe:
            pipe.delete(*map(names.alert_key, old))
            pipe.zrem(names.alerts_key(), *old)
            pipe.execute()


def alert_id(told: Reported) -> str:
    """The same for every report of one alert: of its labels and its begin."""
    begin = told.startsAt.astimezone(UTC).isoformat(timespec="microseconds")
    mark = told.fingerprint or fingerprint(told.labels)
    return hashlib.sha256(f"{mark}\n{begin}".encode()).hexdigest()[:20]


def fingerprint(labels: Mapping[str, str]) -> str:
    """For senders that give none: of the labels, in whatever order."""
    return hashlib.sha256(msgspec.json.encode(labels, order="deterministic")).hexdigest()[:16]


def severity(labels: Mapping[str, str]) -> str:
    """One of a few: it is a label of a metric."""
    told = labels.get("severity", "")
    return told if told in SEVERITIES else "other" if told else "none"


def _begun(told: Reported, start: datetime, receiver: str, now: datetime, entry: AlertEntry) -> AlertAnswer:
    return AlertAnswer(
        id=alert_id(told),
        fingerprint=told.fingerprint or fingerprint(told.labels),
        name=told.labels.get("alertname", ""),
        severity=severity(told.labels),
        application=told.labels.get("application"),
        state=AlertState.FIRING,
        labels=told.labels,
        annotations=told.annotations,
        start=start,
        received=now,
        receiver=receiver,
        url=told.generatorURL,
        history=[entry],
    )


def _ended(was: AlertAnswer, end: datetime, now: datetime) -> AlertAnswer:
    """After Alertmanager said that it is over. It knows better when, unless a later end is known from it."""
    told = [one for one in was.history if one.what is AlertDid.RESOLVED]
    if was.state is AlertState.RESOLVED and told and told[-1].who == ALERTMANAGER:
        return msgspec.structs.replace(was, end=max(end, was.end or end))
    entry = AlertEntry(time=now, who=ALERTMANAGER, what=AlertDid.RESOLVED)
    return _with(was, entry, state=AlertState.RESOLVED, end=end, by=was.by or ALERTMANAGER)


def _end(told: Reported, now: datetime) -> datetime:
    """When it ended. Alertmanager's zero time (year 1) stands for no end."""
    end = told.endsAt.astimezone(UTC) if told.endsAt and told.endsAt.year > 1 else now
    return max(end, told.startsAt.astimezone(UTC))


def _resolved_at(was: AlertAnswer) -> datetime:
    """When it was last said to be over, by our clock."""
    return max((one.time for one in was.history if one.what is AlertDid.RESOLVED), default=was.received)


def _with(was: AlertAnswer, entry: AlertEntry, **changes: Any) -> AlertAnswer:
    return msgspec.structs.replace(was, history=[*was.history, entry][-MOST_ENTRIES:], **changes)


def _settled(was: AlertAnswer) -> str:
    last = next(
        one for one in reversed(was.history) if one.what in (AlertDid.ACKNOWLEDGED, AlertDid.RESOLVED)
    )
    return f"it was {last.what} by {last.who} at {last.time:%Y-%m-%d %H:%M:%S} UTC"


def _decoded(stored: bytes) -> AlertAnswer:
    return msgspec.json.decode(stored, type=AlertAnswer)
