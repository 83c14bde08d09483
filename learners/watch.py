"""Drift of one application: of what its models read, and of the error of the model that was declared first.

    Step: new lessons -> inputs -.
          labels ----- -> losses -`-> DriftEvent -> the newest are remembered, all are counted

The error is that of one model whoever is champion: a promotion is no drift.
"""

from __future__ import annotations

from typing import Self

import msgspec

from core.declaration import Application
from core.records import DriftEvent
from learners.drift import BadDrift, Drift, losses
from learners.lessons import Floats, Ints
from models.columns import Columns

REMEMBERED = 50
"""Events that are kept."""


class _State(msgspec.Struct, array_like=True, tag="watch.1"):
    detectors: bytes
    events: list[DriftEvent]
    errors: int
    inputs: int


class Watch:
    """Watches one application's stream."""

    def __init__(self, application: Application) -> None:
        self._application = application
        self._drift = Drift(application, model=application.online[0])
        self.events: list[DriftEvent] = []
        """The latest ones, newest last."""
        self.counts = {"error": 0, "input": 0}
        """Events so far, by what drifted."""

    @property
    def model(self) -> str:
        """The model whose error is watched."""
        return self._drift.model

    def look(
        self, columns: Columns, asked_us: Ints, answers: Floats, truths: Floats, due_us: Ints
    ) -> list[DriftEvent]:
        """What was found in new events, and in labels that became known.

        columns, asked_us: (n,) of the new events, windowed features included, and their event time.
        answers, truths, due_us: (m,) of the watched model, in the order in which the labels came.
        """
        found: list[DriftEvent] = []
        if len(asked_us):
            found += self._drift.inputs(columns, asked_us)
        if len(answers):
            found += self._drift.errors(losses(self._application, answers, truths), due_us)
        for one in found:
            self.counts["error" if one.model else "input"] += 1
        self.events = [*self.events, *found][-REMEMBERED:]
        return found

    def to_bytes(self) -> bytes:
        """All state; `from_bytes` of it goes on exactly."""
        state = _State(self._drift.to_bytes(), self.events, self.counts["error"], self.counts["input"])
        return msgspec.msgpack.encode(state)

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`; raises BadDrift."""
        try:
            state = msgspec.msgpack.decode(data, type=_State)
        except msgspec.MsgspecError as error:
            raise BadDrift(f"these bytes are no watch: {error}") from None
        watch = cls(application)
        drift = Drift.from_bytes(state.detectors, application)
        if drift.model != watch.model:
            raise BadDrift(f"they watched {drift.model!r}, the declaration names {watch.model!r} first")
        watch._drift, watch.events = drift, state.events
        watch.counts = {"error": state.errors, "input": state.inputs}
        return watch
