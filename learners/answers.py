"""Answers on their way: every one to the topic `predictions`, the newest to the publisher with their event.

Step -> predictions (JSON) -> producer -> broker
    `-> newest answers, newest labels -> publisher -> Redis
"""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import Any

import msgspec
import numpy as np
import structlog

from core.declaration import Application, Classification, Clustering
from core.names import Stream, topic
from core.records import Judged, Prediction
from learners.learner import Step, moment
from learners.lessons import Reader, label_value
from learners.publish import Publisher
from learners.scores import UNCHOSEN

log = structlog.get_logger("millrace.learner")

FLUSH_S = 2.0


class Undelivered(RuntimeError):
    """The broker took an answer and lost it, or refused it for good."""


class Answers:
    """Publishes what comes of the steps of one application."""

    def __init__(self, application: Application, producer: Any, publisher: Publisher) -> None:
        self._application = application
        self._producer = producer
        self._publisher = publisher
        self._topic = topic(application.name, Stream.PREDICTIONS)
        self._encode = msgspec.json.Encoder().encode
        self._undelivered = ""

    def tell(self, step: Step, reader: Reader) -> None:
        """Publishes the answers of a step, and the labels that became known."""
        lessons, now = step.lessons, datetime.now(UTC)
        told = np.flatnonzero(~np.isnan(step.answers))
        newest = set(told[-self._publisher.recent :].tolist())
        # Plain numbers: one of numpy's costs more to take out than to encode.
        columns = (
            one[told].tolist()
            for one in (
                lessons.event_id,
                lessons.entity,
                lessons.time,
                lessons.source_partition,
                lessons.source_offset,
                step.answers,
                step.served,
            )
        )
        for n, event_id, entity, time, partition, offset, answer, served in zip(
            told.tolist(), *columns, strict=True
        ):
            value, probability, threshold = self._value(answer, served)
            prediction = Prediction(
                application=self._application.name,
                event_id=event_id,
                entity=entity,
                event_time=moment(time),
                source_partition=partition,
                source_offset=offset,
                model=step.champion,
                version=self._publisher.version,
                value=value,
                probability=probability,
                threshold=threshold,
                asked_at=now,
            )
            self._produce(entity, self._encode(prediction))
            if n in newest:
                self._publisher.offer_answer(prediction, reader.event(lessons.payload[n]))
        if self._application.label:
            self._judge(step, reader)

    def _value(self, answer: float, served: float) -> tuple[bool | int | float, float | None, float | None]:
        """Value, probability and threshold of an answer."""
        match self._application.task:
            case Classification():
                threshold = None if isnan(served) else float(served)
                value = bool(answer >= (UNCHOSEN if threshold is None else threshold))
                return value, float(answer), threshold
            case Clustering():
                return int(answer), None, None
            case _:
                return float(answer), None, None

    def _judge(self, step: Step, reader: Reader) -> None:
        one = step.judged
        count = len(one.truth)
        for n in range(max(0, count - self._publisher.recent_truths), count):
            truth = label_value(self._application, float(one.truth[n]))
            self._publisher.offer_truth(one.event_id[n], truth)
            if n < count - self._publisher.recent or np.isnan(one.answers[n]) or truth is None:
                continue
            value, probability, _ = self._value(one.answers[n], one.served[n])
            judged = Judged(
                application=self._application.name,
                event_id=one.event_id[n],
                entity=one.entity[n],
                event_time=moment(one.time[n]),
                known_time=moment(one.due[n]),
                model=step.champion,
                value=value,
                probability=probability,
                truth=truth,
                event=reader.event(one.payload[n]),
            )
            self._publisher.offer_judged(judged)

    def _produce(self, key: str, value: bytes) -> None:
        while True:
            try:
                self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
                return
            except BufferError:
                self._producer.poll(0.1)

    def _delivered(self, error: Any, message: Any) -> None:
        if error is not None:
            self._undelivered = str(error)

    def check(self) -> None:
        """Serves the producer; raises Undelivered when an answer did not reach the broker."""
        self._producer.poll(0)
        if self._undelivered:
            raise Undelivered(f"an answer did not reach {self._topic}: {self._undelivered}")

    def delivered(self) -> bool:
        """Whether every answer has reached the broker by now; waits a little."""
        waiting = self._producer.flush(FLUSH_S)
        self.check()
        if waiting:
            log.warning("no snapshot: answers still wait for the broker", waiting=waiting)
        return not waiting
