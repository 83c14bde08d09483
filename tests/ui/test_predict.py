"""One event, every model: side by side, disagreements said, explained when opened, thresholds tried."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec.structs import replace

from core import forms
from core.api.live import RecentAnswer
from core.api.predict import PredictAnswer
from core.applications import APPLICATIONS
from core.declaration import Application, Classification, Clustering, Number, Regression
from core.records import Answer, Contribution, Segment
from tests.ui import fake_data
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from tests.ui.test_screens import charts, text
from ui.figures import contributions, segments
from ui.parts import behaviour, form, opinions, recent, threshold, why

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)


def of_task(kind: type) -> list[Application]:
    return [one for one in APPLICATIONS.values() if isinstance(one.task, kind)]


def reply(value: float, probability: float | None = None, **more: Any) -> PredictAnswer:
    answer = Answer(value=value, probability=probability)
    known: dict[str, Any] = {"source": "live", "scores": {}, "snapshot_age_s": 1.0, "latency_ms": 1.0} | more
    return PredictAnswer(application="a", event_id="1", answer=answer, model="m", version=1, **known)


def posted(api: FakeApi, end: str) -> list[dict[str, Any]]:
    return [body for path, body in api.asked if path.partition("?")[0].endswith(end)]


@EVERY
def test_both_champions_answer_the_same_event(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "Predict")
    assert not test.exception
    said = text(test)
    assert opinions.LIVE in said
    assert opinions.BATCH in said
    assert "version 612" in said
    assert "version 3" in said
    assert "trained 2 h ago" in said
    live, batch = posted(api, "incremental/predict")[-1], posted(api, f"batch/{application.name}/predict")[-1]
    assert live["event"] == batch["event"]
    assert batch["explain"] is False


@EVERY
def test_without_a_batch_model_there_is_a_calm_note(
    opened: Open, api: FakeApi, application: Application
) -> None:
    api.batch.untrained = True
    test = opened(application, "Predict")
    assert not test.exception
    assert not test.error
    assert not test.warning
    assert not test.info
    assert "has no registered model: train one first" in text(test)
    assert "disagree" not in text(test)


@EVERY
def test_an_explanation_is_asked_for_only_when_it_is_opened(
    opened: Open, api: FakeApi, application: Application
) -> None:
    test = opened(application, "Predict")
    before = charts(test)
    assert not any("explain=1" in path for path, _ in api.asked)
    test.session_state[f"{application.name}:why"] = True
    test.run()
    assert not test.exception
    assert any("explain=1" in path for path, _ in api.asked)
    assert posted(api, f"batch/{application.name}/predict")[-1]["explain"] is True
    if isinstance(application.task, Clustering):
        assert "can't tell what moved its answer" in text(test)
    else:
        assert charts(test) == before + 2
        assert "aised by" in text(test) or "owered by" in text(test)


@EVERY
def test_a_recent_event_fills_the_form(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "Predict")
    test.button(f"{application.name}:recent").click().run()
    assert not test.exception
    assert "From the event of" in text(test)
    event = posted(api, "incremental/predict")[-1]["event"]
    taken: RecentAnswer = test.session_state[f"{application.name}:taken"]
    moment = application.event_time.name
    for one in forms.inputs(application):
        if one.path != moment and "." not in one.path:
            assert (event[one.path] or None) == (taken.event[one.path] or None), one.path
    assert event[moment][:16] == taken.event[moment][:16]
    test.button(f"{application.name}:randomize").click().run()
    assert "From the event of" not in text(test)


def test_no_recent_event_is_said_and_nothing_breaks(opened: Open, api: FakeApi) -> None:
    application = next(iter(APPLICATIONS.values()))
    api.mode = "empty"
    test = opened(application, "Predict")
    test.button(f"{application.name}:recent").click().run()
    assert not test.exception
    assert "there are no events yet" in test.toast[0].value


@EVERY
def test_an_event_beyond_the_usual_range_stays_as_it_was(opened: Open, application: Application) -> None:
    one = next(one for one in forms.inputs(application) if isinstance(one.field, Number))
    low, high = one.field.form_range  # type: ignore[union-attr]
    assert form.around(one.field, high + 1) == (low, high + 1)  # type: ignore[arg-type]
    assert form.around(one.field, None) == (low, high)  # type: ignore[arg-type]


@pytest.mark.parametrize("application", of_task(Classification), ids=lambda one: one.name)
def test_another_threshold_reads_the_answers_anew_and_asks_nothing(
    opened: Open, api: FakeApi, application: Application
) -> None:
    test = opened(application, "Predict")
    slider = test.slider(f"{application.name}:threshold")
    assert slider.value == pytest.approx(11.8)
    assert "902 alarms in 22,500 judged answers, 26 % of them right, 56 % of all" in text(test)
    before = len(posted(api, "/predict"))
    slider.set_value(100.0).run()
    assert not test.exception
    assert "below the threshold of 100.0 %" in text(test)
    assert "at or above" not in text(test)
    assert "about 0 alarms" in text(test)
    assert len(posted(api, "/predict")) == before
    test.button(f"{application.name}:threshold:back").click().run()
    assert test.slider(f"{application.name}:threshold").value == pytest.approx(11.8)
    test.button(f"{application.name}:predict").click().run()
    assert len(posted(api, "/predict")) == before + 2


@pytest.mark.parametrize("application", of_task(Clustering), ids=lambda one: one.name)
def test_what_members_do_is_shown_by_field(opened: Open, application: Application) -> None:
    test = opened(application, "Predict")
    field: Any = test.get_by_key(f"{application.name}:behaviour")
    assert len(field.options) > 3
    field.set_value(field.options[1]).run()
    assert not test.exception
    assert "numbers its own segments" in text(test)


def test_disagreement_is_said_plainly() -> None:
    (fraud,) = of_task(Classification)[:1]
    both = [(opinions.LIVE, reply(True, 0.7)), (opinions.BATCH, reply(False, 0.2))]
    agree, said = opinions.agreement(fraud, both)
    assert not agree
    assert said.startswith("The models disagree: the live model says ")
    assert ", the batch model says not " in said
    assert opinions.agreement(fraud, [both[0], both[0]])[0]
    assert opinions.agreement(fraud, both[:1]) == (True, "")


@pytest.mark.parametrize(
    ("values", "agree", "said"),
    [
        ((600.0, 660.0), True, "The models are 1.0 min apart (10 %)."),
        ((600.0, 1200.0), False, "The models disagree: the batch model says 10.0 min more (100 %)."),
        ((0.0, 60.0), False, "The models disagree: the batch model says 1.0 min more."),
    ],
)
def test_numbers_that_lie_far_apart_disagree(values: tuple[float, float], agree: bool, said: str) -> None:
    trip = of_task(Regression)[0]
    replies = list(zip((opinions.LIVE, opinions.BATCH), map(reply, values), strict=True))
    assert opinions.agreement(trip, replies) == (agree, said)


def test_a_threshold_means_what_the_bins_say() -> None:
    bins = [(0.1, 0.0, 80), (0.4, 0.5, 16), (0.9, 1.0, 4)]
    found = threshold.estimated(bins, 0.3)
    assert found == threshold.Outcome(answers=100, alarms=20, right=12, positives=12)
    assert found is not None
    told = threshold.meaning(found, "Fraud", about=True)
    assert told == "about 20 alarms in 100 judged answers, 60 % of them right, 100 % of all fraud found"
    assert threshold.estimated([], 0.3) is None
    assert threshold.counted({}) is None
    silent = threshold.counted({"tn": 5})
    assert silent is not None
    assert threshold.meaning(silent, "Fraud", about=False) == "0 alarms in 5 judged answers"


def test_rereading_changes_the_decision_not_the_probability() -> None:
    first = reply(True, 0.4, threshold=0.1)
    again = threshold.reread(first, 0.5)
    assert (again.answer.value, again.answer.probability, again.threshold) == (False, 0.4, 0.5)
    assert threshold.reread(first, None) is first
    number = reply(12.0)
    assert threshold.reread(number, 0.5) is number


def test_contributions_keep_their_sign_order_and_unit() -> None:
    told = [
        Contribution(name="distance_km", value=12.5, effect=120.0),
        Contribution(name="weather x hour_of_day", value=None, effect=-60.0),
    ]
    option = contributions.bars(told, scale=60, digits=1, unit="min")
    bars = option["series"][0]["data"]
    assert [bar["value"] for bar in bars] == [2.0, -1.0]
    assert [bar["label"]["formatter"] for bar in bars] == ["+2.0 min", "-1.0 min"]
    assert option["yAxis"]["data"] == ["Distance km 12.5", "Weather x Hour of day"]
    assert option["xAxis"]["min"] == -option["xAxis"]["max"] < -2.0
    unnamed = Contribution(name="ip_address", value="", effect=1.0)
    assert contributions.named(unnamed) == "Ip address"
    moment = Contribution(name="timestamp", value="2026-03-04T05:06:07+00:00", effect=1.0)
    assert contributions.named(moment) == "Timestamp 2026-03-04 05:06"
    assert contributions.bars([])["series"][0]["data"] == []
    assert contributions.height(told * 9) == contributions.height(told * 4)
    said = why.sentence(of_task(Regression)[0], told)
    assert said == "Raised by distance km 12.5; lowered by weather x Hour of day."
    assert "No input moved" in why.sentence(of_task(Regression)[0], [])


def test_behaviour_shows_the_commonest_values_of_the_answered_segment() -> None:
    one = Segment(number=2, size=9, profile={}, top={"os": [("iOS", 7), ("Linux", 2)]})
    option = segments.behaviour(one, "os")
    assert option["yAxis"]["data"] == ["iOS", "Linux"]
    assert [bar["value"] for bar in option["series"][0]["data"]] == [7, 2]
    assert segments.behaviour(one, "nothing")["yAxis"]["data"] == []
    bare = reply(2)
    assert behaviour.of(opinions.LIVE, bare, [one]) is one
    assert behaviour.of(opinions.BATCH, bare, [one]) is None, "another model's numbers are other groups"
    assert behaviour.of(opinions.BATCH, replace(bare, segment=one), []) is one


@EVERY
def test_where_a_taken_event_is_from_and_how_it_ended(application: Application) -> None:
    known = [fake_data._prediction(application, number) for number in (30_000, 30_001)]
    taken = [
        RecentAnswer(
            event_id="1",
            entity="e",
            event_time=datetime(2026, 3, 4, 5, 6, tzinfo=UTC),
            value=one["value"],
            truth=one["truth"],
        )
        for one in known
    ]
    said = [recent.told(application, one) for one in taken]
    assert all(one.startswith("From the event of 2026-03-04 05:06:00 UTC.") for one in said)
    if application.label:
        assert "; the truth: " in said[0]
        assert "not known yet" in said[1]
