"""Answers on their way: every one to the topic `predictions`, the newest to the publisher with their event.

Step -> predictions (JSON) -> producer -> broker
    `-> newest answers, newest labels -> publisher (writes out those that are still the newest) -> Redis
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime
from functools import partial
from itertools import repeat
from math import isnan
from typing import Any, cast

import msgspec
import numpy as np
import structlog

from core.connect import kafka
from core.declaration import Application, Classification, Clustering
from core.names import Stream, topic
from core.records import Judged, Prediction
from learners.learner import Judged as JudgedRows
from learners.learner import Step, moment
from learners.lessons import Floats, Ints, Reader, label_of
from learners.publish import Publisher
from learners.scores import UNCHOSEN

log = structlog.get_logger("millrace.learner")

FLUSH_S = 2.0


class Undelivered(RuntimeError):
    """The broker took an answer and lost it, or refused it for good."""


def answers_producer(url: str, client: str, **options: Any) -> Any:
    """A producer that speaks of failed messages only: a call for each that arrives costs as much again."""
    return kafka.producer(url, client, **{"delivery.report.only.error": True} | options)


_Line = msgspec.defstruct("_Line", [(name, Any) for name in Prediction.__struct_fields__], gc=False)
"""A prediction whose times are text, in the order of its fields: all of a batch are made in one go."""

_encode = msgspec.json.Encoder().encode

Values = tuple[Iterable[bool | int | float], Iterable[float | None], Iterable[float | None]]
"""Of answers: values, probabilities, thresholds."""


class Answers:
    """Publishes what comes of the steps of one application."""

    def __init__(self, application: Application, producer: Any, publisher: Publisher) -> None:
        self._application = application
        self._producer = producer
        self._publisher = publisher
        self._topic = topic(application.name, Stream.PREDICTIONS)
        self._label = label_of(application)
        self._undelivered = ""

    def tell(self, step: Step, reader: Reader) -> None:
        """Publishes the answers of a step, and the labels that became known."""
        lessons = step.lessons
        told = np.flatnonzero(~np.isnan(step.answers))
        lines = self._lines(step, told)
        self._produce(lessons.entity[told].tolist(), lines)
        newest = told[-self._publisher.recent :]
        shown = zip(lessons.event_id[newest], lines[-len(newest) :], lessons.payload[newest], strict=True)
        self._publisher.offer_answers(
            [(event_id, partial(_shown, line, reader, payload)) for event_id, line, payload in shown]
        )
        if self._application.label:
            self._judge(step, reader)

    def _lines(self, step: Step, told: Ints) -> list[bytes]:
        """The predictions of these rows, as messages."""
        lessons, now = step.lessons, msgspec.to_builtins(datetime.now(UTC))
        times = np.datetime_as_string(lessons.time[told].astype("datetime64[us]"), timezone="UTC")
        # Plain numbers: one of numpy's costs more to take out than to encode.
        rows = map(
            _Line,
            repeat(self._application.name),
            lessons.event_id[told].tolist(),
            lessons.entity[told].tolist(),
            times.tolist(),
            lessons.source_partition[told].tolist(),
            lessons.source_offset[told].tolist(),
            repeat(step.champion),
            repeat(self._publisher.version),
            *self._values(step.answers[told], step.served[told]),
            repeat(now),
        )
        return list(map(_encode, rows))

    def _values(self, answers: Floats, served: Floats) -> Values:
        match self._application.task:
            case Classification():
                positive = answers >= np.where(np.isnan(served), UNCHOSEN, served)
                thresholds = [None if isnan(one) else one for one in served.tolist()]
                return positive.tolist(), answers.tolist(), thresholds
            case Clustering():
                return answers.astype(np.int64).tolist(), repeat(None), repeat(None)
            case _:
                return answers.tolist(), repeat(None), repeat(None)

    def _judge(self, step: Step, reader: Reader) -> None:
        one = step.judged
        known = np.arange(len(one.truth))[-self._publisher.recent_truths :]
        truths = map(self._label, one.truth[known].tolist())
        self._publisher.offer_truths(list(zip(one.event_id[known].tolist(), truths, strict=True)))
        newest = np.arange(len(one.truth))[-self._publisher.recent :]
        newest = newest[~np.isnan(one.answers[newest])]
        values = self._values(one.answers[newest], one.served[newest])
        self._publisher.offer_judged(
            [
                partial(self._judged, one, n, step.champion, value, probability, reader)
                for n, value, probability, _ in zip(newest.tolist(), *values, strict=False)
            ]
        )

    def _judged(
        self, one: JudgedRows, n: int, model: str, value: Any, probability: Any, reader: Reader
    ) -> bytes:
        judged = Judged(
            application=self._application.name,
            event_id=one.event_id[n],
            entity=one.entity[n],
            event_time=moment(one.time[n]),
            known_time=moment(one.due[n]),
            model=model,
            value=value,
            probability=probability,
            truth=cast(Any, self._label(float(one.truth[n]))),
            event=reader.event(one.payload[n]),
        )
        return _encode(judged)

    def _produce(self, keys: list[str], values: list[bytes]) -> None:
        for key, value in zip(keys, values, strict=True):
            while True:
                try:
                    self._producer.produce(self._topic, value, key, on_delivery=self._delivered)
                    break
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


def _shown(prediction: bytes, reader: Reader, payload: bytes) -> bytes:
    """A prediction as it is shown: with its event."""
    return prediction[:-1] + b',"event":' + _encode(reader.event(payload)) + b"}"
