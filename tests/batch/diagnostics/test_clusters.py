from __future__ import annotations

import numpy as np
import pytest

from batch.diagnostics import COMPUTATIONS, Subject
from batch.diagnostics.clusters import _scaled
from batch.diagnostics.segment_counts import inertia, knee
from batch.progress import Stopped
from core.applications import APPLICATIONS
from core.declaration import Clustering
from core.diagnostics.shapes import Bars, Heat, Lines
from core.settings import Settings
from tests.batch.diagnostics.soundness import check
from tests.batch.subjects import subject

CLUSTERING = next(name for name, one in APPLICATIONS.items() if isinstance(one.task, Clustering))


@pytest.fixture(params=APPLICATIONS[CLUSTERING].batch)
def run(request: pytest.FixtureRequest, lake: Settings) -> Subject:
    return subject(lake, CLUSTERING, request.param)


def test_the_bend_of_a_curve() -> None:
    x = np.arange(2.0, 10)
    assert x[knee(x, np.array([100, 60, 20, 18, 16, 14, 12, 10.0]))] == 4
    assert knee(x, np.full(8, 3.0)) == 0


def test_inertia_is_within_the_segments() -> None:
    points = np.array([[0.0], [2], [10], [10]])
    assert inertia(points, np.array([0, 0, 1, 1])) == 2


def test_a_plane_keeps_its_distances() -> None:
    middles = np.array([[0.0, 0], [3, 0], [0, 4]])
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    flat, kept = _scaled(apart)
    assert np.allclose(np.linalg.norm(flat[:, None] - flat[None], axis=2), apart)
    assert kept == pytest.approx(1)


def test_silhouettes_fall_within_each_segment(run: Subject) -> None:
    found = COMPUTATIONS["silhouette"](run, {})
    check(found)
    rows = 0
    for line in found.panels[0].series:
        assert isinstance(line, Lines)
        assert line.y == sorted(line.y, reverse=True)  # type: ignore[type-var]
        rows += len(line.y)
    assert rows == found.sample.rows


def test_every_number_of_segments_is_fitted(run: Subject) -> None:
    found = COMPUTATIONS["elbow"](run, {"most": 4})
    check(found)
    line = found.panels[0].series[0]
    assert isinstance(line, Lines)
    assert line.x == [2, 3, 4]
    assert line.y[0] > line.y[-1]  # type: ignore[operator]


def test_agreement_lies_below_one(run: Subject) -> None:
    found = COMPUTATIONS["segment_stability"](run, {"most": 3})
    check(found)
    assert all(isinstance(fact.value, int | float) and fact.value for fact in found.facts)


def test_a_stop_is_heeded_between_fits(run: Subject) -> None:
    class Stopping:
        def __getattr__(self, name: str) -> object:
            raise Stopped

    with pytest.raises(Stopped):
        COMPUTATIONS["elbow"](run.watched(Stopping()), {"most": 4})  # type: ignore[arg-type]


def test_shares_of_every_part_add_up(run: Subject) -> None:
    found = COMPUTATIONS["segment_sizes"](run, {})
    check(found)
    for bars in found.panels[0].series:
        assert isinstance(bars, Bars)
        assert sum(bars.values) == pytest.approx(1, abs=1e-4)  # type: ignore[arg-type]


def test_a_profile_tells_the_mean_in_its_own_unit(run: Subject) -> None:
    found = COMPUTATIONS["personas"](run, {})
    check(found)
    heat = found.panels[0].series[0]
    assert isinstance(heat, Heat)
    names = found.panels[0].y.categories
    one = next(each for each in run.inputs() if each.name in names and not each.log)
    answers = run.answers("test")
    mean = float(run.split.test.frame[one.name][answers == np.unique(answers)[0]].mean())
    assert float(heat.text[names.index(one.name)][0].split()[0]) == pytest.approx(mean, rel=0.01)
