"""Rows per second of a compiled recipe: encoded, asked and taught, at several sizes of batch."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from core.declaration import Application, Classification
from models import build
from models.base import Floats, Order, Row
from models.columns import Columns, from_rows
from models.roster import COMPILED, columnar

BATCHES = (1, 10, 500, 2000)

LONGEST_OF_ONE = 3000
"""Small batches get the head of the stream: they are slow, and steady."""


def rates(application: Application, rows: Sequence[Row], labels: Sequence[Any]) -> dict[str, int] | None:
    """Batch size -> rows/s of CPU time, each row asked and then taught; None without a compiled body."""
    if application.online[0] not in COMPILED:
        return None
    truths = _truths(application, labels)
    columns = from_rows(application, rows)
    rate(application, columns, truths, BATCHES[-1])  # compiles
    return {str(size): rate(application, columns, truths, size) for size in BATCHES}


def rate(application: Application, columns: Columns, truths: Floats, size: int) -> int:
    """Rows/s of a fresh model in batches of `size`."""
    model = columnar(application.online[0], build(application).to_bytes())
    assert model is not None
    count = len(truths) if size > 100 else LONGEST_OF_ONE
    began = time.process_time()
    for start in range(0, count, size):
        codes = model.encode({path: column[start : start + size] for path, column in columns.items()})
        answers = np.empty(len(codes))
        model.follow(codes, truths[start : start + size], _asked_then_taught(len(codes)), answers)
    return round(count / (time.process_time() - began))


def _truths(application: Application, labels: Sequence[Any]) -> Floats:
    match application.task:
        case Classification(positive=positive):
            return np.array([label == positive for label in labels], dtype=np.float64)
    return np.array([np.nan if label is None else label for label in labels], dtype=np.float64)


def _asked_then_taught(count: int) -> Order:
    order = np.empty(2 * count, dtype=np.int64)
    order[0::2] = np.arange(count)
    order[1::2] = ~np.arange(count)
    return order
