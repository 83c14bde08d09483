"""Checks a batch of raw messages: the map of the job `ingest`.

    key, payload, partition, offset, second -> Check -> accepted: canonical JSON with its source, and null
                                                   `-> refused: the payload as it was, and why

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

import msgspec

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
WHY = "why"
COLUMNS = (KEY, PAYLOAD, WHY)
"""What the map returns, all bytes: every column costs each row its way through Arrow and back.

`why` is null in an accepted row, else the headers of the dead letter as JSON, one text each."""

Cell = bytes | None


def check_batch(
    check: Check,
    keys: Sequence[Cell],
    payloads: Sequence[Cell],
    partitions: Sequence[int],
    offsets: Sequence[int],
    seconds: Sequence[int],
) -> tuple[list[Cell], list[Cell]]:
    """The columns `payload` and `why`, as long as the inputs and in their order.

    seconds: when the broker took each message, since 1970; an event further ahead than allowed is refused.
    """
    bodies: list[Cell] = []
    reasons: list[Cell] = [None] * len(payloads)
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
            bodies.append(payload)
            reasons[row] = msgspec.json.encode(headers(result, partition, offset))
        else:
            bodies.append(with_source(result.body, partition, offset))
    return bodies, reasons


def _moment(second: int) -> datetime:
    # A topic that is dated by its producers may hold any number.
    return datetime.fromtimestamp(min(max(second, 0), LATEST), UTC)


def headers(rejected: Rejected, partition: int, offset: int) -> dict[RejectHeader, str]:
    """The headers of a dead letter."""
    return {
        RejectHeader.REASON: rejected.reason.value,
        RejectHeader.FIELD: _text(rejected.field),
        RejectHeader.DETAIL: _text(rejected.detail),
        RejectHeader.SOURCE_PARTITION: str(partition),
        RejectHeader.SOURCE_OFFSET: str(offset),
    }


def _text(text: str) -> str:
    # A name taken from a message may hold half a surrogate pair, which UTF-8 does not have.
    return text[:LONGEST_HEADER].encode(errors="replace").decode()


@dataclass(frozen=True, slots=True)
class CheckMap:
    """The vectorised map: a frame of raw messages in, a frame of `COLUMNS` out.

    It travels to the workers as the name of its application; the check is built there, once per process.
    """

    application: str

    def __call__(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Columns by position: key, payload, partition, offset, second at which the broker took it."""
        import pandas as pd

        cells = [frame[name].tolist() for name in frame.columns]
        bodies, reasons = check_batch(_check(self.application), *cells)
        columns = (frame.iloc[:, 0], pd.Series(bodies, dtype=object), pd.Series(reasons, dtype=object))
        return pd.DataFrame(dict(zip(COLUMNS, columns, strict=True)), copy=False)


@cache
def _check(application: str) -> Check:
    return Check(get(application))
