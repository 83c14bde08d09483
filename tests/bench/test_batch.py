"""The figures of a training for people: seconds, and the peak of memory beside them."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest

from tests.bench.batch import _apart, _peak_mb, table

LARGE_MB = 300


def _large() -> int:
    assert np.ones(LARGE_MB * 2**17).sum() > 0
    return _peak_mb()


def test_every_training_and_the_baseline_has_its_peak_of_memory_in_the_table() -> None:
    figures = {
        "a": {
            "trees, 2000 rows": {"load_s": 0.5, "fit_s": 1.0, "total_s": 2.25, "peak_mb": 512},
            "baseline, 2000 rows": {"load_s": 3.5, "peak_mb": 1024},
            "diagnostics": {"median_quick_s": 0.25, "peak_mb": 700, "seconds": {}},
        }
    }
    head, *lines = table(figures)
    assert head.split()[-1] == "peak_mb"
    assert [line.split()[-1] for line in lines[:2]] == ["512", "1024"]
    assert "700" in lines[2]
    assert "median_quick_s 0.25" in lines[2]
    assert lines[1].split()[-2] == "-", "a baseline has no total"


def test_the_peak_is_that_of_the_process_which_did_the_work(monkeypatch: pytest.MonkeyPatch) -> None:
    # Streamlit's tests leave a script of theirs as the main module, which a fresh process would look for.
    monkeypatch.setitem(sys.modules, "__main__", ModuleType("__main__"))
    before = _peak_mb()
    apart = _apart(_large)
    assert apart >= LARGE_MB
    assert _peak_mb() <= before + LARGE_MB / 2, "and not of the one that asked"
