"""Windowed features meet their events: an event waits for its own a little while, then goes on without.

    topic features -> by source (partition, offset) --.
    merged lessons -> waiting room, in order ----------`-> lessons with features -> the learner

The job `features` is a second or more behind the check. An event of now is waited for `wait_seconds`: an
answer that comes late is worth less than one that knows less. An event of long ago, as in a history, has
time: it waits as long as features keep coming, unless they went past it a good while ago: one row that was
lost must not hold back all that follows.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import structlog

from core.declaration import Application
from core.features import features
from core.names import SOURCE_OFFSET, SOURCE_PARTITION
from learners.every import Every
from learners.lessons import MICROSECONDS, Cells, Floats, Ints, Lessons, floats, integers
from learners.messages import MOST_OFFSETS, feature_row

URGENT_S = 30
"""An event is of now when it happened at most so long ago when it came."""

PATIENCE_S = 120.0
"""How long events of long ago wait when nothing is heard of features, for the job may be starting; and one of
them when the features of later ones have come."""

TRAIL_S = 1.0
"""How exactly it is remembered when features had come how far."""

MOST = 100_000
"""Rows of features that are kept for events that have not come."""

TELL_S = 60.0
"""Between two lines of the log about messages that can't be read."""

log = structlog.get_logger("millrace.learner")


class Remembered:
    """The waiting room of one application; times are seconds of a clock that never goes back."""

    def __init__(self, application: Application, wait_seconds: float) -> None:
        """`wait_seconds` 0 means that nothing is waited for."""
        self._decode = msgspec.json.Decoder(feature_row(application)).decode
        self._names = [one.name for one in features(application)]
        self.bad = 0
        """Messages that could not be read."""
        self._telling = Every(TELL_S)
        self.used = bool(features(application)) and wait_seconds > 0
        self._wait = wait_seconds
        self._silent_since = 0.0
        """Since when events have waited and nothing was heard."""
        self._deaf = False
        """Whether that was too long: nothing is waited for until something is heard again."""
        self._reached: dict[int, int] = {}
        """Source partition -> the highest offset whose features came."""
        self._trail: deque[tuple[float, dict[int, int]]] = deque()
        """What was reached when, for as long as patience lasts."""
        self._settled: dict[int, int] = {}
        """What was reached before that: below it nothing more is waited for."""
        self._keys: Ints = np.empty(0, dtype=np.int64)
        self._values: Floats = np.empty((0, len(features(application))))
        self._room: Lessons | None = None
        self._until: Floats = np.empty(0)
        """Per row of the room: when it goes on without; infinite while it has time."""

    def __len__(self) -> int:
        return 0 if self._room is None else len(self._room)

    @property
    def kept(self) -> int:
        """Rows of features whose event has not come."""
        return len(self._keys)

    def hear(self, payloads: Sequence[bytes], now: float) -> None:
        """Messages of the topic `features`: the newest of an event counts, and what is none does not."""
        rows = self._read(payloads, now)
        if not rows:
            return
        self._silent_since, self._deaf = now, False
        cells = Cells(rows)
        partitions, offsets = integers(cells.of(SOURCE_PARTITION)), integers(cells.of(SOURCE_OFFSET))
        columns = [floats(cells.of(name)) for name in self._names]
        self._note(partitions, offsets, now)
        keys = np.concatenate([self._keys, identity(partitions, offsets)])
        values = np.concatenate([self._values, np.stack(columns, axis=1)])
        order = np.argsort(keys, kind="stable")
        newest = order[np.append(np.diff(keys[order]) > 0, True)]
        if len(newest) > MOST:
            newest = newest[np.sort(np.argsort(keys[newest] % MOST_OFFSETS)[-MOST:])]
        self._keys, self._values = keys[newest], values[newest]

    def _read(self, payloads: Sequence[bytes], now: float) -> list[Any]:
        """The rows in these messages; what can't be read is counted, and passed over by itself."""
        try:
            return list(map(self._decode, payloads))
        except msgspec.MsgspecError:
            rows, reason = [], ""
        for payload in payloads:
            try:
                rows.append(self._decode(payload))
            except msgspec.MsgspecError as error:
                self.bad, reason = self.bad + 1, str(error)
        if self._telling.due(now):
            log.error("messages of features are passed over", count=self.bad, reason=reason)
        return rows

    def _note(self, partitions: Ints, offsets: Ints, now: float) -> None:
        for partition in np.unique(partitions).tolist():
            highest = int(offsets[partitions == partition].max())
            self._reached[partition] = max(highest, self._reached.get(partition, 0))
        if not self._trail or now - self._trail[-1][0] >= TRAIL_S:
            self._trail.append((now, dict(self._reached)))

    def deadlines(self, lessons: Lessons, now: float, wall_us: int) -> Floats:
        """Until when each event waits; `wall_us`: the time of day, microseconds since 1970."""
        if not self.used:
            return np.full(len(lessons), now)
        urgent = wall_us - lessons.time <= URGENT_S * MICROSECONDS
        return np.where(urgent, now + self._wait, np.inf)

    def add(self, lessons: Lessons, until: Floats, now: float) -> None:
        """Events in the order in which they leave, and until when each waits (see `deadlines`)."""
        if self._room is None:
            self._silent_since = now
        else:
            lessons = Lessons.joined([self._room, lessons])
            until = np.concatenate([self._until, until])
        self._room, self._until = lessons, until

    def rest(self, seconds: float) -> None:
        """So long nothing was fetched: nobody has waited for that."""
        self._silent_since += seconds
        self._until = self._until + seconds
        self._trail = deque((at + seconds, reached) for at, reached in self._trail)

    def take(self, now: float) -> Lessons | None:
        """The next events in order that have their features, or need not wait for them any more."""
        room = self._room
        if room is None:
            return None
        keys = identity(room.source_partition, room.source_offset)
        places = np.minimum(np.searchsorted(self._keys, keys), max(0, len(self._keys) - 1))
        found = np.zeros(len(keys), dtype=np.bool_)
        if len(self._keys):
            found = self._keys[places] == keys
        ready = found | (self._until <= now) | (np.isinf(self._until) & self._given_up(room, now))
        free = len(ready) if ready.all() else int(np.argmin(ready))
        if not free:
            return None
        head = np.arange(free)
        lessons = room.take(head)
        mine = np.flatnonzero(found[:free])
        lessons.windowed[mine] = self._values[places[mine]]
        left = np.arange(free, len(room))
        self._room, self._until = (room.take(left) if len(left) else None), self._until[free:]
        rest = np.ones(len(self._keys), dtype=np.bool_)
        rest[places[mine]] = False
        self._keys, self._values = self._keys[rest], self._values[rest]
        return lessons

    def _given_up(self, room: Lessons, now: float) -> npt.NDArray[np.bool_]:
        """Whose features are not waited for any more, however long ago the event was."""
        while self._trail and now - self._trail[0][0] >= PATIENCE_S:
            _, self._settled = self._trail.popleft()
        self._deaf |= now - self._silent_since >= PATIENCE_S
        passed = np.full(len(room), self._deaf)
        for partition, offset in self._settled.items():
            passed |= (room.source_partition == partition) & (room.source_offset < offset)
        return passed


def identity(partitions: Ints, offsets: Ints) -> Ints:
    """Partition and offset of a source as one number."""
    return partitions * MOST_OFFSETS + offsets
