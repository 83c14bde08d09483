"""Checks a batch of raw messages: the map of the job `ingest`.

    key, payload, partition, offset, second -> Check -> accepted: key, canonical JSON with its source
                                                   `-> refused: key and payload as they were, and why

Pure functions from columns to columns. Nothing here raises on bad input: an exception inside a Flink map
restarts the job, which would meet the same message again, for ever. Nothing reads a clock: a message that
is read again, a day later, is decided as it was the first time, or it would stand in both tables.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING

from core.applications import get
from core.names import RejectHeader
from core.validation import Check, Reason, Rejected, with_source

if TYPE_CHECKING:
    import pandas as pd

LONGEST_HEADER = 500
"""Characters of a header: a field's name comes from the message, and may be as long as it."""

LATEST = 253_000_000_000
"""Seconds since 1970, in the year 9987: past it, a little ahead of time is no time any more."""

KEY = "message_key"
PAYLOAD = "payload"
COLUMNS = (KEY, PAYLOAD, *RejectHeader)
"""What the map returns, all bytes. The columns of `RejectHeader` are null in an accepted row."""

Cell = bytes | None


def check_batch(
    check: Check,
    keys: Sequence[Cell],
    payloads: Sequence[Cell],
    partitions: Sequence[int],
    offsets: Sequence[int],
    seconds: Sequence[int],
) -> dict[str, list[Cell]]:
    """One list per name of `COLUMNS`, as long as the inputs and in their order.

    seconds: when the broker took each message, since 1970; an event further ahead than allowed is refused.
    """
    columns: dict[str, list[Cell]] = {name: [None] * len(payloads) for name in COLUMNS}
    columns[KEY] = list(keys)
    bodies = columns[PAYLOAD]
    # What is sound at the earliest moment is so at its own: few need a clock of their own.
    earliest = min(seconds, default=0)
    now = _moment(earliest)
    for row, (key, payload, partition, offset) in enumerate(
        zip(keys, payloads, partitions, offsets, strict=True)
    ):
        result = check(key, payload, now)
        if isinstance(result, Rejected) and result.reason == Reason.FUTURE_TIME and seconds[row] > earliest:
            result = check(key, payload, _moment(seconds[row]))
        if isinstance(result, Rejected):
            bodies[row] = payload
            for name, text in headers(result, partition, offset).items():
                columns[name][row] = text
        else:
            bodies[row] = with_source(result.body, partition, offset)
    return columns


def _moment(second: int) -> datetime:
    # A topic that is dated by its producers may hold any number.
    return datetime.fromtimestamp(min(max(second, 0), LATEST), UTC)


def headers(rejected: Rejected, partition: int, offset: int) -> dict[RejectHeader, bytes]:
    """The headers of a dead letter, UTF-8."""
    return {
        RejectHeader.REASON: rejected.reason.encode(),
        RejectHeader.FIELD: _text(rejected.field),
        RejectHeader.DETAIL: _text(rejected.detail),
        RejectHeader.SOURCE_PARTITION: b"%d" % partition,
        RejectHeader.SOURCE_OFFSET: b"%d" % offset,
    }


def _text(text: str) -> bytes:
    # A name taken from a message may hold half a surrogate pair, which UTF-8 does not have.
    return text[:LONGEST_HEADER].encode(errors="replace")


@dataclass(frozen=True, slots=True)
class CheckMap:
    """The vectorised map: a frame of raw messages in, a frame of `COLUMNS` out.

    It travels to the workers as the name of its application; the check is built there, once per process.
    """

    application: str

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns by position: key, payload, partition, offset, second at which the broker took it."""
        import pandas as pd

        keys, payloads, partitions, offsets, seconds = (frame[name].tolist() for name in frame.columns)
        columns = check_batch(_check(self.application), keys, payloads, partitions, offsets, seconds)
        return pd.DataFrame(columns, columns=COLUMNS, dtype=object)


@cache
def _check(application: str) -> Check:
    return Check(get(application))
