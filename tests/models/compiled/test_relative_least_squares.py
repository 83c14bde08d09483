"""The compiled body gives the answers and the bytes of the recipe one by one."""

from __future__ import annotations

from datetime import datetime, timedelta
from heapq import heappop, heappush
from random import Random
from typing import Any

import numpy as np
import pytest

from core.applications.eta import ETA
from models.base import BadModel, ColumnarModel, Row
from models.columns import from_rows
from models.relative_least_squares import RelativeLeastSquares
from models.roster import columnar
from tests.learners.streams import lessons

COUNT = 6000


def damaged(x: Row, rng: Random) -> Row:
    """One of several rows has a field that is missing, null, never seen, or far off."""
    if rng.random() < 0.7:
        return x
    path = rng.choice(sorted(x))
    if rng.random() < 0.5:
        return {k: v for k, v in x.items() if k != path}
    odd: Any = "odd" if isinstance(x[path], str) else rng.choice([0.0, -3, 6.5, 1e6, float("inf")])
    return x | {path: x[path] if path == "timestamp" else rng.choice([None, odd])}


def stream(seed: int) -> tuple[list[Row], list[float | None], list[int]]:
    """Rows, truths, and the order of asking and teaching: a label is due when its trip has ended."""
    rng, ends = Random(seed), list[tuple[datetime, int]]()
    rows, truths, order = list[Row](), list[float | None](), list[int]()
    for n, one in enumerate(lessons(ETA, COUNT, 60.0, seed)):
        rows.append(damaged(one.x, rng))
        truths.append(one.truth if rng.random() < 0.97 else None)
        while ends and ends[0][0] <= one.time:
            order.append(~heappop(ends)[1])
        order.append(n)
        heappush(ends, (one.time + timedelta(seconds=one.truth), n))
    return rows, truths, order


def one_by_one(
    model: RelativeLeastSquares, rows: list[Row], truths: list[float | None], order: list[int]
) -> list[float]:
    told = [np.nan] * len(rows)
    for step in order:
        if step < 0:
            model.learn_one(rows[~step], truths[~step])
        elif model.trained:
            told[step] = model.predict_one(rows[step])
    return told


def in_batches(
    model: ColumnarModel, rows: list[Row], truths: list[float | None], order: list[int], sizes: list[int]
) -> list[float]:
    """Codes are made batch by batch, and lessons use those of batches before."""
    taught = np.array([np.nan if y is None else y for y in truths])
    codes, told, begun, at = [], np.full(len(rows), np.nan), 0, 0
    for size in sizes:
        codes.append(model.encode(from_rows(ETA, rows[begun : begun + size])))
        begun += size
        until = at
        while until < len(order) and order[until] < begun:
            until += 1
        model.follow(np.concatenate(codes), taught[:begun], np.array(order[at:until], np.int64), told[:begun])
        at = until
    assert at == len(order)
    return told.tolist()


def cuts(rng: Random) -> list[int]:
    sizes: list[int] = []
    while sum(sizes) < COUNT:
        sizes.append(min(COUNT - sum(sizes), rng.choice([1, 2, 10, 300, 1500])))
    return sizes


@pytest.mark.parametrize(("seed", "most"), [(7, 10_000), (8, 60)])
def test_same_answers_and_same_bytes_however_the_stream_is_cut(seed: int, most: int) -> None:
    rows, truths, order = stream(seed)
    plain = RelativeLeastSquares(most=most)
    fresh = plain.to_bytes()
    told = one_by_one(plain, rows, truths, order)
    assert np.isfinite(told).sum() > 5000
    for sizes in ([COUNT], cuts(Random(seed)), cuts(Random(seed + 1))):
        compiled = columnar("relative_least_squares", fresh)
        assert compiled is not None
        assert in_batches(compiled, rows, truths, order, sizes) == pytest.approx(
            told, abs=0, rel=0, nan_ok=True
        )
        assert compiled.to_bytes() == plain.to_bytes()


def test_either_body_goes_on_where_the_other_stopped() -> None:
    rows, truths, order = stream(9)
    plain = RelativeLeastSquares()
    one_by_one(plain, rows, truths, order)
    handed: Any = RelativeLeastSquares()
    for first in range(0, len(order), 2500):
        part = order[first : first + 2500]
        compiled = columnar("relative_least_squares", handed.to_bytes())
        assert compiled is not None
        assert compiled.trained == handed.trained
        codes = compiled.encode(from_rows(ETA, rows))
        taught = np.array([np.nan if y is None else y for y in truths])
        compiled.follow(codes, taught, np.array(part, np.int64), np.full(len(rows), np.nan))
        handed = RelativeLeastSquares.from_bytes(compiled.to_bytes())
    assert handed.to_bytes() == plain.to_bytes()


def test_bytes_of_something_else_are_refused() -> None:
    with pytest.raises(BadModel, match="not a relative_least_squares"):
        columnar("relative_least_squares", b"\x00")
