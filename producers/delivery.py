"""Messages on their way to the broker: none is dropped, each is counted when the broker has it.

send -> client's buffer -> broker -> callback -> delivered | failed
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import structlog

from core.connect import kafka
from producers.damage import Message

if TYPE_CHECKING:
    from confluent_kafka import KafkaError
    from confluent_kafka import Message as Report

ROOM_S = 0.2
"""How long one wait for room in the buffer lasts."""


class Delivery:
    """Hands messages of one topic to an idempotent client that retries for as long as the broker is away.

    Only the broker's refusal (no such topic, message too large, no permission) makes a message fail.
    """

    def __init__(self, url: str, topic: str) -> None:
        self._log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")
        self._topic = topic
        options: dict[str, Any] = {
            "delivery.timeout.ms": 0,  # no limit: a message waits until the broker is back
            "error_cb": self._trouble,
            "log_level": 2,  # it repeats each trouble many times a second; `_trouble` tells it once
            "logger": logging.getLogger("librdkafka"),
        }
        self._producer = kafka.producer(url, f"producer-{topic}", **options)
        self.sent = 0
        self.delivered = 0
        self.failed = 0
        self._told: set[str] = set()

    def send(self, message: Message) -> bool:
        """Puts a message into the buffer; False if there was no room, and the caller asks again."""
        key, value = message
        try:
            self._producer.produce(self._topic, value=value, key=key, on_delivery=self._report)
        except BufferError:
            self._producer.poll(ROOM_S)
            return False
        self.sent += 1
        return True

    def serve(self, seconds: float) -> None:
        """Takes the broker's reports, for up to `seconds`; returns as soon as there was one."""
        self._producer.poll(seconds)

    def flush(self, seconds: float) -> int:
        """Waits until all is reported, for up to `seconds`; how many messages are still on their way."""
        self._producer.flush(seconds)
        return self.waiting

    @property
    def waiting(self) -> int:
        """Messages without a report so far."""
        return self.sent - self.delivered - self.failed

    def counts(self) -> dict[str, int]:
        """The counters by name. Starts a new interval, of which the first trouble of each kind is logged."""
        self._told.clear()
        return {
            "sent": self.sent,
            "delivered": self.delivered,
            "failed": self.failed,
            "waiting": self.waiting,
        }

    def _report(self, error: KafkaError | None, report: Report) -> None:
        if error is None:
            self.delivered += 1
            return
        self.failed += 1
        if self._news("failure"):
            self._log.error("delivery failed", topic=self._topic, error=str(error), key=str(report.key()))

    def _trouble(self, error: KafkaError) -> None:
        """The client's own troubles, such as a broker that is away: it goes on trying."""
        if self._news("trouble"):
            self._log.warning("broker trouble", topic=self._topic, error=str(error), waiting=self.waiting)

    def _news(self, kind: str) -> bool:
        """Whether this is the first trouble of its kind in the interval."""
        new = kind not in self._told
        self._told.add(kind)
        return new
