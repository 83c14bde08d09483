"""Brings events to the broker: live at a rate, or a stretch of the past at full speed.

pace | history -> event time -> source -> message -> delivery -> topic `events`
scenario in Redis -> watch -> rate and conditions of live events
"""

from __future__ import annotations

import signal
import time
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from types import FrameType
from typing import TextIO

import msgspec
import structlog

from core import names
from core.connect import redis
from core.declaration import Application
from core.scenarios import NORMAL, Conditions
from core.settings import Settings
from producers import history
from producers.damage import Message
from producers.delivery import Delivery
from producers.pace import Pace
from producers.source import Source
from producers.watch import Watch

REPORT_S = 10.0
FLUSH_S = 8.0
"""How long a stop waits for the broker: less than supervisor waits before it kills."""

NAP_S = 0.2
"""Longest wait between two looks at whether a stop was asked for."""

TICK_S = 0.005
"""Shortest wait: above 200 events/s they go in small bursts rather than one by one."""

BATCH = 500
"""Events of the past between two looks at reports and at the clock."""


class Stop:
    """Whether SIGTERM or SIGINT asked this process to end. A flag, for a handler must not take locks."""

    def __init__(self) -> None:
        self.asked = False

    def listen(self) -> None:
        """Takes both signals over; SIGINT is ignored by shells' background jobs unless it is taken."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._handle)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        self.asked = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of the messages of one run."""

    application: str
    sent: int
    delivered: int
    failed: int
    waiting: int
    damaged: int
    seconds: float

    @property
    def complete(self) -> bool:
        """The broker has every message."""
        return self.delivered == self.sent


class Runner:
    """Delivers one application's events; counts and logs as it goes.

    truth: where the hidden truth of each event goes, one JSON object a line; None keeps it hidden.
    """

    def __init__(
        self, application: Application, settings: Settings, stop: Stop, truth: TextIO | None = None
    ) -> None:
        self._truth = truth
        self._application = application
        self._settings = settings
        self._stop = stop
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")
        self._source = Source(
            application,
            settings.producers.seed,
            # Each start is a stretch of its own: no identifier comes twice.
            time.time_ns(),
            settings.producers.malformed_share,
        )
        topic = names.topic(application.name, names.Stream.EVENTS)
        self._delivery = Delivery(settings.broker.url, topic)
        self._begun = self._reported = time.monotonic()
        self._delivered_then = 0

    def live(self) -> Outcome:
        """Events at the application's rate, each at the present moment, until a stop is asked for."""
        rate = self._settings.producers.rates[self._application.name]
        self._log.info("live", application=self._application.name, rate=rate)
        pace, times = Pace(rate, time.monotonic()), 1.0
        clock = datetime.now(UTC)
        with redis.client(self._settings.redis.url, timeout_seconds=1.0, retries=0) as client:
            watch = Watch(client, self._application.name)
            watch.start()
            while not self._stop.asked:
                held = watch.conditions(datetime.now(UTC))
                if held.rate != times:
                    pace, times = Pace(rate * held.rate, time.monotonic()), held.rate
                for _ in range(pace.due(time.monotonic())):
                    clock = max(clock, datetime.now(UTC))
                    self._make(clock, clock, held)
                self._report_if_due()
                self._delivery.serve(min(NAP_S, max(TICK_S, pace.wait(time.monotonic()))))
            watch.stop()
        return self._end()

    def backfill(self, events: int | None = None, days: float | None = None) -> Outcome:
        """`events` events spread over the past `days` days up to now, as fast as the broker takes them.

        What is not given is taken from the settings.
        """
        events = self._settings.producers.backfill_events if events is None else events
        days = self._settings.producers.backfill_days if days is None else days
        end = datetime.now(UTC)
        start = end - timedelta(days=days)
        self._log.info("backfill", application=self._application.name, events=events, since=start.isoformat())
        rng = Random(f"history/{self._application.name}/{self._settings.producers.seed}/{events}")
        self._send_all(history.times(events, start, end, rng), end)
        while not self._stop.asked and self._delivery.flush(NAP_S):
            self._report_if_due()
        return self._end()

    def _send_all(self, times: Iterable[datetime], now: datetime) -> None:
        for n, moment in enumerate(times):
            if n % BATCH == 0:
                self._delivery.serve(0)
                self._report_if_due()
            if self._stop.asked:
                return
            self._make(moment, now)

    def _make(self, moment: datetime, now: datetime, held: Conditions = NORMAL) -> None:
        """Makes a message and hands it over; tells its truth where that is wanted."""
        message = self._source.message(moment, now, held)
        if self._truth:
            self._truth.write(msgspec.json.encode(self._source.truth).decode() + "\n")
        self._put(message)

    def _put(self, message: Message) -> None:
        """Hands a message over, waiting for room as long as it takes; only a stop leaves it unsent."""
        while not self._delivery.send(message) and not self._stop.asked:
            self._report_if_due()

    def _report_if_due(self) -> None:
        """A log line with the counts, every ten seconds."""
        now = time.monotonic()
        passed = now - self._reported
        if passed < REPORT_S:
            return
        rate = (self._delivery.delivered - self._delivered_then) / passed
        self._reported, self._delivered_then = now, self._delivery.delivered
        self._log.info("counts", **self._delivery.counts(), damaged=self._source.damaged, rate=round(rate, 2))

    def _end(self) -> Outcome:
        """Brings out what is still in the buffer; logs and returns the final counts."""
        self._delivery.flush(FLUSH_S)
        outcome = Outcome(
            application=self._application.name,
            damaged=self._source.damaged,
            seconds=round(time.monotonic() - self._begun, 3),
            **self._delivery.counts(),
        )
        (self._log.info if outcome.complete else self._log.error)("ended", **asdict(outcome))
        return outcome
