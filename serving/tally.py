"""How many events were produced, how many were found valid, how many refused and why.

    <app>.valid, <app>.dlq --(read committed)--> counts + offsets --(one value per application)--> Redis
    <app>.events ----------(end offsets)-------> produced

Counts and the offsets up to which they hold are stored together, so a restart goes on exactly.
"""

from __future__ import annotations

import threading
from contextvars import copy_context
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec
import structlog

from core import names
from core.applications import APPLICATIONS
from core.connect import kafka
from core.connect.redis import client
from core.names import RejectHeader, Stream, topic
from core.settings import Settings
from serving.ledger import COUNTED, Book, Ledger
from serving.offsets import Again, LogReader, NoBroker, moved

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Message
    from redis import Redis

log: structlog.stdlib.BoundLogger = structlog.get_logger("millrace")

SAVE_SECONDS = 1.0
LOOK_SECONDS = 10.0
"""How often topics are looked for that were made, made anew, or grew partitions."""
WAIT_SECONDS = 2.0
CONSUME_MESSAGES = 5000
UNKNOWN_REASON = "unknown"


@dataclass(frozen=True, slots=True)
class Counts:
    """One application's numbers; None where they can't be known."""

    produced: int | None = None
    valid: int | None = None
    rejected: int | None = None
    reasons: dict[str, int] | None = None


class Tally:
    """Counts in a background thread."""

    def __init__(self, settings: Settings) -> None:
        self._broker = settings.broker.url
        self._redis_url = settings.redis.url
        self._counts = dict.fromkeys(APPLICATIONS, Counts())
        self._problem = "not asked yet"
        self._ledgers: dict[str, Ledger] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(
            target=copy_context().run, args=(self._run,), name="tally", daemon=True
        )

    def start(self) -> None:
        """Starts the background thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ends the background thread."""
        self._stop.set()
        self._thread.join(timeout=10)

    def counts(self, application: str) -> Counts:
        """The newest numbers of an application; touches memory only."""
        return self._counts[application]

    @property
    def away(self) -> str:
        """Why the broker can't be asked, or empty."""
        return self._problem

    def _run(self) -> None:
        from confluent_kafka import KafkaException
        from redis.exceptions import RedisError

        redis = client(self._redis_url, timeout_seconds=1.0, retries=1)
        while not self._stop.is_set():
            try:
                self._session(redis)
            except Again as reason:
                log.info("tally starts over", reason=str(reason))
                continue
            except NoBroker as error:
                self._broker_away(str(error))
            except (KafkaException, RedisError, OSError, msgspec.DecodeError) as error:
                # Without the stored counts nothing can be said, whatever the broker holds.
                log.warning("tally waits", error=str(error))
                self._forget()
            except Exception:
                log.exception("tally failed; it tries again")
                self._forget()
            self._stop.wait(WAIT_SECONDS)
        redis.close()

    def _session(self, redis: Redis) -> None:
        """Counts until the topics change, the broker goes, or the stop.

        Every session has clients of its own: one that saw its broker hang may never find it again.
        """
        reader = LogReader(self._broker)
        ends = reader.ends(Stream.EVENTS)
        self._broker_back()
        self._counts = {name: Counts(produced=ends.get(topic(name, Stream.EVENTS))) for name in APPLICATIONS}
        self._ledgers = {name: _load(redis, name) for name in APPLICATIONS}
        start = reader.start(self._books())
        consumer = kafka.consumer(
            self._broker,
            names.consumer_group("tally", "all"),
            **{"isolation.level": "read_committed", "client.id": "tally", "log_level": 2},
        )
        try:
            consumer.assign(start)
            self._count(consumer, reader, redis)
        finally:
            self._save(redis)
            consumer.close()

    def _count(self, consumer: Consumer, reader: LogReader, redis: Redis) -> None:
        saved = looked = monotonic()
        while not self._stop.is_set():
            for message in consumer.consume(CONSUME_MESSAGES, timeout=0.25):
                self._take(message)
            now = monotonic()
            if now - saved >= SAVE_SECONDS:
                self._publish(reader)
                self._save(redis)
                saved = now
            if now - looked >= LOOK_SECONDS:
                if reader.changed(self._books()):
                    raise Again("topics have changed")
                looked = now

    def _take(self, message: Message) -> None:
        from confluent_kafka import KafkaError

        error = message.error()
        if error is None:
            book, stream = self._book_of(message)
            reason = _reason(message.headers()) if stream is Stream.DLQ else ""
            book.count(_known(message.partition()), _known(message.offset()), reason)
        elif error.code() == KafkaError._PARTITION_EOF:
            self._book_of(message)[0].drained.add(_known(message.partition()))
        elif moved(error):
            self._stop.wait(WAIT_SECONDS)
            raise Again(error.str())
        else:
            log.debug("tally reads on", error=error.str())

    def _books(self) -> dict[str, Book]:
        return {name: self._ledgers[app].books[stream] for name, (app, stream) in COUNTED.items()}

    def _book_of(self, message: Message) -> tuple[Book, Stream]:
        application, stream = COUNTED[message.topic() or ""]
        return self._ledgers[application].books[stream], stream

    def _publish(self, reader: LogReader) -> None:
        """Makes the numbers of now the ones that requests see; raises NoBroker."""
        ends = reader.ends(Stream.EVENTS)
        self._counts = {name: self._now(name, ends.get(topic(name, Stream.EVENTS))) for name in APPLICATIONS}

    def _now(self, name: str, produced: int | None) -> Counts:
        valid, dlq = (self._ledgers[name].books[stream] for stream in (Stream.VALID, Stream.DLQ))
        # A count that has not caught up with the log is a number about the past: it is held back.
        return Counts(
            produced=produced,
            valid=valid.rows if valid.complete else None,
            rejected=dlq.rows if dlq.complete else None,
            reasons=dict(dlq.reasons) if dlq.complete else None,
        )

    def _save(self, redis: Redis) -> None:
        from redis.exceptions import RedisError

        values = {
            names.tally_key(name): msgspec.json.encode(ledger) for name, ledger in self._ledgers.items()
        }
        try:
            redis.mset(values)
        except (RedisError, OSError) as error:
            log.debug("tally not stored; the next second tries again", error=str(error))

    def _broker_away(self, reason: str) -> None:
        if not self._problem:
            log.warning("broker is away", error=reason)
        self._problem = reason
        self._forget()

    def _broker_back(self) -> None:
        if self._problem:
            log.info("broker answers")
        self._problem = ""

    def _forget(self) -> None:
        self._counts = dict.fromkeys(APPLICATIONS, Counts())


def _known(number: int | None) -> int:
    """A partition or offset of a message that the broker sent: never None, whatever the stub says."""
    return -1 if number is None else number


def _load(redis: Redis, name: str) -> Ledger:
    text: Any = redis.get(names.tally_key(name))
    return msgspec.json.decode(text, type=Ledger) if text else Ledger()


def _reason(headers: Any) -> str:
    """The reason header of a refused message."""
    for key, value in headers or ():
        if key == RejectHeader.REASON and value is not None:
            return str(value.decode(errors="replace"))
    return UNKNOWN_REASON
