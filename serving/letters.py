"""The dead letters of one application: counted, shown, and produced again, each at most once.

table rejects -> matching -> not yet replayed (Redis) -> claim -> topic events -> confirm

A letter is claimed before it is produced and confirmed when the broker has it. Two callers never both claim
one. If the API dies between claim and confirmation, the letter stays claimed ("sent"): it is not produced
again, and `unconfirmed` counts it, so that nothing is counted twice.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from functools import partial
from typing import TYPE_CHECKING, Any

from core import names
from core.connect import kafka
from core.names import SOURCE_OFFSET, SOURCE_PARTITION, RejectHeader, ReplayHeader, Stream
from core.schemas import REJECTED_AT
from serving.tables import LakeTable

if TYPE_CHECKING:
    import pyarrow as pa
    from redis import Redis

PREVIEW = 500
"""Characters of a value that are shown."""

CHUNK = 500
"""Letters that are read and produced at a time."""

DELIVERY_SECONDS = 20

Key = tuple[int, int]
"""Source partition and offset: the letter's identity."""


class ReplayState(StrEnum):
    """What is known of a letter that was taken for a replay."""

    SENT = "sent"
    DONE = "done"


@dataclass(frozen=True, slots=True)
class Choice:
    """Which letters are meant; None means all."""

    reason: str | None = None
    field: str | None = None
    since: datetime | None = None

    def expression(self) -> Any:
        """The filter for a dataset, or None."""
        import pyarrow.compute as pc

        parts = []
        if self.reason is not None:
            parts.append(pc.field(RejectHeader.REASON) == self.reason)
        if self.field is not None:
            parts.append(pc.field(RejectHeader.FIELD) == self.field)
        if self.since is not None:
            parts.append(pc.field(REJECTED_AT) >= self.since)
        whole = parts[0] if parts else None
        for part in parts[1:]:
            whole = whole & part
        return whole


@dataclass(slots=True)
class Replayed:
    """What became of a replay."""

    matching: int = 0
    already: int = 0
    """Were replayed before, or claimed."""
    selected: int = 0
    delivered: int = 0
    failed: int = 0
    """The broker did not take them: they can be replayed again."""


