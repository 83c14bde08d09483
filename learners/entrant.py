"""One model of a roster in the contest: what it made of each event that waits, what it answered, its scores.

    columns -> codes, or rows one by one -> asked and taught in the given order -> answers -> scores

All models of an application are asked and taught on the same events. One that is slow may take a fixed share
of them, chosen by where an event lay in the topic: the same ones after a restart, whatever happened.
"""

from __future__ import annotations

from collections import deque
from math import nan
from time import perf_counter
from typing import Any, NamedTuple, cast

import numpy as np
import numpy.typing as npt
import structlog

from core.declaration import Application, Classification, Regression
from core.metrics import rolling
from core.records import Segment
from learners import scores as scoring
from learners.awaiting import Awaiting, Growing
from learners.estimated import Estimated
from learners.lessons import Floats, Ints, Lessons, Objects, Rows, label_of
from models.base import ColumnarModel, OnlineModel, Row, Segmenting, SegmentingColumns, Settled
from models.roster import build, columnar, restore

log = structlog.get_logger("millrace.learner")

RECENT_STEPS = 100
"""Batches over which its speed is told."""

_SPREAD = np.uint64(0x9E3779B97F4A7C15)
"""2^64 over the golden ratio: neighbours land far apart (Knuth, The Art of Computer Programming 3, 6.4)."""


class Kept(NamedTuple):
    """What an entrant answered to events whose labels are awaited."""

    answers: Floats
    served: Floats


class Saved(NamedTuple):
    """An entrant as bytes."""

    model: bytes
    scores: bytes
    estimated: bytes


