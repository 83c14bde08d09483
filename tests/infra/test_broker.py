"""The topics of the local broker: they count as made once every partition has a leader that answers."""

from __future__ import annotations

from concurrent.futures import Future
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from core.applications import APPLICATIONS
from core.names import Stream, topic
from infra.local import broker


@dataclass
class Young:
    """An admin client of a broker that was made a moment ago: its first answers are errors."""

    errors: list[int]
    partitions: int = 2
    calls: list[list[TopicPartition]] = field(default_factory=list)

    def list_topics(self, timeout: float) -> Any:
        return SimpleNamespace(
            topics={"t": SimpleNamespace(partitions=dict.fromkeys(range(self.partitions)))}
        )

    def list_offsets(self, wanted: dict[TopicPartition, Any]) -> dict[TopicPartition, Future[Any]]:
        self.calls.append(list(wanted))
        answers: dict[TopicPartition, Future[Any]] = {}
        for one in wanted:
            answers[one] = Future()
            if self.errors and one.partition == 1:
                answers[one].set_exception(KafkaException(KafkaError(self.errors.pop(0))))
            else:
                answers[one].set_result(SimpleNamespace(offset=10 * (one.partition + 1)))
        return answers


def ends(client: Young, *topics: str) -> int:
    return broker.end_offsets(client, topics)  # type: ignore[arg-type]


def test_partitions_without_a_leader_are_waited_for() -> None:
    client = Young([KafkaError.NOT_LEADER_FOR_PARTITION, KafkaError.LEADER_NOT_AVAILABLE])
    assert ends(client, "t") == 30
    assert len(client.calls) == 3


def test_other_errors_are_told_at_once() -> None:
    client = Young([KafkaError.TOPIC_AUTHORIZATION_FAILED])
    with pytest.raises(KafkaException):
        ends(client, "t")
    assert len(client.calls) == 1


def test_a_topic_that_stays_away_is_an_error_not_an_empty_topic(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker.end_offsets.retry, "stop", lambda _: True)
    for client, name in ((Young([]), "other"), (Young([], partitions=0), "t")):
        with pytest.raises(KafkaException, match=name):
            ends(client, name)


def test_no_topics_hold_nothing() -> None:
    assert ends(Young([])) == 0


def test_events_are_dated_by_the_broker() -> None:
    dated = {
        name for name in broker.missing_topics([]) if "message.timestamp.type" in broker.topic_config(name)
    }
    assert dated == {topic(name, Stream.EVENTS) for name in APPLICATIONS}