class Letters:
    """The dead letters of an application. Every call reads the newest version; raises NoTable."""

    def __init__(self, application: str, table: LakeTable, redis: Redis) -> None:
        self._topic = names.topic(application, Stream.EVENTS)
        self._replays = names.replays_key(application)
        self._table = table
        self._redis = redis

    def counts(self, choice: Choice) -> Counter[tuple[str, str]]:
        """How many there are, by reason and field."""
        columns = self._rows([RejectHeader.REASON, RejectHeader.FIELD], choice.expression()).to_pydict()
        return Counter(zip(columns[RejectHeader.REASON], columns[RejectHeader.FIELD], strict=True))

    def newest(self, choice: Choice, limit: int) -> list[dict[str, Any]]:
        """The newest letters, each with its value as text and what became of its replay."""
        light = self._rows([REJECTED_AT, SOURCE_PARTITION, SOURCE_OFFSET], choice.expression())
        order = [(name, "descending") for name in (REJECTED_AT, SOURCE_PARTITION, SOURCE_OFFSET)]
        found = _keys(light.sort_by(order).slice(0, limit))
        rows = self._whole(found)
        states = self._states(found)
        return [
            {
                RejectHeader.REASON.value: row[RejectHeader.REASON],
                RejectHeader.FIELD.value: row[RejectHeader.FIELD],
                RejectHeader.DETAIL.value: row[RejectHeader.DETAIL],
                SOURCE_PARTITION: row[SOURCE_PARTITION],
                SOURCE_OFFSET: row[SOURCE_OFFSET],
                REJECTED_AT: row[REJECTED_AT],
                "key": _shown(row["message_key"]),
                "value": _shown(row["payload"]),
                "bytes": len(row["payload"] or b""),
                "replay": state,
            }
            for row, state in zip((rows[key] for key in found), states, strict=True)
        ]

    def replayed(self) -> Counter[str]:
        """Letters by ReplayState."""
        values: Any = self._redis.hvals(self._replays)
        return Counter(value.decode() for value in values)

    def replay(self, choice: Choice, limit: int, url: str, *, dry_run: bool) -> Replayed:
        """Produces the oldest matching letters that were not replayed before to the topic they came from."""
        light = self._rows([REJECTED_AT, SOURCE_PARTITION, SOURCE_OFFSET], choice.expression())
        order = [(name, "ascending") for name in (REJECTED_AT, SOURCE_PARTITION, SOURCE_OFFSET)]
        keys = _keys(light.sort_by(order))
        taken: Any = self._redis.hkeys(self._replays)
        known = set(taken)
        chosen = [key for key in keys if _field(key).encode() not in known]
        outcome = Replayed(matching=len(keys), already=len(keys) - len(chosen))
        chosen = chosen[:limit]
        outcome.selected = len(chosen)
        if chosen and not dry_run:
            self._produce(chosen, url, outcome)
        return outcome

    def _produce(self, chosen: Sequence[Key], url: str, outcome: Replayed) -> None:
        producer = kafka.producer(url, "millrace-replay", **{"delivery.timeout.ms": DELIVERY_SECONDS * 1000})
        for chunk in _chunks(chosen):
            rows = self._whole(chunk)
            reports: dict[Key, bool] = {}
            for key in self._claim(chunk):
                row = rows[key]
                marks = [(ReplayHeader.PARTITION, b"%d" % key[0]), (ReplayHeader.OFFSET, b"%d" % key[1])]
                producer.produce(
                    self._topic,
                    key=row["message_key"],
                    value=row["payload"],
                    headers=[(str(name), value) for name, value in marks],
                    on_delivery=partial(_reported, reports, key),
                )
            producer.flush(DELIVERY_SECONDS + 5)
            done, failed = ([key for key, good in reports.items() if good is kind] for kind in (True, False))
            outcome.delivered += len(done)
            outcome.failed += len(failed)
            self._settle(done, failed)
            if failed:
                break  # the broker is away: the rest would wait as long

    def _claim(self, keys: Sequence[Key]) -> list[Key]:
        """Those that nobody has claimed before; now they are ours."""
        with self._redis.pipeline(transaction=False) as pipe:
            for key in keys:
                pipe.hsetnx(self._replays, _field(key), ReplayState.SENT)
            return [key for key, new in zip(keys, pipe.execute(), strict=True) if new]

    def _settle(self, done: Sequence[Key], failed: Sequence[Key]) -> None:
        if done:
            self._redis.hset(self._replays, mapping={_field(key): ReplayState.DONE.value for key in done})
        if failed:
            self._redis.hdel(self._replays, *map(_field, failed))

    def _states(self, keys: Sequence[Key]) -> list[str | None]:
        if not keys:
            return []
        found: Any = self._redis.hmget(self._replays, [_field(key) for key in keys])
        return [None if state is None else state.decode() for state in found]

    def _rows(self, columns: Sequence[str] | None, expression: Any) -> pa.Table:
        import pyarrow as pa
        import pyarrow.dataset as ds

        files = list(self._table.current().files)
        if not files:
            schema = self._table.schema
            return schema.empty_table().select(list(columns or schema.names))
        schema = pa.schema([one for one in self._table.schema if one.name != names.EVENT_DATE])
        whole = ds.dataset(files, schema=schema, format="parquet")
        return whole.to_table(columns=[str(c) for c in columns] if columns else None, filter=expression)

    def _whole(self, keys: Sequence[Key]) -> dict[Key, dict[str, Any]]:
        """The letters with key and value, by identity."""
        import pyarrow.compute as pc

        wanted, found = set(keys), {}
        for chunk in _chunks(keys):
            near = pc.field(SOURCE_OFFSET).isin([offset for _, offset in chunk])
            for row in self._rows(None, near).to_pylist():
                key = row[SOURCE_PARTITION], row[SOURCE_OFFSET]
                if key in wanted:
                    found[key] = row
        return found


def _reported(reports: dict[Key, bool], key: Key, error: Any, _: Any) -> None:
    reports[key] = error is None


def _keys(rows: pa.Table) -> list[Key]:
    return list(zip(rows[SOURCE_PARTITION].to_pylist(), rows[SOURCE_OFFSET].to_pylist(), strict=True))


def _chunks(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    for start in range(0, len(keys), CHUNK):
        yield keys[start : start + CHUNK]


def _field(key: Key) -> str:
    return f"{key[0]}:{key[1]}"


def _shown(value: bytes | None) -> str | None:
    """The beginning of a value as text; bytes that are no text show as replacement characters."""
    return None if value is None else value[: 4 * PREVIEW].decode(errors="replace")[:PREVIEW]
