"""What a learner tells of itself: of its champion, and of every model beside it."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.metrics import metrics
from core.records import LearnerReport, LearnerState
from learners import reports
from learners.learner import Learner
from tests.learners.lives import SHARE, stream
from tests.learners.planted import having, plant

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=lambda one: one.name)


@pytest.fixture(autouse=True)
def _planted(monkeypatch: pytest.MonkeyPatch) -> None:
    plant(monkeypatch)


def lived(application: Application) -> Learner:
    names = ("drifter", "heavy_drifter", "naive_drifter", "failing")
    learner = Learner.fresh(having(application, *names), SHARE)
    learner.step(stream(application, 600))
    return learner


@EVERY
def test_the_report_tells_of_all_models_on_the_same_events(application: Application) -> None:
    learner = lived(application)
    made = reports.report(learner, LearnerState.LIVE, 7, {"drifter": 123})
    assert (made.application, made.champion, made.version, made.state) == (
        application.name,
        "drifter",
        7,
        LearnerState.LIVE,
    )
    assert made.asked == 600
    assert made.taught + made.pending == 600
    assert made.clock == learner.clock
    standings = {one.name: one for one in made.models}
    assert list(standings) == list(learner.application.online)
    assert [one.name for one in made.models if one.champion] == ["drifter"]
    assert [one.name for one in made.models if one.naive] == ["naive_drifter"]
    assert (standings["drifter"].bytes, standings["failing"].bytes) == (123, None)
    assert (standings["drifter"].share, standings["heavy_drifter"].share) == (1.0, SHARE)
    assert standings["failing"].failures == learner.entrants["failing"].failures > 0
    assert all(one.trained and one.microseconds and one.microseconds > 0 for one in made.models)
    assert made.scores == standings["drifter"].scores
    assert made.naive == standings["naive_drifter"].scores
    assert list(made.scores) == [one.id for one in metrics(application.task)]
    assert made.without_features == int(np.isnan(stream(application, 600).windowed).all(axis=1).sum())
    # It can be written as it is.
    assert msgspec.json.decode(msgspec.json.encode(made), type=LearnerReport) == made


def test_a_fresh_one_has_little_to_say() -> None:
    learner = Learner.fresh(APPLICATIONS["tfd"], SHARE)
    made = reports.report(learner, LearnerState.STARTING, 0, {})
    assert (made.asked, made.taught, made.pending, made.clock, made.error) == (0, 0, 0, None, "")
    assert set(made.scores.values()) == {None}
    assert [one.microseconds for one in made.models] == [None] * len(made.models)
    msgspec.json.encode(made)


def test_a_promotion_shows() -> None:
    learner = lived(APPLICATIONS["tfd"])
    made = learner.contest.appoint("failing", learner.taught, learner.clock)
    told = reports.report(learner, LearnerState.LIVE, 1, {})
    assert (told.champion, told.pinned, told.promotions) == ("failing", True, [made])
    assert told.scores == learner.entrants["failing"].scores.values()


def test_what_went_wrong_is_a_sentence() -> None:
    learner = Learner.fresh(having(APPLICATIONS["tfd"], "drifter", "failing"), SHARE)
    assert reports.problem(learner) == ""
    learner.step(stream(learner.application, 300))
    assert reports.problem(learner).startswith(f"{learner.failures} events failed; the last: failing, part")
    learner.pass_over(0, 3, ValueError("no event"))
    assert reports.problem(learner).endswith("event passed over: partition 0, offset 3: no event")


@EVERY
def test_points_and_metrics_over_time(application: Application) -> None:
    learner = lived(application)
    point = reports.point(learner, 12.5)
    assert (point["asked"], point["taught"], point["rate"]) == (600, learner.taught, 12.5)
    assert point["champion"] == "drifter"
    assert point["scores"] == learner.champion.scores.values()
    assert point["naive"] == learner.entrants["naive_drifter"].scores.values()
    tracked = reports.tracked(learner, 12.5)
    assert (tracked["asked"], tracked["pending"]) == (600.0, float(len(learner.awaiting)))
    for metric in metrics(application.task):
        assert tracked[metric.id] == tracked[f"drifter/{metric.id}"]
        assert f"heavy_drifter/{metric.id}" in tracked
