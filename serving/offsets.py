"""What the broker says of its topics: which there are, where each partition begins and ends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from core.applications import APPLICATIONS
from core.connect import kafka
from core.names import Stream, topic
from serving.ledger import Book

if TYPE_CHECKING:
    from confluent_kafka import KafkaError, TopicPartition

ANSWER_SECONDS = 2.0


class NoBroker(Exception):
    """The broker does not answer within its time."""


class Again(Exception):
    """The topics have changed under a reader: it starts over from what is stored."""


def moved(error: KafkaError) -> bool:
    """Whether a consumer's error says that its topics have changed."""
    from confluent_kafka import KafkaError

    return error.code() in (
        KafkaError.OFFSET_OUT_OF_RANGE,
        KafkaError._AUTO_OFFSET_RESET,
        KafkaError.UNKNOWN_TOPIC_OR_PART,
        KafkaError._UNKNOWN_TOPIC,
        KafkaError._UNKNOWN_PARTITION,
    )


class LogReader:
    """Asks the broker about topics; every question has a time limit and raises NoBroker past it."""

    def __init__(self, url: str) -> None:
        self._url = url
        # Its own lines about a lost connection come twenty a second; `NoBroker` says it once.
        self._admin = kafka.admin(url, log_level=2)

    def ends(self, stream: Stream) -> dict[str, int]:
        """Messages ever written to the topics of a stream, by topic; topics that don't exist are left out.

        For topics without transactions: offsets are dense, and what retention dropped still counts.
        """
        partitions = self._partitions({topic(name, stream) for name in APPLICATIONS})
        from confluent_kafka.admin import OffsetSpec

        ends = self._offsets(partitions, OffsetSpec.latest())
        return {name: sum(ends[name, p] for p in found) for name, found in partitions.items()}

    def start(self, books: Mapping[str, Book]) -> list[TopicPartition]:
        """Brings the books, by topic, in line with the log and returns where to go on reading."""
        from confluent_kafka import TopicPartition
        from confluent_kafka.admin import OffsetSpec

        partitions = self._partitions(books)
        first = self._offsets(partitions, OffsetSpec.earliest())
        last = self._offsets(partitions, OffsetSpec.latest())
        ids = self._ids(partitions)
        found = []
        for name, book in books.items():
            numbers = partitions.get(name, ())
            book.begin(ids.get(name, ""), {p: (first[name, p], last[name, p]) for p in numbers})
            found += [TopicPartition(name, p, at) for p, at in book.offsets.items()]
        return found

    def changed(self, books: Mapping[str, Book]) -> bool:
        """Whether topics or partitions have come, gone, or been made anew since `start`."""
        partitions = self._partitions(books)
        ids = self._ids(partitions)
        return any(
            set(partitions.get(name, ())) != book.offsets.keys()
            or (name in ids and ids[name] != book.topic_id)
            for name, book in books.items()
        )

    def _partitions(self, wanted: Iterable[str]) -> dict[str, list[int]]:
        from confluent_kafka import KafkaException

        try:
            known = self._admin.list_topics(timeout=ANSWER_SECONDS).topics
        except KafkaException as error:
            raise NoBroker(f"the broker at {self._url} does not answer: {error.args[0].str()}") from None
        return {
            name: sorted(known[name].partitions)
            for name in wanted
            if name in known and known[name].error is None and known[name].partitions
        }

    def _offsets(self, partitions: Mapping[str, list[int]], which: Any) -> dict[tuple[str, int], int]:
        from confluent_kafka import KafkaException, TopicPartition

        asked = {TopicPartition(name, p): which for name, numbers in partitions.items() for p in numbers}
        if not asked:
            return {}
        try:
            futures = self._admin.list_offsets(asked, request_timeout=ANSWER_SECONDS)
            return {
                (at.topic, at.partition): future.result(timeout=2 * ANSWER_SECONDS).offset
                for at, future in futures.items()
            }
        except (KafkaException, TimeoutError) as error:
            raise NoBroker(f"the broker at {self._url} does not tell its offsets: {error}") from None

    def _ids(self, partitions: Mapping[str, list[int]]) -> dict[str, str]:
        """Topic -> the broker's id of it; nothing where the broker can't tell: offsets must do then."""
        from confluent_kafka import KafkaException, TopicCollection

        if not partitions:
            return {}
        try:
            futures = self._admin.describe_topics(
                TopicCollection(list(partitions)), request_timeout=ANSWER_SECONDS
            )
            return {name: str(f.result(timeout=2 * ANSWER_SECONDS).topic_id) for name, f in futures.items()}
        except (KafkaException, TimeoutError):
            return {}
