"""Segments of a clustering: their names, and the space in which the model measures distances."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from batch.diagnostics.subject import Floats

if TYPE_CHECKING:
    from models.registered.model import BatchModel


def segment_name(number: int) -> str:
    """What a segment is called; numbers are the model's own."""
    return f"segment {int(number)}"


def space(model: BatchModel, frame: pd.DataFrame) -> Floats:
    """(n, dimensions): the rows as the model's last step sees them, after its own preprocessing."""
    before = model.estimator[:-1]
    rows = frame[list(model.inputs)]
    return np.asarray(before.transform(rows) if len(before) else rows, dtype=np.float64)
