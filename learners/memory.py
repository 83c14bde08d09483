"""What a learner keeps beside its models: scores, marks, and the answers that await their label, as bytes.

Learner -> snapshot -> header, models, loop -> resumed -> a learner that goes on as if it had never stopped
"""

from __future__ import annotations

import zlib
from datetime import datetime

import msgspec
import numpy as np
import structlog

from core.declaration import Application
from core.records import Promotion
from core.snapshots import Header, Payload, schema_hash
from learners.awaiting import Awaiting
from learners.contest import Contest
from learners.drift import BadDrift
from learners.entrant import Entrant, Kept, Saved
from learners.estimated import BadEstimates
from learners.learner import Answered, Learner, microseconds_of, share_of
from learners.lessons import Reader
from learners.scores import BadScores
from learners.watch import Watch
from models.base import BadModel

log = structlog.get_logger("millrace.learner")

QUICK = 1
"""zlib's fastest level: histograms and rings are mostly empty."""


class _Waiting(msgspec.Struct, array_like=True):
    """Awaited labels of one partition as flat arrays, by offset."""

    offsets: bytes
    bare: bytes
    answers: dict[str, bytes]
    served: dict[str, bytes]


class _State(msgspec.Struct, array_like=True, tag="loop.3"):
    scores: dict[str, bytes]
    estimated: dict[str, bytes]
    watch: bytes
    failures: dict[str, int]
    marks: dict[int, dict[int, int]]
    sent: dict[int, int]
    waiting_since_ms: int
    waiting: dict[int, _Waiting]
    repeats: int
    passed_over: int
    without_features: int
    pinned: bool
    promotions: list[Promotion]


def snapshot(learner: Learner, created: datetime, run_id: str) -> tuple[Header, Payload]:
    """All that is known, between two batches; the version is for the one who stores it."""
    champion = learner.champion
    header = Header(
        application=learner.application.name,
        model=champion.name,
        version=0,
        schema=schema_hash(learner.application),
        created=created,
        asked_offsets=dict(learner.next_offsets),
        taught_offsets=learner.next_offsets | learner.awaiting.oldest(),
        asked=learner.asked,
        taught=learner.taught,
        clock=learner.clock,
        run_id=run_id,
        scores=champion.scores.values(),
        threshold=champion.scores.threshold,
        reset=learner.reset,
    )
    models = {name: one.model.to_bytes() for name, one in learner.entrants.items()}
    return header, Payload(models=models, loop=_packed(learner))


def _packed(learner: Learner) -> bytes:
    state = _State(
        scores={name: one.scores.to_bytes() for name, one in learner.entrants.items()},
        estimated={name: one.estimated.to_bytes() for name, one in learner.entrants.items()},
        watch=learner.watch.to_bytes(),
        failures={name: one.failures for name, one in learner.entrants.items()},
        # Sorted: which partition came first depends on the batches, and is no part of the state.
        marks={p: dict(sorted(marks.items())) for p, marks in sorted(learner.marks.items())},
        sent=dict(sorted(learner.sent.items())),
        waiting_since_ms=learner.awaiting.since_ms(),
        waiting={
            partition: _Waiting(
                learner.awaiting.offset[rows].tobytes(),
                learner.awaiting.bare[rows].tobytes(),
                {name: one.told(rows).answers.tobytes() for name, one in learner.entrants.items()},
                {name: one.told(rows).served.tobytes() for name, one in learner.entrants.items()},
            )
            for partition, rows in learner.awaiting.by_partition()
        },
        repeats=learner.repeats,
        passed_over=learner.passed_over,
        without_features=learner.without_features,
        pinned=learner.contest.pinned,
        promotions=learner.contest.history,
    )
    return zlib.compress(msgspec.msgpack.encode(state), QUICK)


def resumed(application: Application, header: Header, payload: Payload, heavy_share: float) -> Learner:
    """The learner as it was; the awaited events must be taken back before the next lesson.

    A model that the declaration has gained, or a challenger whose bytes are of another version of its recipe,
    begins here. Raises BadModel, BadScores, zlib.error or msgspec.MsgspecError when the champion can't go on.
    """
    state = msgspec.msgpack.decode(zlib.decompress(payload.loop), type=_State)
    reader = Reader(application)
    entrants, same = {}, set[str]()
    for name in application.online:
        share = share_of(name, heavy_share)
        found = _going_on(application, name, header, payload, state, share)
        entrants[name] = found or Entrant(application, name, share=share)
        if found:
            same.add(name)
    contest = Contest(header.model, state.pinned, state.promotions)
    learner = Learner(application, entrants, reader, contest)
    learner.awaiting = Awaiting(microseconds_of(header.clock))
    learner.next_offsets = dict(header.asked_offsets)
    learner.asked, learner.taught = header.asked, header.taught
    learner.repeats, learner.passed_over = state.repeats, state.passed_over
    learner.without_features = state.without_features
    learner.reset = header.reset
    learner.watch = _watch(application, state.watch)
    learner.marks, learner.sent = state.marks, state.sent
    learner.waiting_since_ms = state.waiting_since_ms
    learner.answered = {
        # What another version of a model answered is not for the scores of this one.
        partition: _answered(waited, same)
        for partition, waited in state.waiting.items()
    }
    return learner


def _going_on(
    application: Application,
    name: str,
    header: Header,
    payload: Payload,
    state: _State,
    share: float,
) -> Entrant | None:
    """The model as it was; None when a challenger can't go on."""
    try:
        made = Entrant(
            application,
            name,
            Saved(payload.models[name], state.scores[name], state.estimated[name]),
            share,
        )
    except (KeyError, BadModel, BadScores, BadEstimates) as error:
        if name == header.model:
            raise BadModel(f"the champion {name!r} can't go on: {error}") from None
        log.warning("a model begins anew", model=name, reason=str(error))
        return None
    made.failures = state.failures.get(name, 0)
    return made


def _watch(application: Application, data: bytes) -> Watch:
    """The detectors as they were; fresh ones when the declaration has changed what they watch."""
    try:
        return Watch.from_bytes(data, application)
    except BadDrift as error:
        log.warning("drift is watched anew", reason=str(error))
        return Watch(application)


def _answered(waited: _Waiting, models: set[str]) -> Answered:
    told = {
        name: Kept(np.frombuffer(waited.answers[name]), np.frombuffer(waited.served[name])) for name in models
    }
    return Answered(
        np.frombuffer(waited.offsets, dtype=np.int64), np.frombuffer(waited.bare, dtype=np.bool_), told
    )
