"""The tables besides `events`: dead letters as they came, answers once each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import msgspec
import pandas as pd
import pyarrow as pa
import pytest
from deltalake import DeltaTable

from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering
from core.features import features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, Table
from core.records import Prediction
from core.schemas import TABLES, table_spec
from core.validation import Reason, Rejected
from flink_jobs.check import headers
from flink_jobs.commit import CommitMap
from flink_jobs.tables import create, table_uri

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))
ANY = next(iter(APPLICATIONS.values()))
TOPIC = "topic"


def commit_map(lake: Path, application: Application, table: Table) -> CommitMap:
    create(str(lake), application, table_spec(table))
    return CommitMap(application.name, table, TOPIC, table_uri(str(lake), application.name, table))


def rows(commit: CommitMap) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DeltaTable(commit.uri).to_pyarrow_table().to_pylist()
    return sorted(found, key=lambda row: (row[SOURCE_PARTITION], row[SOURCE_OFFSET]))


def prediction(application: Application, partition: int, offset: int, **more: Any) -> bytes:
    values: dict[str, Any] = {
        "application": application.name,
        "event_id": f"e{offset}",
        "entity": "someone",
        "event_time": datetime(2026, 5, 4, 12, 0, 0, 250_000, tzinfo=UTC),
        "source_partition": partition,
        "source_offset": offset,
        "model": "some_model",
        "version": 3,
        "value": 1.5,
        "probability": None,
        "threshold": None,
        "asked_at": datetime(2026, 5, 4, 13, tzinfo=UTC),
    }
    if isinstance(application.task, Classification):
        values |= {"value": True, "probability": 0.75, "threshold": 0.5}
    if isinstance(application.task, Clustering):
        values["value"] = 2
    return msgspec.json.encode(Prediction(**values | more))


def send(commit: CommitMap, first: int, messages: Sequence[bytes], partition: int = 0) -> None:
    """Messages of one partition of the topic of answers, the first one at offset `first`."""
    count = len(messages)
    commit(
        pd.DataFrame(
            {
                "key": [b"k"] * count,
                "payload": messages,
                "p": [partition] * count,
                "o": range(first, first + count),
            }
        )
    )


def letters(
    commit: CommitMap,
    first: int,
    found: Sequence[tuple[bytes | None, bytes | None, Rejected]],
    source: int | None = None,
    partition: int = 0,
) -> None:
    """Dead letters of one partition, as Flink hands them over: headers as columns, the time as text."""
    source = 100 + first if source is None else source
    carried = [headers(why, 2, source + n) for n, (_, _, why) in enumerate(found)]
    frame = pd.DataFrame(
        {
            "key": [key for key, _, _ in found],
            "payload": [payload for _, payload, _ in found],
            "p": [partition] * len(found),
            "o": range(first, first + len(found)),
            "sent_at": ["2026-05-04 23:59:59.123"] * len(found),
        },
    )
    for name in carried[0]:
        frame[str(name)] = [one[name].encode() for one in carried]
    commit(frame)


def test_a_dead_letter_is_kept_as_it_came(tmp_path: Path) -> None:
    commit = commit_map(tmp_path, ANY, Table.REJECTS)
    why = Rejected(Reason.OUT_OF_RANGE, "amount", "expected `float` >= 0.01")
    letters(
        commit,
        0,
        [(b"\xff\x00", b"{not json \xfe", why), (None, None, Rejected(Reason.EMPTY, "", "no bytes"))],
    )
    first, second = rows(commit)
    assert first == {
        "reason": "out_of_range",
        "field": "amount",
        "detail": "expected `float` >= 0.01",
        "source_partition": 2,
        "source_offset": 100,
        "rejected_at": datetime(2026, 5, 4, 23, 59, 59, 123_000, tzinfo=UTC),
        "message_key": b"\xff\x00",
        "payload": b"{not json \xfe",
        "event_date": date(2026, 5, 4),
    }
    assert (second["reason"], second["message_key"], second["payload"]) == ("empty", None, None)


def test_a_dead_letter_that_is_read_again_is_there_once(tmp_path: Path) -> None:
    commit = commit_map(tmp_path, ANY, Table.REJECTS)
    one = (b"k", b"x", Rejected(Reason.MALFORMED_JSON, "", "no JSON"))
    letters(commit, 0, [one, one])
    letters(commit, 0, [one, one, one])
    assert [row[SOURCE_OFFSET] for row in rows(commit)] == [100, 101, 102]


@EVERY
def test_an_answer_is_typed_by_its_task(application: Application, tmp_path: Path) -> None:
    commit = commit_map(tmp_path, application, Table.PREDICTIONS)
    send(commit, 0, [prediction(application, 0, 7)])
    [row] = rows(commit)
    assert row.pop("event_date") == date(2026, 5, 4)
    assert Prediction(**row) == msgspec.json.decode(prediction(application, 0, 7), type=Prediction)
    kind = {Classification: bool, Clustering: int}.get(type(application.task), float)
    assert type(row["value"]) is kind


def test_an_answer_that_is_published_again_is_dropped(tmp_path: Path) -> None:
    """A killed learner goes on from its snapshot: the topic holds some answers twice, the table does not."""
    commit = commit_map(tmp_path, ANY, Table.PREDICTIONS)
    answers = [prediction(ANY, 0, n, version=1) for n in range(0, 20, 2)]
    again = [prediction(ANY, 0, n, version=2) for n in range(10, 30, 2)]
    send(commit, 0, answers + again[:2])
    send(commit, 12, again[2:])
    assert [(row[SOURCE_OFFSET], row["version"]) for row in rows(commit)] == [
        (n, 1 if n < 20 else 2) for n in range(0, 30, 2)
    ]


def test_a_dead_letter_that_was_written_again_is_there_once(tmp_path: Path) -> None:
    """`ingest` lost its newest checkpoint: the same letters lie further on in the topic."""
    commit = commit_map(tmp_path, ANY, Table.REJECTS)
    one = (b"k", b"x", Rejected(Reason.MALFORMED_JSON, "", "no JSON"))
    letters(commit, 0, [one, one, one], source=100)
    letters(commit, 3, [one, one], source=101)
    letters(commit, 5, [one], source=103)
    assert [row[SOURCE_OFFSET] for row in rows(commit)] == [100, 101, 102, 103]


def test_a_dead_letter_without_a_key_is_known_in_another_partition(tmp_path: Path) -> None:
    """Without a key, the second writing puts it where it likes."""
    commit = commit_map(tmp_path, ANY, Table.REJECTS)
    one = (None, b"x", Rejected(Reason.MISSING_KEY, ANY.key, "no key"))
    letters(commit, 0, [one, one], source=100)
    letters(commit, 0, [one, one, one], source=100, partition=1)
    letters(commit, 0, [one], source=99, partition=2)
    assert [row[SOURCE_OFFSET] for row in rows(commit)] == [99, 100, 101, 102]


def test_a_batch_of_repeats_only_still_moves_the_topics_offset(tmp_path: Path) -> None:
    commit = commit_map(tmp_path, ANY, Table.PREDICTIONS)
    send(commit, 0, [prediction(ANY, 0, n) for n in range(3)])
    send(commit, 3, [prediction(ANY, 0, n) for n in range(3)])
    send(commit, 3, [prediction(ANY, 0, n) for n in range(6)])
    assert [row[SOURCE_OFFSET] for row in rows(commit)] == [0, 1, 2, 3, 4, 5]


@EVERY
def test_every_table_ends_with_its_day(application: Application) -> None:
    for spec in TABLES:
        schema = spec.schema(application)
        assert schema.names[-1] == "event_date"
        assert spec.time(application) in schema.names
        assert {SOURCE_PARTITION, SOURCE_OFFSET} <= set(schema.names)


def measured(application: Application, offset: int, time: str, *, late: bool = False) -> bytes:
    """A message of the topic `features`, as Flink writes it."""
    row: dict[str, Any] = {"key": "someone", SOURCE_PARTITION: 1, SOURCE_OFFSET: offset, "event_time": time}
    for n, one in enumerate(features(application)):
        row[one.name] = None if late else n if one.integer else n + 0.5
    return msgspec.json.encode(row | {"late": late, "age_s": 1.25e-3})


@EVERY
def test_features_are_typed_and_null_on_late_rows(application: Application, tmp_path: Path) -> None:
    commit = commit_map(tmp_path, application, Table.FEATURES)
    late = measured(application, 8, "2026-05-04T00:00:00Z", late=True)
    send(commit, 0, [late, measured(application, 7, "2026-05-03T23:59:59.123Z")])
    send(commit, 1, [measured(application, 7, "2026-05-03T23:59:59.123Z")])
    timely, behind = rows(commit)
    assert timely.pop("event_date") == date(2026, 5, 3)
    assert timely.pop("event_time") == datetime(2026, 5, 3, 23, 59, 59, 123_000, tzinfo=UTC)
    assert (timely["key"], timely["source_partition"], timely["source_offset"]) == ("someone", 1, 7)
    assert (timely["late"], timely["age_s"]) == (False, 0.00125)
    assert behind["late"] is True
    for n, one in enumerate(features(application)):
        assert timely[one.name] == (n if one.integer else n + 0.5)
        assert type(timely[one.name]) is (int if one.integer else float)
        assert behind[one.name] is None


def test_a_feature_that_the_declaration_does_not_have_is_an_error(tmp_path: Path) -> None:
    commit = commit_map(tmp_path, ANY, Table.FEATURES)
    row = measured(ANY, 0, "2026-05-04T00:00:00Z").replace(b'{"key"', b'{"surprise":1,"key"')
    with pytest.raises(pa.ArrowInvalid, match="unexpected field"):
        send(commit, 0, [row])
