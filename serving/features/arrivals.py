"""When did an event arrive at the broker? The freshness of its features counts from there.

Not from event time: history that is produced now is days old by event time, and fresh all the same.
"""

from __future__ import annotations

from time import monotonic

from core.connect import kafka
from core.names import Stream, topic
from serving.features.store import Row

LOOK_SECONDS = 1.0


class Arrivals:
    """Reads single messages of the topics `events`."""

    def __init__(self, broker: str) -> None:
        self._consumer = kafka.consumer(
            broker,
            "millrace-arrivals",  # it commits nothing
            **{
                "client.id": "arrivals",
                "log_level": 2,
                # One message is wanted: what lies behind it is read for nothing.
                "queued.min.messages": 1,
                "fetch.message.max.bytes": 65_536,
            },
        )

    def of(self, application: str, row: Row) -> float | None:
        """Seconds since 1970 at which the row's event was produced; None where it is no longer kept."""
        from confluent_kafka import TIMESTAMP_NOT_AVAILABLE, TopicPartition

        place = TopicPartition(topic(application, Stream.EVENTS), row.source_partition, row.source_offset)
        until = monotonic() + LOOK_SECONDS
        self._consumer.assign([place])
        try:
            while (left := until - monotonic()) > 0:
                message = self._consumer.poll(left)
                if message is None or message.error():
                    return None
                if message.offset() == row.source_offset:
                    kind, ms = message.timestamp()
                    return None if kind == TIMESTAMP_NOT_AVAILABLE else ms / 1000
        finally:
            self._consumer.unassign()
        return None

    def close(self) -> None:
        """Ends the connection."""
        self._consumer.close()
