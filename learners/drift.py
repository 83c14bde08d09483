"""Drift on the stream: ADWIN on the error of a model and on what it reads.

    answers, truths -> losses -> errors -+
                                         +-> changes of the mean -> DriftEvent
    columns of events -------> inputs ---+

An error that grows by a tenth since it was lowest is told, one that falls is learning and is not. An input is
told both ways from a tenth of a standard deviation on; of a category, each value's share. Smaller changes are
adapted to in silence: on a long stream ADWIN finds the hour of the day in anything.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from typing import Any, Final, Self

import msgspec
import numpy as np

from core.declaration import Application, Category, Classification, Flag, Number, Regression, leaves
from core.features import features
from core.records import DriftEvent
from learners import adwin
from learners.adwin import Array
from models.base import Floats
from models.columns import NULL

DETECTOR: Final = "ADWIN"

DELTA: Final = 0.002
"""Of the detector of errors; those of inputs share it (Bonferroni)."""

LEAST: Final = 0.1
"""Standard deviations that the mean of an input must have moved to be told."""

LEAST_GROWTH: Final = 1.1
"""How many times the mean error must have become to be told."""

CERTAIN: Final = 1e-15

MOST_VALUES: Final = 16
"""Categories with more values are not watched: each value would be too rare to tell anything."""

_ERRORS: Final = (16, 2, DELTA, 16.0)
_INPUTS: Final = (8, 8, DELTA, 4.0)
"""Values to a mean, means to a look, delta, and the standard deviations that a value counts at most: losses
of rare positives lie far from the mean, and are all that tells of them."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class BadDrift(ValueError):
    """The bytes are not those of detectors of the same inputs."""


