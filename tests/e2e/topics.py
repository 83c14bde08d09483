"""Reading whole topics, and writing single messages, in tests."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

from confluent_kafka import OFFSET_BEGINNING, KafkaError, TopicPartition

from core.connect import kafka
from producers.damage import Message

ANY = -1
"""The partition of a message whose key decides."""


@dataclass(frozen=True)
class Row:
    """A message as it lies in a topic."""

    partition: int
    key: bytes | None
    value: bytes
    headers: dict[str, bytes]


def read_all(url: str, topic: str) -> list[Row]:
    """Every committed message of a topic, from its beginning to its end of now."""
    consumer = kafka.consumer(url, "test-reader", **{"isolation.level": "read_committed"})
    rows: list[Row] = []
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        consumer.assign([TopicPartition(topic, number, OFFSET_BEGINNING) for number in partitions])
        drained: set[int] = set()
        while len(drained) < len(partitions):
            for message in consumer.consume(5000, timeout=1):
                error = message.error()
                if error is None:
                    pairs: Any = message.headers() or []
                    headers = {name: value or b"" for name, value in pairs}
                    rows.append(Row(message.partition() or 0, message.key(), message.value() or b"", headers))
                elif error.code() == KafkaError._PARTITION_EOF:
                    drained.add(message.partition() or 0)
                else:
                    raise AssertionError(error)
    finally:
        consumer.close()
    return rows


def send(url: str, topic: str, messages: Iterable[Message], partitions: Iterable[int] = repeat(ANY)) -> None:
    """Produces messages, each to its partition or to that of its key, and waits until all are delivered."""
    producer = kafka.producer(url, "test-writer", **{"queue.buffering.max.messages": 1_000_000})
    for n, ((key, value), partition) in enumerate(zip(messages, partitions, strict=False)):
        while True:
            try:
                producer.produce(topic, key=key, value=value, partition=partition)
                break
            except BufferError:
                producer.poll(0.1)
        if n % 10_000 == 0:
            producer.poll(0)
    left = producer.flush(120)
    assert left == 0, f"{left} messages were not delivered"
