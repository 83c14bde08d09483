"""What every online model offers: River's interface, its bytes, and whether it can answer yet."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, Self, runtime_checkable

import numpy as np
import numpy.typing as npt

from core.declaration import Application, Classification, Clustering, Regression, leaves
from core.features import features
from core.records import Answer, Contribution, Segment

Row = dict[Any, Any]
"""One event as a model sees it: leaves by dotted path without the label, and windowed features by name.

A feature that is not known, as on a late row, is None or missing.
"""

Floats = npt.NDArray[np.float64]
Order = npt.NDArray[np.int64]
Codes = npt.NDArray[Any]


class BadModel(ValueError):
    """The bytes are not those of the model that should go on from them."""


@runtime_checkable
class OnlineModel(Protocol):
    """River's `learn_one` and `predict_one`, and bytes.

    Classifiers also have `predict_proba_one`, with the probability of each class.
    """

    @property
    def trained(self) -> bool:
        """Whether an answer would mean anything; until then requests get 503."""

    def learn_one(self, x: Row, y: Any) -> None:
        """Learns from one row and its label; `y` is None where the task has none."""

    def predict_one(self, x: Row) -> Any:
        """The class, number or segment of one row; changes nothing."""

    def to_bytes(self) -> bytes:
        """All that the model knows; `from_bytes` of it goes on as if it had never stopped."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model that `to_bytes` was called on."""


@runtime_checkable
class ColumnarModel(Protocol):
    """A recipe in its compiled body: takes many rows at once, with the very answers of one by one.

    Its bytes are those of the same recipe one by one, so either goes on where the other stopped.
    """

    @property
    def trained(self) -> bool:
        """Whether an answer would mean anything."""

    def encode(self, columns: Mapping[str, Codes]) -> Codes:
        """What the model reads of each row, (n, width) of one dtype; a pure function of each row.

        columns: as `models.columns` describes them. Encodings are kept while labels are awaited.
        """

    def follow(self, codes: Codes, truths: Floats, order: Order, answers: Floats) -> None:
        """Asks and teaches in the given order.

        codes: (n, width); truths: (n,), 1.0 where a class is the positive one, NaN where the task has none;
        order: (m,), i >= 0 asks about row i, ~i teaches it; answers: (n,), written where asked: the
        probability of the positive class, the number, or the segment; NaN while the model is untrained.
        """

    def to_bytes(self) -> bytes:
        """All that the model knows, as the recipe one by one writes it."""

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model that goes on from the bytes of either body; raises BadModel."""


@runtime_checkable
class Explaining(Protocol):
    """What a model tells of how it came to an answer."""

    def explain_one(self, x: Row) -> list[Contribution]:
        """What moved the answer away from the usual one, the largest effect first; changes nothing.

        Effects are in log-odds (classification) or in the label's unit (regression).
        """


class Settled(NamedTuple):
    """An entity after something of it has ended, as the model saw it before it learned from that."""

    vector: Sequence[float]
    """Where it stands, in the space in which the model measures distances."""
    segment: int
    before: int | None
    """Its segment the time before; None at its first time."""


@runtime_checkable
class Segmenting(Protocol):
    """What a clustering model tells besides the answers."""

    settled: list[Settled]
    """The entities that the latest lesson, or the latest call of `follow`, settled."""

    def segments(self) -> list[Segment]:
        """Every segment with its size and profile, by number; none before the model is trained."""


@runtime_checkable
class SegmentingColumns(Segmenting, Protocol):
    """What a clustering model in its compiled body tells besides the answers."""

    settled_rows: list[int]
    """For each of `settled`, the row whose lesson settled it."""


def require(application: Application, fields: Iterable[str], recipe: str) -> None:
    """Raises ValueError with what a recipe reads (fields, features) and an application does not declare."""
    known = {path for path, _ in leaves(application)} | {one.name for one in features(application)}
    missing = sorted(set(fields) - known)
    if missing:
        raise ValueError(
            f"recipe {recipe!r} reads fields that {application.name} lacks: {', '.join(missing)}"
        )


def row(application: Application, event: Mapping[str, Any], windowed: Mapping[str, Any] | None = None) -> Row:
    """An event as a model sees it: nested objects become dotted names, the label is taken out.

    windowed: what is remembered of its entities, by feature name; others of its keys are left out.
    """
    flat: Row = {}
    label = application.label
    for name, value in event.items():
        if isinstance(value, dict):
            for inner, leaf in value.items():
                flat[f"{name}.{inner}"] = leaf
        elif name != label:
            flat[name] = value
    if windowed:
        for one in features(application):
            flat[one.name] = windowed.get(one.name)
    return flat


def nested(x: Row) -> dict[str, Any]:
    """The event behind a row: dotted names become nested objects again."""
    event: dict[str, Any] = {}
    for path, value in x.items():
        outer, _, inner = path.partition(".")
        if inner:
            event.setdefault(outer, {})[inner] = value
        else:
            event[outer] = value
    return event


def answer(application: Application, model: OnlineModel, x: Row, threshold: float | None) -> Answer:
    """The model's answer in the form that all tasks share; `threshold` decides the class."""
    match application.task:
        case Classification(positive=positive):
            probability = float(model.predict_proba_one(x).get(positive, 0.0))  # type: ignore[attr-defined]
            return Answer(
                value=probability >= (0.5 if threshold is None else threshold), probability=probability
            )
        case Regression(floor=floor):
            value = max(floor, float(model.predict_one(x)))
            return Answer(value=value, interval=_interval(model, x, value, floor))
        case Clustering():
            return Answer(value=int(model.predict_one(x)))


def _interval(model: OnlineModel, x: Row, value: float, floor: float) -> tuple[float, float] | None:
    """Where the true number lies with 80 %, from a model that knows its `spread_one` around an answer."""
    spread = getattr(model, "spread_one", None)
    around = spread(x) if spread else None
    return None if around is None else (max(floor, value + around[0]), max(floor, value + around[1]))
