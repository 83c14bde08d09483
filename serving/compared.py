"""Records of a request against the older side of the latest drift report, at once.

events -> models.registered.events -> per input: models.drift.against(reference) -> DriftFound
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec

from core.declaration import Application
from core.drift import DriftFound, DriftReference
from core.validation import request_type
from models.drift.inputs import against
from models.drift.report import Sides, assembled
from models.registered.events import event_frame, independent, own, windowed
from models.registered.inputs import plain
from serving.captured import records
from serving.predict import decoded, unprocessable
from serving.problems import Problem

FEW = 100
"""Records: with fewer, only large changes can be told from chance."""


def events(application: Application, body: bytes) -> list[dict[str, Any]]:
    """The records of a body, each an event without its label; raises Problem (400, 422)."""
    single, texts = records(body, "`records`")
    if single:
        raise unprocessable("records", "the body must be an object with `records`, a list of events")
    decoder = msgspec.json.Decoder(request_type(application))
    found = []
    for place, text in enumerate(texts):
        try:
            found.append(msgspec.to_builtins(decoded(decoder, text)))
        except Problem as problem:
            first = problem.errors[0] if problem.errors else None
            path = f"records.{place}" + (f".{first.field}" if first and first.field else "")
            raise unprocessable(path, first.message if first else problem.detail) from None
    return found


def compare(
    application: Application, reference: DriftReference, found: Sequence[dict[str, Any]], report: str
) -> DriftFound:
    """How far events, at least one, lie from the reference; report: the id under which it is kept, or ""."""
    began, now = time.perf_counter(), datetime.now(UTC)
    frame = event_frame(application, found)
    known = {one.name: one for one in reference.inputs}
    alone = independent(application, found)
    shared = [one for one in own(application) if one.name in known]
    drifts = [
        against(
            known[one.name],
            frame[one.name].astype(object).to_numpy()
            if one.kind == "category"
            else plain(one, frame[one.name]),
            len(shared),
            (reference.independent, alone),
        )
        for one in shared
    ]
    times = [_moment(event.get(application.event_time.name), now) for event in found]
    sides = Sides(
        application=application.name,
        run_id=reference.run_id,
        source="records",
        rows=len(frame),
        available=len(found),
        how=f"{len(found):,} records of a request",
        start=min(times),
        end=max(times),
        reference_rows=reference.rows,
        reference_start=reference.start,
        reference_end=reference.end,
        note=_note(alone),
        left_out=windowed(application),
    )
    return assembled(sides, drifts, time.perf_counter() - began, report)


def _note(rows: int) -> str:
    if rows >= FEW:
        return ""
    return f"Only {rows} rows or entities: what is no larger than `by_chance` can't be told from chance."


def _moment(text: Any, now: datetime) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC) if isinstance(text, str) else now
