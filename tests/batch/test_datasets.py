"""Data sets over real Delta tables."""

from __future__ import annotations

import pytest

from batch.datasets import load
from batch.progress import Silent
from batch.split import save, saved, split
from core.applications import APPLICATIONS
from core.batch import Rows, Take
from core.settings import Settings


@pytest.mark.parametrize("name", APPLICATIONS)
@pytest.mark.parametrize(
    "rows",
    [
        Rows(amount=3000),
        Rows(take=Take.RANDOM, amount=3000),
        Rows(take=Take.PERCENT, amount=50),
        Rows(take=Take.ALL),
    ],
    ids=lambda r: r.take,
)
def test_load(lake: Settings, name: str, rows: Rows, tmp_path) -> None:
    d = load(lake, APPLICATIONS[name], rows, Silent())
    print(d.source, d.rows, d.frame.shape)
    s = split(d)
    print(
        {
            k: (v.rows, v.times[0], v.times[-1], None if v.target is None else v.target.mean())
            for k, v in s.parts.items()
        },
        s.left_out,
    )
    save(s, tmp_path)
    t = saved(APPLICATIONS[name], tmp_path)
    assert t.test.frame.equals(s.test.frame)
