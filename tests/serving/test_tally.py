"""The tally against librdkafka's own broker: the real protocol, without the JVM."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from redis import Redis

from core.names import RejectHeader, Stream, tally_key, topic
from core.settings import Settings
from serving.ledger import Ledger
from serving.tally import Counts, Tally
from tests.serving.conftest import eventually, make_settings
from tests.serving.models import CLASSIFIER

NAME = CLASSIFIER.name


@pytest.fixture
def producer() -> Iterator[Producer]:
    made = Producer({"test.mock.num.brokers": 1, "client.id": "tests", "linger.ms": 1})
    yield made
    made.flush(5)


@pytest.fixture
def settings(producer: Producer, redis_url: str, tmp_path: Path) -> Settings:
    found = producer.list_topics(timeout=10).brokers
    broker = next(iter(found.values()))
    return make_settings(tmp_path, redis_url, f"{broker.host}:{broker.port}")


def produce(producer: Producer, stream: Stream, count: int, reason: str = "") -> None:
    headers: list[tuple[str, str | bytes | None]] = (
        [(RejectHeader.REASON.value, reason.encode())] if reason else []
    )
    for number in range(count):
        producer.produce(topic(NAME, stream), b"x", key=str(number).encode(), headers=headers)
    assert producer.flush(10) == 0


def run(tally: Tally, expected: Counts) -> None:
    """Lets the tally count until it says what is expected, then stops it."""
    tally.start()
    try:
        eventually(lambda: tally.counts(NAME) == expected)
    finally:
        tally.stop()


def test_it_counts_and_goes_on_after_a_restart(producer: Producer, redis: Redis, settings: Settings) -> None:
    produce(producer, Stream.EVENTS, 30)
    produce(producer, Stream.VALID, 20)
    produce(producer, Stream.DLQ, 6, "empty")
    produce(producer, Stream.DLQ, 4, "bad_time")
    run(Tally(settings), Counts(30, 20, 10, {"empty": 6, "bad_time": 4}))

    text = redis.get(tally_key(NAME))
    ledger = msgspec.json.decode(text, type=Ledger)  # type: ignore[arg-type]
    assert sum(ledger.books[Stream.VALID].offsets.values()) == 20
    produce(producer, Stream.VALID, 5)
    produce(producer, Stream.DLQ, 1)
    # What was counted before the restart must come from the store, not from the log.
    ledger.books[Stream.VALID].rows += 1000
    redis.set(tally_key(NAME), msgspec.json.encode(ledger))
    run(Tally(settings), Counts(30, 1025, 11, {"empty": 6, "bad_time": 4, "unknown": 1}))


def test_offsets_beyond_the_log_start_a_recount(producer: Producer, redis: Redis, settings: Settings) -> None:
    for stream in (Stream.EVENTS, Stream.VALID, Stream.DLQ):
        produce(producer, stream, 3)
    ledger = Ledger()
    ledger.books[Stream.VALID].offsets = {0: 900}
    ledger.books[Stream.VALID].rows = 900
    redis.set(tally_key(NAME), msgspec.json.encode(ledger))
    run(Tally(settings), Counts(3, 3, 3, {"unknown": 3}))


def test_without_a_broker_nothing_is_known(redis: Redis, redis_url: str, tmp_path: Path) -> None:
    tally = Tally(make_settings(tmp_path, redis_url))
    tally.start()
    try:
        eventually(lambda: "does not answer" in tally.away)
        assert tally.counts(NAME) == Counts()
    finally:
        tally.stop()
