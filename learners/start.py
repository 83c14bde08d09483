"""How a learner begins: from a snapshot when it fits, else with fresh models at the oldest event.

snapshot -> signature, schema, models -> Learner (resumed or fresh)
its offsets + what the log holds -> Plan: where to read from, and up to where events are only taken back
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import msgspec
import structlog

from core import names
from core.declaration import Application
from core.snapshots import BadSnapshot, Header, Payload, schema_hash, unseal
from learners import memory
from learners.learner import Learner
from learners.scores import BadScores
from learners.source import Kept, LostOffsets, describe, lost
from models.base import BadModel

log = structlog.get_logger("millrace.learner")


class UnusableSnapshot(RuntimeError):
    """The snapshot in Redis can't be trusted; a person must decide."""


def opened(application: Application, blob: bytes | None, key: bytes) -> tuple[Header, Payload] | None:
    """What Redis holds, checked; None without a snapshot. Raises UnusableSnapshot on a bad signature."""
    if blob is None:
        return None
    try:
        return unseal(blob, key)
    except BadSnapshot as error:
        raise UnusableSnapshot(
            f"the snapshot under {names.snapshot_key(application.name)} can't be used: {error}. Start with "
            "the key that signed it (MILLRACE_SECRET, or the file `secret` in the state folder), or delete "
            "that Redis key to go on from the newest checkpoint in MLflow that this key has signed"
        ) from None


class Unfit(ValueError):
    """A snapshot is of another shape than this code; the text says how."""


def learner(
    application: Application, found: tuple[Header, Payload] | None, heavy_share: float
) -> tuple[Learner, bool]:
    """(the learner, whether it was resumed): a snapshot of another shape or champion is passed over.

    heavy_share: of the events, how many a slow model takes.
    """
    if found is not None:
        try:
            return fitting(application, *found, heavy_share), True
        except Unfit as error:
            log.warning(
                "the snapshot is passed over; learning begins anew",
                version=found[0].version,
                reason=str(error),
            )
    return Learner.fresh(application, heavy_share), False


def fitting(application: Application, header: Header, payload: Payload, heavy_share: float) -> Learner:
    """The learner in a snapshot; raises Unfit when it is of another shape."""
    reason = _unfit(application, header)
    if reason is not None:
        raise Unfit(reason)
    try:
        return memory.resumed(application, header, payload, heavy_share)
    except (BadModel, BadScores, msgspec.MsgspecError, zlib.error) as error:
        raise Unfit(f"its bytes are of another version of this code ({error})") from None


def _unfit(application: Application, header: Header) -> str | None:
    if header.application != application.name:
        return f"it is of application {header.application!r}"
    if header.schema != schema_hash(application):
        return "the declared fields have changed since"
    if header.model not in application.online:
        return f"its champion is {header.model!r}, the declaration names {', '.join(application.online)}"
    return None


@dataclass(slots=True)
class Plan:
    """Where each partition is read from."""

    begin: dict[int, int]
    ends: dict[int, int] = field(default_factory=dict)
    """Partition -> where its log ended then: up to there the learner has to catch up."""
    again: dict[int, int] = field(default_factory=dict)
    """Partition -> the asked offset: what lies before it was asked about, and is only taken back."""
    replaced: list[int] = field(default_factory=list)
    """Partitions whose log ends before the saved offset: another log than the one that was read."""
    problem: str = ""
    """What was lost, where that was allowed."""


def plan(
    topic: str, asked: Mapping[int, int], taught: Mapping[int, int], kept: Mapping[int, Kept], on_lost: str
) -> Plan:
    """Where to begin; raises LostOffsets when the log lacks what comes next and `on_lost` is "stop".

    Empty `asked` means a fresh learner: it begins at the oldest event of each partition.
    """
    gaps = lost(taught, kept) | lost(asked, kept)
    made = Plan({p: one.low for p, one in kept.items()}, {p: one.high for p, one in kept.items()})
    if gaps:
        made.problem = describe(topic, gaps, kept)
        if on_lost != "skip":
            raise LostOffsets(made.problem)
    for partition, one in kept.items():
        if partition not in asked:
            continue
        if asked[partition] > one.high:
            made.replaced.append(partition)
            continue
        made.begin[partition] = max(one.low, min(asked[partition], taught.get(partition, asked[partition])))
        if made.begin[partition] < asked[partition]:
            made.again[partition] = asked[partition]
    return made
