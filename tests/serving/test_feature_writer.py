"""The writer of the latest features against librdkafka's own broker and a real Redis."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
import pytest
from confluent_kafka import Producer
from redis import Redis

from core.names import Stream, features_report_key, topic
from core.settings import Settings
from serving.features import writer as writing
from serving.features.reader import latest
from serving.features.report import Report
from serving.features.writer import Writer
from tests.serving.conftest import eventually, make_settings
from tests.serving.feature_rows import message
from tests.serving.models import CLASSIFIER

NAME = CLASSIFIER.name


@pytest.fixture
def producer() -> Iterator[Producer]:
    made = Producer({"test.mock.num.brokers": 1, "client.id": "tests", "linger.ms": 1})
    yield made
    made.flush(5)


@pytest.fixture
def settings(producer: Producer, redis_url: str, tmp_path: Path) -> Settings:
    broker = next(iter(producer.list_topics(timeout=10).brokers.values()))
    return make_settings(tmp_path, redis_url, f"{broker.host}:{broker.port}")


@contextmanager
def running(settings: Settings) -> Iterator[None]:
    writer = Writer(settings)
    thread = threading.Thread(target=writer.run)
    thread.start()
    try:
        yield
    finally:
        writer.stop()
        thread.join(20)
        assert not thread.is_alive()


def produce(producer: Producer, first: int, count: int) -> None:
    """Events, and their feature rows: each names the place of its event; two entities in turn."""
    for n in range(first, first + count):
        entity = f"e{n % 2}"
        producer.produce(topic(NAME, Stream.EVENTS), b"an event", key=entity.encode(), partition=0)
        row = message(CLASSIFIER, entity, n, offset=n, late=n % 10 == 9)
        producer.produce(topic(NAME, Stream.FEATURES), row, key=entity.encode())
    assert producer.flush(10) == 0


def report(redis: Redis) -> Report:
    text = redis.get(features_report_key(NAME))
    return msgspec.json.decode(text, type=Report) if isinstance(text, bytes) else Report()


def seconds(redis: Redis, entity: str) -> int | None:
    found = latest(redis, CLASSIFIER, entity)
    return None if found is None else found.source_offset


def test_it_reads_on_where_it_stopped(producer: Producer, redis: Redis, settings: Settings) -> None:
    produce(producer, 0, 30)
    with running(settings):
        eventually(lambda: report(redis).book.rows == 30)
    assert (seconds(redis, "e0"), seconds(redis, "e1")) == (28, 27)
    produce(producer, 30, 20)
    with running(settings):
        eventually(lambda: report(redis).book.rows == 50)
    assert (seconds(redis, "e0"), seconds(redis, "e1")) == (48, 47)
    assert (report(redis).late, sum(report(redis).ages.counts)) == (5, 50)


def test_freshness_counts_from_the_arrival_not_from_event_time(
    producer: Producer, redis: Redis, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writing, "SAMPLE_SECONDS", 0.0)
    monkeypatch.setattr(writing, "HEARTBEAT_SECONDS", 0.2)
    produce(producer, 0, 20)
    with running(settings):
        eventually(lambda: report(redis).recent)
    [(at, delay), *_] = report(redis).recent
    assert 0 <= delay < 20, "the rows' event time is another day"
    assert report(redis).freshness(at) is not None


def test_a_log_that_does_not_go_so_far_is_counted_anew(
    producer: Producer, redis: Redis, settings: Settings
) -> None:
    produce(producer, 0, 20)
    old = Report(late=7, clock_ms=1)
    old.book.offsets, old.book.rows = {0: 900}, 900
    redis.set(features_report_key(NAME), msgspec.json.encode(old))
    with running(settings):
        eventually(lambda: report(redis).book.rows == 20)
    assert report(redis).late == 2
    assert seconds(redis, "e0") == 18
