"""A batch model: one fitted estimator, and all that turns what it says into answers.

frame (models.registered.inputs) -> estimator -> probability, ratio or segment -> target, floor -> answers
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import msgspec
import numpy as np
import numpy.typing as npt
import pandas as pd

from core.records import Contribution, Segment
from models.base import BadModel
from models.registered.estimators import decoded, encoded
from models.registered.target import Target
from models.registered.threads import limited

Floats = npt.NDArray[np.float64]

Kind = Literal["classification", "regression", "clustering"]

FORMAT = "millrace.batch_model.1"

LEADING = 8
"""Contributions that are told of an answer, at most."""


@dataclass(frozen=True, kw_only=True)
class BatchModel:
    """A fitted recipe of an application. Preprocessing is inside the estimator: it takes the plain frame."""

    application: str
    recipe: str
    kind: Kind
    parameters: dict[str, Any]
    """Hyperparameters it was fitted with."""
    inputs: tuple[str, ...]
    """Columns that it reads, in their order; it is given none but these."""
    flags: tuple[str, ...] = ()
    """Those of them that are true or false: explanations say so, the frame has 0 and 1."""
    estimator: Any
    """CatBoost's, or a scikit-learn Pipeline."""
    threshold: float | None = None
    """Probability from which the answer is the positive class; chosen on validation rows."""
    target: Target | None = None
    """What a regressor's estimator was taught."""
    spread: tuple[float, float] | None = None
    """Where 80 % of the validation rows' truths lay, as shares of the answer: (-0.12, 0.15)."""
    segments: list[Segment] = field(default_factory=list)
    """Of a clustering, by number, as its training rows show them."""

    def answers(self, frame: pd.DataFrame) -> Floats:
        """(n,): the probability of the positive class; the number, not below the floor; or the segment.

        Raises ValueError where the frame lacks an input.
        """
        rows = self._read(frame)
        if not len(rows):
            return np.empty(0)
        with limited(None, len(rows)):
            return self._said(rows)

    def _said(self, rows: pd.DataFrame) -> Floats:
        match self.kind:
            case "classification":
                column = int(np.flatnonzero(np.asarray(self.estimator.classes_) == 1)[0])
                return np.asarray(self.estimator.predict_proba(rows), dtype=np.float64)[:, column]
            case "regression":
                said = np.asarray(self.estimator.predict(rows), dtype=np.float64)
                return self._target().answer(said, rows)
            case "clustering":
                return np.asarray(self.estimator.predict(rows), dtype=np.float64)

    def interval(self, frame: pd.DataFrame) -> Floats | None:
        """(n, 2): where each number lies with 80 %; None where that is not known."""
        if self.spread is None:
            return None
        answers = self.answers(frame)
        both = np.stack([answers * (1 + self.spread[0]), answers * (1 + self.spread[1])], axis=1)
        return np.maximum(both, self._target().floor)

    def explain(self, frame: pd.DataFrame) -> list[list[Contribution]]:
        """Per row what moved its answer away from the usual one, the largest effect first.

        Effects are CatBoost's SHAP values: in log-odds (classification) or in the label's unit (regression).
        Empty lists where the estimator tells none.
        """
        rows = self._read(frame)
        effects = self.effects(rows)
        if effects is None:
            return [[] for _ in range(len(rows))]
        order = np.argsort(-np.abs(effects), axis=1, kind="stable")[:, :LEADING]
        columns = {name: self._shown(name, rows[name]) for name in self.inputs}
        return [
            [
                Contribution(
                    name=self.inputs[n], value=columns[self.inputs[n]][row], effect=float(effects[row, n])
                )
                for n in order[row]
                if effects[row, n] != 0
            ]
            for row in range(len(rows))
        ]

    def effects(self, frame: pd.DataFrame) -> Floats | None:
        """(n, inputs): the SHAP value of every input, in the units of `explain`; None where not offered."""
        told = self._shap(frame)
        return None if told is None else told[:, :-1]

    def usual(self, frame: pd.DataFrame) -> Floats | None:
        """(n,): what SHAP values are added to, so that it and a row's effects sum up to the row's answer.

        In log-odds, or in the label's unit before the floor is applied.
        """
        told = self._shap(frame)
        if told is None:
            return None
        return told[:, -1]

    def points(self, frame: pd.DataFrame) -> Floats:
        """(n, d): rows of a clustering in the space in which it measures distances.

        Raises TypeError where the model groups nothing.
        """
        if self.kind != "clustering":
            raise TypeError(f"a {self.kind} model measures no distances")
        return np.asarray(self.estimator[:-1].transform(self._read(frame)), dtype=np.float64)

    def _shap(self, frame: pd.DataFrame) -> Floats | None:
        if not hasattr(self.estimator, "get_feature_importance"):
            return None
        rows = self._read(frame)
        if not len(rows):
            return np.empty((0, len(self.inputs) + 1))
        from catboost import Pool

        categories = [name for name in self.inputs if not pd.api.types.is_numeric_dtype(rows[name])]
        told = np.asarray(
            self.estimator.get_feature_importance(Pool(rows, cat_features=categories), type="ShapValues"),
            dtype=np.float64,
        )
        return told if self.target is None else self.target.effects(told, rows)

    def to_bytes(self) -> bytes:
        """All of it; `from_bytes` of it gives the same answers."""
        form, data = encoded(self.estimator)
        body = _Body(
            application=self.application,
            recipe=self.recipe,
            kind=self.kind,
            parameters=self.parameters,
            inputs=self.inputs,
            flags=self.flags,
            threshold=self.threshold,
            target=self.target,
            spread=self.spread,
            segments=self.segments,
            form=form,
            estimator=data,
        )
        return msgspec.msgpack.encode(body)

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The model that `to_bytes` was called on; raises BadModel. The bytes must be of a trusted source."""
        try:
            body = msgspec.msgpack.decode(data, type=_Body)
        except msgspec.MsgspecError as error:
            raise BadModel(f"these bytes are not a batch model: {error}") from None
        if body.format != FORMAT:
            raise BadModel(f"a batch model of the format {body.format!r}; this code reads {FORMAT!r}")
        held = {name: getattr(body, name) for name in body.__struct_fields__}
        del held["format"], held["form"]
        return cls(**held | {"estimator": decoded(body.form, body.estimator)})

    def _read(self, frame: pd.DataFrame) -> pd.DataFrame:
        """The inputs, and no other column."""
        if tuple(frame.columns) == self.inputs:
            return frame
        missing = [name for name in self.inputs if name not in frame.columns]
        if missing:
            raise ValueError(
                f"the {self.recipe} model of {self.application} reads {', '.join(missing)}; the rows lack it"
            )
        return frame[list(self.inputs)]

    def _target(self) -> Target:
        if self.target is None:
            raise BadModel(f"the {self.recipe} model of {self.application} does not know its target")
        return self.target

    def _shown(self, name: str, column: pd.Series[Any]) -> Sequence[Any]:
        """A column's values as explanations tell them: null is None, flags are booleans."""
        values: list[Any] = column.tolist()
        if not pd.api.types.is_numeric_dtype(column):
            return values
        if name in self.flags:
            return [None if value != value else bool(value) for value in values]
        return [None if value != value else value for value in values]


class _Body(msgspec.Struct, kw_only=True):
    """A model as bytes hold it."""

    format: str = FORMAT
    application: str
    recipe: str
    kind: Kind
    parameters: dict[str, Any]
    inputs: tuple[str, ...]
    flags: tuple[str, ...]
    threshold: float | None
    target: Target | None
    spread: tuple[float, float] | None
    segments: list[Segment]
    form: str
    estimator: bytes
