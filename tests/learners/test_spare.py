"""What a learner does without, in a process of its own: what is imported stays imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

from core.applications import APPLICATIONS
from learners.spare import ABSENT
from tests.e2e.stack import REPO

ROSTERS = """
import sys
from learners.spare import spare_memory
spare_memory()
from core.applications import APPLICATIONS
from learners.learner import Learner
Learner.fresh(APPLICATIONS["{name}"], 0.2)
"""


def run(script: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=REPO, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.parametrize("name", APPLICATIONS)
def test_every_roster_is_made_without_them(name: str) -> None:
    heavy = (*ABSENT, "pandas", "pyarrow", "scipy.stats._stats_py", "scipy.integrate._quadrature")
    there = f"print([one for one in {heavy!r} if sys.modules.get(one)])"
    assert run(ROSTERS.format(name=name) + there).strip() == "[]"


def test_what_is_used_all_the_same_is_there() -> None:
    name = next(iter(APPLICATIONS))
    use = """
from river import drift, metrics, proba
one = drift.KSWIN(window_size=30, stat_size=10, seed=1)
for n in range(60):
    one.update(float(n > 30))
both = proba.MultivariateGaussian()
for n in range(9):
    both.update({"a": float(n), "b": float(n * n % 5)})
from scipy import stats
print(0 <= one.p_value <= 1, both({"a": 1.0, "b": 2.0}) > 0, stats.gmean([1, 4]) == 2.0)
"""
    assert run(ROSTERS.format(name=name) + use).strip() == "True True True"
