"""The real client against the broker that librdkafka plays within a process."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import pytest
from confluent_kafka import Producer

from core.names import Stream, topic
from learners.source import Kept, Source

NAME = "toy"
TOPIC = topic(NAME, Stream.VALID)
PARTITIONS = 3


class Mock:
    """A broker in memory with one topic; lives as long as its producer."""

    def __init__(self) -> None:
        self.producer = Producer({"bootstrap.servers": "none", "test.mock.num.brokers": 1})
        brokers = self.producer.list_topics(timeout=10).brokers.values()
        self.url = ",".join(f"{one.host}:{one.port}" for one in brokers)

    def produce(self, count: int) -> None:
        """So many messages in each partition."""
        for n in range(count * PARTITIONS):
            self.producer.produce(TOPIC, str(n).encode(), partition=n % PARTITIONS)
        assert not self.producer.flush(10)


@pytest.fixture
def mock() -> Mock:
    return Mock()


@pytest.fixture
def source(mock: Mock) -> Iterator[Source]:
    mock.produce(100)
    one = Source(mock.url, NAME)
    yield one
    one.close()


def read(source: Source, count: int, seconds: float = 10) -> list[tuple[int, int]]:
    """Partition and offset of what comes until there are so many, or the time is over."""
    found: list[tuple[int, int]] = []
    deadline = time.monotonic() + seconds
    while len(found) < count and time.monotonic() < deadline:
        found += [(one.partition(), one.offset()) for one in source.poll(1000, 0.05).messages]
    return found


def test_what_is_held_is_not_read_and_goes_on_where_it_was(mock: Mock, source: Source) -> None:
    kept = source.kept(threading.Event(), lambda why: None)
    assert kept[0] == Kept(0, 100)
    source.begin(dict.fromkeys(range(PARTITIONS), 0), None)
    assert len(read(source, 300)) == 300
    for partition in range(PARTITIONS):
        source.hold(partition, True)
    mock.produce(20)
    assert read(source, 1, seconds=1) == []
    assert source.behind(dict.fromkeys(range(PARTITIONS), 100)) == 60, (
        "asked of the broker, not of the last fetch"
    )
    for partition in range(PARTITIONS):
        source.hold(partition, False)
    assert sorted(read(source, 60)) == [(p, offset) for p in range(PARTITIONS) for offset in range(100, 120)]


def test_a_new_beginning_holds_nothing(mock: Mock, source: Source) -> None:
    source.begin(dict.fromkeys(range(PARTITIONS), 0), None)
    assert len(read(source, 300)) == 300
    for partition in range(PARTITIONS):
        source.hold(partition, True)
    source.begin(dict.fromkeys(range(PARTITIONS), 90), None)
    assert sorted(read(source, 30)) == [(p, offset) for p in range(PARTITIONS) for offset in range(90, 100)]


def test_who_has_answered_is_known_by_the_topic_of_answers(mock: Mock, source: Source) -> None:
    assert not source.answered()
    mock.producer.produce(topic(NAME, Stream.PREDICTIONS), b"{}")
    mock.producer.flush(10)
    assert source.answered()
