"""The options of Kafka sources and sinks that every job shares, and where a first start begins to read."""

from __future__ import annotations

from core.connect.kafka import consumer
from core.names import Job, consumer_group

LARGEST_MESSAGE = 16 * 2**20
"""Bytes: the client's limit is out of the way, the topic's own decides."""


def source(url: str, job: Job, application: str, committed_only: bool = False) -> dict[str, str]:
    """Options of a source.

    Flink reads on from its checkpoint. When the log no longer holds that offset, the job fails and says so:
    `none` forbids the silent jump to another one. Without a checkpoint it reads from the group's offsets,
    which `rewind` has put at the beginning.
    """
    return {
        "properties.bootstrap.servers": url,
        "properties.group.id": consumer_group(job, application),
        "properties.client.id.prefix": f"{job}-{application}",
        "properties.isolation.level": "read_committed" if committed_only else "read_uncommitted",
        "scan.startup.mode": "group-offsets",
        "properties.auto.offset.reset": "none",
    }


def sink(url: str, job: Job, topic: str) -> dict[str, str]:
    """Options of an exactly-once sink: one transaction per checkpoint."""
    return {
        "properties.bootstrap.servers": url,
        "sink.delivery-guarantee": "exactly-once",
        "sink.transactional-id-prefix": f"millrace-{job}-{topic}",
        # Reuses transaction names; the default makes new ones at every checkpoint, and the broker
        # remembers each for a week.
        "sink.transaction-naming-strategy": "POOLING",
        "properties.transaction.timeout.ms": "600000",
        "properties.compression.type": "lz4",
        "properties.linger.ms": "20",
        "properties.batch.size": "131072",
        "properties.max.request.size": str(LARGEST_MESSAGE),
    }


def rewind(url: str, job: Job, application: str, topic: str) -> dict[int, int]:
    """Puts the job's group at the beginning of a topic; returns the offset per partition.

    For a job without a checkpoint: what it had committed is not known, so all that the log holds is read.
    Raises KafkaException when the broker or the topic is missing.
    """
    from confluent_kafka import KafkaException, TopicPartition

    client = consumer(url, consumer_group(job, application))
    try:
        found = client.list_topics(topic, timeout=10).topics[topic]
        if found.error:
            raise KafkaException(found.error)
        starts = {
            p: client.get_watermark_offsets(TopicPartition(topic, p), timeout=10)[0] for p in found.partitions
        }
        client.commit(offsets=[TopicPartition(topic, p, o) for p, o in starts.items()], asynchronous=False)
    finally:
        client.close()
    return starts
