"""The rows in Redis: the newest per entity, and with them the offsets up to which they hold.

    rows -> newest per entity -> newer than the stored one? -> ONE transaction: rows, times, report

Event time never goes back for an entity, whatever order rows come in. Entities without a row for as long as
the longest window (`core.features.horizon`) are taken out, by the application's own event time: Redis 7.0 has
no expiry of single fields, and a stream that rests must not lose what it knew.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING, Any

import msgspec

from core import names
from core.declaration import Application
from core.features import horizon
from serving.features.report import AGE_BOUNDS, Report

if TYPE_CHECKING:
    from redis import Redis

SWEEP_SECONDS = 10.0
SWEEP_ENTITIES = 5000
"""Entities that are taken out at a time: Redis answers nobody else meanwhile."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MS = timedelta(milliseconds=1)


class OtherWriter(Exception):
    """Someone else has written since: the state must be read again."""


class Row(msgspec.Struct, frozen=True, gc=False):
    """What of a message of the topic `features` the writer looks at; the rest goes to Redis as it is."""

    source_partition: int
    source_offset: int
    event_time: datetime
    late: bool
    age_s: float

    @property
    def time_ms(self) -> int:
        """Event time in ms since 1970."""
        return (self.event_time - _EPOCH) // _MS


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A message of the topic: where it lay, whose it is, and its bytes."""

    partition: int
    offset: int
    entity: bytes
    value: bytes


_rows = msgspec.json.Decoder(Row)


@dataclass(slots=True)
class FeatureStore:
    """The latest features of one application, as its writer sees them."""

    redis: Redis
    application: Application
    report: Report = field(default_factory=Report)
    _stored: Any = None
    """The report as it lies in Redis: whoever changes it has written."""
    _swept: float = float("-inf")

    def load(self) -> None:
        """Goes on from what Redis holds."""
        self._stored = self.redis.get(names.features_report_key(self.application.name))
        self.report = msgspec.json.decode(self._stored, type=Report) if self._stored else Report()

    def write(self, letters: Iterable[Letter]) -> Row | None:
        """Stores the rows and that they were read, both or neither; returns one timely row of them.

        Raises OtherWriter, and Redis's errors: `load` brings report and Redis together again.
        """
        newest, sample = self._read(letters)
        self._store(newest)
        return sample

    def _read(self, letters: Iterable[Letter]) -> tuple[dict[bytes, tuple[int, bytes]], Row | None]:
        """Counts the rows; the newest per entity, and a row from the middle."""
        report, book = self.report, self.report.book
        newest: dict[bytes, tuple[int, bytes]] = {}
        timely: list[Row] = []
        for letter in letters:
            if letter.offset < book.offsets.get(letter.partition, 0):
                continue
            book.count(letter.partition, letter.offset, "")
            try:
                row = _rows.decode(letter.value)
            except msgspec.DecodeError:
                report.unreadable += 1
                continue
            report.ages.add(AGE_BOUNDS, row.age_s)
            if row.late:
                report.late += 1  # nothing is known at its time
                continue
            timely.append(row)
            time = row.time_ms
            if time >= newest.get(letter.entity, (0, b""))[0]:
                newest[letter.entity] = time, letter.value
        if newest:
            report.clock_ms = max(report.clock_ms, max(time for time, _ in newest.values()))
        return newest, timely[len(timely) // 2] if timely else None

    def _store(self, newest: dict[bytes, tuple[int, bytes]]) -> None:
        from redis.exceptions import WatchError

        name = self.application.name
        rows, times, report = (
            key(name) for key in (names.features_key, names.features_times_key, names.features_report_key)
        )
        oldest = self.report.clock_ms - horizon(self.application) // _MS
        client: Any = self.redis  # the types of its pipelines say too little
        with client.pipeline() as pipe:
            pipe.watch(report)
            if pipe.get(report) != self._stored:
                raise OtherWriter(f"the features of {name} were written by someone else")
            fresh = self._newer(pipe, times, newest, oldest)
            expired = self._expired(pipe, times, oldest)
            pipe.multi()
            if expired:  # before the rows: one of them may be back
                pipe.hdel(rows, *expired)
                pipe.zrem(times, *expired)
            if fresh:
                pipe.hset(rows, mapping={entity: value for entity, (_, value) in fresh.items()})
                pipe.zadd(times, {entity: time for entity, (time, _) in fresh.items()})
            self.report.written = datetime.now(UTC)
            text = msgspec.json.encode(self.report)
            pipe.set(report, text)
            pipe.zcard(times)
            try:
                *_, held = pipe.execute()
            except WatchError as error:
                raise OtherWriter(str(error)) from None
        self.report.entities = held  # one write behind in Redis: it is known only now
        self._stored = text

    @staticmethod
    def _newer(
        pipe: Any, times: str, newest: dict[bytes, tuple[int, bytes]], oldest: int
    ) -> dict[bytes, tuple[int, bytes]]:
        """Those not older than what is stored, nor so old that they would be taken out again."""
        if not newest:
            return {}
        stored = pipe.zmscore(times, list(newest))
        return {
            entity: one
            for (entity, one), time in zip(newest.items(), stored, strict=True)
            if one[0] >= oldest and (time is None or one[0] >= time)
        }

    def _expired(self, pipe: Any, times: str, oldest: int) -> list[bytes]:
        """Entities that nothing was heard of for longer than any window; looked for now and then."""
        if monotonic() - self._swept < SWEEP_SECONDS:
            return []
        found: list[bytes] = pipe.zrangebyscore(times, "-inf", f"({oldest}", start=0, num=SWEEP_ENTITIES)
        if len(found) < SWEEP_ENTITIES:
            self._swept = monotonic()
        return found