class Entrant:
    """A model, its scores, and its view of the events that wait, row by row as `Awaiting` has them."""

    def __init__(
        self,
        application: Application,
        name: str,
        saved: Saved | None = None,
        share: float = 1.0,
    ) -> None:
        """Fresh, or as it was `saved`: then raises BadModel, BadScores or BadEstimates on others' bytes."""
        self.application = application
        self.name = name
        self.share = share
        self._label = label_of(application)
        one_by_one = build(application, name) if saved is None else restore(application, name, saved.model)
        compiled = columnar(name, one_by_one.to_bytes())
        self.model: OnlineModel | ColumnarModel = compiled or one_by_one
        self.scores = scoring.build(application)
        self.estimated = Estimated(application)
        if saved is not None:
            self.scores = scoring.restore(application, saved.scores)
            self.estimated = Estimated.from_bytes(saved.estimated, application)
        self.failures = 0
        self.last_error = ""
        self._spent: deque[tuple[int, float]] = deque(maxlen=RECENT_STEPS)
        self._compiled = compiled
        self._views: Growing | None = None
        self._answers = Growing(np.float64, nan)
        self._served = Growing(np.float64, nan)
        self._mine = Growing(np.bool_, False)

    def see(self, lessons: Lessons, rows: Rows, first: int, told: Kept | None = None) -> None:
        """Takes in events that wait from row `first` on; `told`: what it answered them in a former life."""
        nothing = np.full(len(lessons), nan)
        self._answers.put(first, nothing if told is None else told.answers)
        self._served.put(first, nothing if told is None else told.served)
        mine = sampled(lessons, self.share)
        self._mine.put(first, mine)
        views = self._view(lessons, rows, mine)
        if self._views is None:
            self._views = Growing(views.dtype, None if views.dtype == object else 0, views.shape[1:])
        self._views.put(first, views)

    def _view(self, lessons: Lessons, rows: Rows, mine: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
        """What the model reads of each event: codes, or rows; of none that is not its own to take."""
        if self._compiled is not None:
            return self._compiled.encode(rows.columns)
        views: Objects = np.empty(len(lessons), dtype=object)
        for n in np.flatnonzero(mine).tolist():
            views[n] = rows[n]
        return views

    def follow(self, awaiting: Awaiting, order: Ints) -> None:
        """Asks and teaches in the order of `Awaiting.steps`, then scores what was taught."""
        if self._views is None:
            return
        if self.share < 1:
            order = order[self._mine.all[np.where(order < 0, ~order, order)]]
        began = perf_counter()
        size = awaiting.size
        answers = self._answers.all[:size]
        if self._compiled is not None:
            settled = self._run(self._views.all[:size], awaiting, order, answers)
        else:
            settled = self._one_at_a_time(self._views.all, awaiting, order, answers)
        asked = order[order >= 0]
        endless = asked[np.isinf(answers[asked])]
        if len(endless):
            answers[endless] = nan
            self._failed(f"{len(endless)} answers", ValueError("infinite"))
        if isinstance(self.application.task, Regression):
            answers[asked] = np.maximum(answers[asked], self.application.task.floor)
        told = answers, awaiting.truth, order, self._served.all[:size], awaiting.time, awaiting.due
        self.scores.follow(*told)
        self.estimated.follow(*told)
        if settled:
            times = [int(awaiting.due[row]) for row, _ in settled]
            self.scores.settle([one for _, one in settled], times)
        if len(asked):
            self._spent.append((len(asked), perf_counter() - began))

    @property
    def microseconds(self) -> float | None:
        """Time per event that it took, to ask, teach and score; None before the first."""
        events = sum(count for count, _ in self._spent)
        return 1e6 * sum(seconds for _, seconds in self._spent) / events if events else None

    def _run(
        self, codes: npt.NDArray[Any], awaiting: Awaiting, order: Ints, answers: Floats
    ) -> list[tuple[int, Settled]]:
        """Lets the compiled body follow; what its lessons settled, with the row of each."""
        assert self._compiled is not None  # noqa: S101
        try:
            self._compiled.follow(codes, awaiting.truth, order, answers)
        except Exception as error:  # noqa: BLE001 - whatever a model raises, the stream goes on
            self._failed(f"{len(order)} steps", error)
            return []  # what it says it settled may be of the batch before
        if not isinstance(self._compiled, SegmentingColumns):
            return []
        return list(zip(self._compiled.settled_rows, self._compiled.settled, strict=True))

    def _one_at_a_time(
        self, rows: npt.NDArray[Any], awaiting: Awaiting, order: Ints, answers: Floats
    ) -> list[tuple[int, Settled]]:
        model, settled = cast(Any, self.model), list[tuple[int, Settled]]()
        for step in order.tolist():
            row = step if step >= 0 else ~step
            try:
                if step < 0:
                    model.learn_one(rows[row](), self._label(awaiting.truth[row]))
                    settled += [(row, one) for one in getattr(model, "settled", ())]
                elif model.trained:
                    answers[row] = self._ask(model, rows[row]())
            except Exception as error:  # noqa: BLE001 - whatever a model raises, the stream goes on
                where = f"partition {awaiting.partition[row]}, offset {awaiting.offset[row]}"
                self._failed(where, error)
        return settled

    def _ask(self, model: Any, x: Row) -> float:
        task = self.application.task
        if isinstance(task, Classification):
            return float(model.predict_proba_one(x).get(task.positive, 0.0))
        return float(model.predict_one(x))

    def _failed(self, where: str, error: Exception) -> None:
        self.failures += 1
        self.last_error = f"{self.name}, {where}: {type(error).__name__}: {error}"
        # One line for each of the first, then fewer: a model that always fails must not fill the disk.
        if self.failures & (self.failures - 1) == 0:
            log.error("a model failed", model=self.name, where=where, failures=self.failures, exc_info=error)

    def told(self, rows: Ints) -> Kept:
        """What it answered at these rows, and the threshold at which it was served; NaN where nothing."""
        return Kept(self._answers.all[rows], self._served.all[rows])

    @property
    def rolling_score(self) -> float | None:
        """The rolling score by which models are compared; None while it has none."""
        return self.scores.values()[rolling(self.application.task).id]

    def saved(self) -> Saved:
        """All that it knows, but for what waits."""
        return Saved(self.model.to_bytes(), self.scores.to_bytes(), self.estimated.to_bytes())

    def tidy(self, kept: Ints) -> None:
        """Throws out all rows but these, as `Awaiting.tidy` did."""
        for column in (self._answers, self._served, self._mine, self._views):
            if column is not None:
                column.keep(kept)

    def segments(self) -> list[Segment]:
        """The segments of a clustering model; empty for others."""
        return self.model.segments() if isinstance(self.model, Segmenting) else []


def sampled(lessons: Lessons, share: float) -> npt.NDArray[np.bool_]:
    """Which events a model takes that takes only a share of them: a function of their source alone."""
    if share >= 1:
        return np.ones(len(lessons), dtype=np.bool_)
    source = lessons.source_offset.astype(np.uint64) * np.uint64(1021) + lessons.source_partition.astype(
        np.uint64
    )
    mixed = source * _SPREAD
    mixed ^= mixed >> np.uint64(32)
    return np.asarray((mixed * _SPREAD >> np.uint64(11)) < np.uint64(int(share * 2**53)))
