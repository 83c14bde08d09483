"""Clients of the broker, set up the same way everywhere."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from confluent_kafka import Consumer, Producer
    from confluent_kafka.admin import AdminClient


def producer(url: str, client: str, **options: Any) -> Producer:
    """An idempotent producer: retries neither lose, double nor reorder messages.

    The partitioner is that of Java clients (murmur2), so an entity has one partition number everywhere.
    """
    from confluent_kafka import Producer

    return Producer(
        {
            "bootstrap.servers": url,
            "client.id": client,
            "enable.idempotence": True,
            "partitioner": "murmur2_random",
            "compression.type": "lz4",
            "linger.ms": 5,
            "delivery.timeout.ms": 120_000,
            "queue.buffering.max.kbytes": 65_536,
        }
        | options
    )


def consumer(url: str, group: str, **options: Any) -> Consumer:
    """A consumer that commits nothing by itself and says when a partition is drained."""
    from confluent_kafka import Consumer

    return Consumer(
        {
            "bootstrap.servers": url,
            "group.id": group,
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "auto.offset.reset": "error",
            "fetch.wait.max.ms": 50,
            # A full queue is looked at again so soon; after the default of a second it has long been empty.
            "fetch.queue.backoff.ms": 10,
            "queued.max.messages.kbytes": 16_384,
        }
        | options
    )


def admin(url: str, **options: Any) -> AdminClient:
    """A client that makes and lists topics."""
    from confluent_kafka.admin import AdminClient

    # Its notices (level 6) would stand between the lines of a command.
    config: dict[str, Any] = {"bootstrap.servers": url, "log_level": 4}
    return AdminClient(config | options)
