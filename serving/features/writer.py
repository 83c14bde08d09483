"""Keeps the latest features per entity in Redis, for all applications that declare any.

<app>.features --(read committed)--> FeatureStore --> Redis
<app>.events   --(one message now and then)--> how fresh they are
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from time import monotonic, time
from typing import TYPE_CHECKING

import msgspec
import structlog

from core import names
from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect.redis import client
from core.names import Stream, topic
from core.settings import Settings
from serving.features.arrivals import Arrivals
from serving.features.store import FeatureStore, Letter, OtherWriter, Row
from serving.offsets import Again, LogReader, NoBroker, moved

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

CONSUME_MESSAGES = 10_000
CONSUME_SECONDS = 0.25
LOOK_SECONDS = 10.0
"""How often topics are looked for that were made, made anew, or grew partitions."""
SAMPLE_SECONDS = 5.0
"""How often, per application, the delay of one row is measured."""
HEARTBEAT_SECONDS = 5.0
WAIT_SECONDS = 2.0

WRITTEN = {topic(name, Stream.FEATURES): app for name, app in APPLICATIONS.items() if app.windows}
"""The topics that are read."""


class Writer:
    """Reads until it is told to stop."""

    def __init__(self, settings: Settings) -> None:
        self._broker = settings.broker.url
        self._redis_url = settings.redis.url
        self._stop = threading.Event()
        self._stores: dict[str, FeatureStore] = {}
        self._sampled: dict[str, float] = {}
        self._arrivals: Arrivals | None = None

    def stop(self) -> None:
        """Ends `run`, after the rows at hand are stored."""
        self._stop.set()

    def run(self) -> None:
        """Blocks until `stop`. Broker and Redis may go and come back."""
        from confluent_kafka import KafkaException
        from redis.exceptions import RedisError

        redis = client(self._redis_url)
        while not self._stop.is_set():
            try:
                self._session(redis)
            except (Again, OtherWriter) as reason:
                log.info("features: starts over", reason=str(reason))
            except (NoBroker, KafkaException, RedisError, OSError, msgspec.DecodeError) as error:
                log.warning("features: waits", error=str(error))
            except Exception:
                log.exception("features failed; it tries again")
            if not self._stop.is_set():
                self._stop.wait(WAIT_SECONDS)
        redis.close()

    def _session(self, redis: Redis) -> None:
        """Reads on from what Redis holds until the topics change, a part goes, or the stop."""
        self._stores = {name: FeatureStore(redis, app) for name, app in WRITTEN.items()}
        before = {}
        for name, store in self._stores.items():
            store.load()
            before[name] = store.report.book.rows
        reader = LogReader(self._broker)
        start = reader.start({name: store.report.book for name, store in self._stores.items()})
        for name, store in self._stores.items():
            if store.report.book.rows < before[name]:
                log.warning("features: the topic does not hold what comes next; it is read anew", topic=name)
                store.report.restart()
        consumer = kafka.consumer(
            self._broker,
            names.consumer_group("latest-features", "all"),
            **{
                "isolation.level": "read_committed",
                "client.id": "latest-features",
                "log_level": 2,
                # Per partition: what is fetched ahead of a writer that is behind stays small.
                "queued.max.messages.kbytes": 4096,
                "fetch.queue.backoff.ms": 20,
            },
        )
        self._arrivals = Arrivals(self._broker)
        try:
            consumer.assign(start)
            self._read(consumer, reader)
        finally:
            self._arrivals.close()
            consumer.close()

    def _read(self, consumer: Consumer, reader: LogReader) -> None:
        looked, beat = monotonic(), float("-inf")
        while not self._stop.is_set():
            messages = consumer.consume(CONSUME_MESSAGES, timeout=CONSUME_SECONDS)
            now = monotonic()
            due = now - beat >= HEARTBEAT_SECONDS
            found = self._sorted(messages)
            for name, store in self._stores.items():
                if found[name] or due:
                    self._sample(name, store, store.write(found[name]))
            if due:
                beat = now
            if now - looked >= LOOK_SECONDS:
                if reader.changed({name: store.report.book for name, store in self._stores.items()}):
                    raise Again("topics have changed")
                looked = now

    def _sorted(self, messages: Sequence[Message]) -> dict[str, list[Letter]]:
        """The messages by topic."""
        found: dict[str, list[Letter]] = {name: [] for name in self._stores}
        for message in messages:
            if message.error() is not None:
                self._told(message)
                continue
            partition, offset = message.partition(), message.offset()
            letter = Letter(partition or 0, offset or 0, message.key() or b"", message.value() or b"")
            found[message.topic() or ""].append(letter)
        return found

    def _told(self, message: Message) -> None:
        """What the consumer says instead of a row; raises Again when it can't go on."""
        from confluent_kafka import KafkaError

        error = message.error()
        assert error is not None  # noqa: S101 - asked by the caller
        if error.code() == KafkaError._PARTITION_EOF:
            self._stores[message.topic() or ""].report.book.drained.add(message.partition() or 0)
        elif moved(error):
            raise Again(error.str())
        else:
            log.debug("features: reads on", error=error.str())

    def _sample(self, topic_name: str, store: FeatureStore, row: Row | None) -> None:
        """Now and then: how long ago the event of a row arrived that can be read from now on."""
        readable, clock = time(), monotonic()
        if row is None or self._arrivals is None:
            return
        if clock - self._sampled.get(topic_name, float("-inf")) < SAMPLE_SECONDS:
            return
        self._sampled[topic_name] = clock
        arrived = self._arrivals.of(store.application.name, row)
        if arrived is not None:
            store.report.sampled(readable, max(0.0, readable - arrived))