class Drift:
    """Watches the error of one model and the inputs of one application; bounded, about 3 kB an input.

    inputs: dotted paths of numbers, flags and categories, and names of windowed features; others are passed
    over. All that `watchable` names when not given, none when empty. model: told with changes of the error.
    """

    def __init__(
        self, application: Application, inputs: Iterable[str] | None = None, model: str = ""
    ) -> None:
        self.application = application
        self.model = model
        possible = _detectors(application)
        wanted = watchable(application) if inputs is None else tuple(inputs)
        self._columns = {path: possible[path] for path in wanted if path in possible}
        self._names = [name for names in self._columns.values() for name in names]
        sizes = [len(names) if names[0] != path else 0 for path, names in self._columns.items()]
        self._kinds = np.array(sizes, dtype=np.int64)
        self._firsts = np.cumsum([0, *np.maximum(1, self._kinds)])[:-1].astype(np.int64)
        group, clock, delta, clip = _INPUTS
        self._plan = group, clock, delta / max(1, len(self._names)), clip
        self._errors = adwin.empty(1)
        self._inputs = adwin.empty(len(self._names))
        self._level = np.full(1, nan)
        self._cleared = np.zeros(1, dtype=np.int64)
        self._seen = np.zeros(adwin.BITS // 8, dtype=np.uint8)

    @property
    def watched(self) -> tuple[str, ...]:
        """The inputs that are watched."""
        return tuple(self._columns)

    def errors(self, values: Floats, times_us: Array) -> list[DriftEvent]:
        """Takes losses in the order in which their labels came, (n,) each; NaN is none. Growth is told."""
        rows = np.ascontiguousarray(values, dtype=np.float64)[None, :]
        first, kind = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        found = self._watch(rows, times_us, first, kind, _ERRORS, self._errors)
        return [self._event(one, model=self.model) for one in found if self._grown(one)]

    def _grown(self, found: list[float]) -> bool:
        """Whether the error is well above where it was at its lowest since it was last told.

        Labels of a change come mixed with others, and the model adapts: one change is often found in several
        steps, each too small to be told. The change is then told as from that level on.
        """
        before, after, level = found[2], found[3], float(self._level[0])  # numpy's own floats have no bytes
        self._level[0] = level = before if isnan(level) else min(level, before)
        if after < LEAST_GROWTH * level or after <= before:
            return False
        found[2], found[4] = level, found[4] * (after - level) / (after - before)
        self._level[0] = after
        return True

    def inputs(self, columns: Mapping[str, Array], times_us: Array) -> list[DriftEvent]:
        """Takes events in order as columns (models.columns), (n,) each; raises KeyError of a missing one."""
        if not self._columns:
            return []
        chosen = np.ones(len(times_us), dtype=np.bool_)
        adwin.now_and_then(columns[self.application.key], times_us, self._cleared, self._seen, chosen)
        rows = np.empty((len(self._columns), int(chosen.sum())))
        if not rows.shape[1]:
            return []
        times_us = times_us[chosen]
        for row, path in zip(rows, self._columns, strict=True):
            column = columns[path]
            row[:] = column[chosen]
            if column.dtype.kind == "i":
                row[row == NULL] = np.nan
        found = self._watch(rows, times_us, self._firsts, self._kinds, self._plan, self._inputs)
        return [self._event(one, feature=self._names[int(one[0])]) for one in found if abs(one[4]) >= LEAST]

    def _watch(
        self,
        rows: Array,
        times_us: Array,
        firsts: Array,
        kinds: Array,
        plan: adwin.Plan,
        state: adwin.State,
    ) -> list[list[float]]:
        if rows.shape[1] != len(times_us):
            raise ValueError(f"{rows.shape[1]} values have {len(times_us)} times")
        found = np.empty((len(state[0]) * (len(times_us) // plan[0] + 1), 5))
        count = adwin.watch(rows, times_us, firsts, kinds, plan, state, found)
        told: list[list[float]] = found[:count].tolist()
        return sorted(told, key=lambda one: one[1])

    def _event(self, found: Sequence[float], model: str = "", feature: str = "") -> DriftEvent:
        return DriftEvent(
            application=self.application.name,
            model=model,
            feature=feature,
            time=_EPOCH + timedelta(microseconds=int(found[1])),
            before=found[2],
            after=found[3],
            magnitude=found[4],
            detector=DETECTOR,
        )

    def _arrays(self) -> tuple[Array, ...]:
        return *self._errors, *self._inputs, self._level, self._cleared, self._seen

    def to_bytes(self) -> bytes:
        """All state, compressed: most buckets are empty. `from_bytes` of it goes on exactly."""
        parts = [one.tobytes() for one in self._arrays()]
        return zlib.compress(msgspec.msgpack.encode((self.model, list(self._columns), parts)), 1)

    @classmethod
    def from_bytes(cls, data: bytes, application: Application) -> Self:
        """Goes on from `to_bytes`; raises BadDrift."""
        try:
            told: Any = zlib.decompress(data)
            model, inputs, parts = msgspec.msgpack.decode(told, type=tuple[str, list[str], list[bytes]])
        except (zlib.error, msgspec.MsgspecError) as error:
            raise BadDrift(f"these bytes are no detectors of drift: {error}") from None
        drift = cls(application, inputs, model)
        own = drift._arrays()
        if drift.watched != tuple(inputs) or [one.nbytes for one in own] != [len(part) for part in parts]:
            raise BadDrift(f"these detectors are of inputs that {application.name} has no longer: {inputs}")
        for array, part in zip(own, parts, strict=True):
            array[...] = np.frombuffer(part, dtype=array.dtype).reshape(array.shape)
        return drift


def losses(application: Application, answers: Floats, truths: Floats) -> Floats:
    """What `errors` takes, (n,): log loss; or 2 |y - p| / (|y| + |p|), which is bounded; NaN of segments."""
    match application.task:
        case Classification():
            p = np.clip(answers, CERTAIN, 1 - CERTAIN)
            return np.asarray(-np.log(np.where(truths > 0.5, p, 1 - p)))
        case Regression(floor=floor):
            told = np.maximum(answers, floor)
            size = np.abs(told) + np.abs(truths)
            return np.asarray(2 * np.abs(told - truths) / np.where(size > 0, size, 1.0))
        case _:
            return np.full(len(answers), np.nan)


def watchable(application: Application) -> tuple[str, ...]:
    """Every input that can drift: all but those that tell the time and nothing else."""
    clocks = {path for path, leaf in leaves(application) if _tells_time(application, leaf)}
    return tuple(path for path in _detectors(application) if path not in clocks)


def _tells_time(application: Application, leaf: Any) -> bool:
    """Whether a field follows from the event time alone, as an hour does: it returns every day."""
    if leaf.derive is None:
        return False
    try:
        leaf.derive({application.event_time.name: "2026-01-01T00:00:00+00:00"})
    except (KeyError, TypeError, ValueError):
        return False
    return True


def _detectors(application: Application) -> dict[str, list[str]]:
    """Input -> names of its detectors: its own, or those of its values."""
    found: dict[str, list[str]] = {}
    for path, leaf in leaves(application):
        if path == application.label:
            continue
        match leaf:
            case Number() | Flag():
                found[path] = [path]
            case Category(values=values) if len(values) <= MOST_VALUES:
                found[path] = [f"{path}={value}" for value in (*values, "other")]
    return found | {one.name: [one.name] for one in features(application)}
