"""Drift on the stream: ADWIN on the error of a model and on what it reads.

    answers, truths -> losses -> errors -+
                                         +-> changes of the mean -> DriftEvent
    columns of events -------> inputs ---+

An error that grows is told, one that falls is learning and is not. An input is told both ways; of a category,
each value's share. Changes below a tenth of a standard deviation are adapted to and not told: on a long
stream ADWIN finds the hour of the day in anything.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
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
"""Standard deviations that a mean must have moved to be told."""

CERTAIN: Final = 1e-15

LARGEST_ERROR: Final = 1e6

MOST_VALUES: Final = 16
"""Categories with more values are not watched: each value would be too rare to tell anything."""

_ERRORS: Final = (8, 4, DELTA)
_GROUP, _CLOCK = 8, 8
"""Values to a mean, and means to a look."""

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
        self._plan = _GROUP, _CLOCK, DELTA / max(1, len(self._names))
        self._errors = adwin.empty(1)
        self._inputs = adwin.empty(len(self._names))
        self._period = np.zeros(1, dtype=np.int64)
        self._seen = np.zeros(adwin.BITS // 8, dtype=np.uint8)

    @property
    def watched(self) -> tuple[str, ...]:
        """The inputs that are watched."""
        return tuple(self._columns)

    def errors(self, values: Floats, times_us: Array) -> list[DriftEvent]:
        """Takes losses in the order in which their labels came, (n,) each; NaN is none. Growth is told."""
        rows = np.ascontiguousarray(values, dtype=np.float64)[:, None]
        first, kind = np.zeros(1, dtype=np.int64), np.zeros(1, dtype=np.int64)
        found = self._watch(rows, times_us, first, kind, _ERRORS, self._errors)
        return [self._event(one, model=self.model) for one in found if one[4] >= LEAST]

    def inputs(self, columns: Mapping[str, Array], times_us: Array) -> list[DriftEvent]:
        """Takes events in order as columns (models.columns), (n,) each; raises KeyError of a missing one."""
        if not self._columns:
            return []
        chosen = np.ones(len(times_us), dtype=np.bool_)
        adwin.first_of_period(columns[self.application.key], times_us, self._period, self._seen, chosen)
        rows = np.empty((int(chosen.sum()), len(self._columns)))
        times_us = times_us[chosen]
        for place, path in enumerate(self._columns):
            column = columns[path][chosen]
            rows[:, place] = column
            if column.dtype.kind == "i":
                rows[column == NULL, place] = np.nan
        found = self._watch(rows, times_us, self._firsts, self._kinds, self._plan, self._inputs)
        return [self._event(one, feature=self._names[int(one[0])]) for one in found if abs(one[4]) >= LEAST]

    def _watch(
        self,
        rows: Array,
        times_us: Array,
        firsts: Array,
        kinds: Array,
        plan: tuple[int, int, float],
        state: adwin.State,
    ) -> list[list[float]]:
        if len(rows) != len(times_us):
            raise ValueError(f"{len(rows)} rows have {len(times_us)} times")
        detectors = len(state[0])
        found = np.empty((detectors * (len(rows) // plan[0] + 1), 5))
        count = adwin.watch(rows, times_us, firsts, kinds, plan, state, found)
        told: list[list[float]] = found[:count].tolist()
        return told

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
        return *self._errors, *self._inputs, self._period, self._seen

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
    """What `errors` takes: log loss, or the absolute error relative to the truth; NaN of clusters, (n,)."""
    match application.task:
        case Classification():
            p = np.clip(answers, CERTAIN, 1 - CERTAIN)
            return np.asarray(-np.log(np.where(truths > 0.5, p, 1 - p)))
        case Regression(floor=floor):
            error = np.abs(np.maximum(answers, floor) - truths)
            return np.minimum(LARGEST_ERROR, error / np.maximum(np.abs(truths), max(1e-9, abs(floor))))
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
