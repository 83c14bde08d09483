"""The switch shows what is asked and what is done about it, and the way back asks twice."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core.api.live import LiveAnswer, VersionAnswer
from core.applications import APPLICATIONS
from core.declaration import Application
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from ui import reads
from ui.parts import training

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
APP = next(iter(APPLICATIONS.values()))


def text(test: AppTest) -> str:
    return "\n".join(str(one.value) for kind in (test.caption, test.warning, test.info) for one in kind)


def switch(test: AppTest, application: Application = APP) -> Any:
    return test.toggle(f"{application.name}:training")


@EVERY
def test_the_switch_asks_the_api_and_waits_for_the_learner(
    opened: Open, api: FakeApi, application: Application
) -> None:
    test = opened(application, "Live")
    assert not test.exception
    assert switch(test, application).value is True
    switch(test, application).set_value(False).run()
    assert not test.exception
    path = f"/api/v1/incremental/{application.name}/training"
    assert [one for one in api.asked if one[0] == path] == [(path, {"on": False})]
    assert switch(test, application).value is False
    assert "Pausing ..." in text(test)
    api.control[application.name]["state"] = "paused"
    reads.forget()
    test.run()
    assert "Takes no events" in text(test)
    assert "Pausing" not in text(test)
    switch(test, application).set_value(True).run()
    assert "Going on ..." in text(test)


def test_what_the_api_refuses_is_told_and_the_switch_stays(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Live")
    api.mode = "refusing"
    switch(test).set_value(False).run()
    assert not test.exception
    assert "Redis is away" in text(test)
    assert switch(test).value is True


def test_another_person_s_switch_shows_here(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Live")
    api.control[APP.name] = {"training": False, "state": "paused"}
    reads.forget()
    test.run()
    assert switch(test).value is False


def test_back_to_the_version_that_was_chosen(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Live")
    test.radio(f"{APP.name}:version").set_value(780).run()
    assert not [one for one in api.asked if one[0].endswith("/reset")], "choosing is not yet asking"
    button = test.button(f"{APP.name}:reset")
    assert button.label == "Reset to version 780"
    button.click().run()
    assert not test.exception
    assert api.asked[-1] == (f"/api/v1/incremental/{APP.name}/reset", {"version": 780})
    assert "Going back to version 780 ..." in text(test)


def test_without_versions_it_says_so(opened: Open, api: FakeApi) -> None:
    api.mode = "empty"
    api.control[APP.name] = {"training": True}
    test = opened(APP, "Live")
    assert "No version is kept yet" in text(test)


@pytest.mark.parametrize(
    ("state", "asked", "resetting", "word"),
    [
        ("live", True, None, ""),
        ("live", False, None, "Pausing"),
        ("starting", False, None, "Pausing"),
        ("paused", False, None, "Takes no events"),
        ("paused", True, None, "Going on"),
        ("paused", True, 7, "Going back to version 7"),
        ("lost", False, None, "does not run"),
        ("lost", True, None, ""),
        ("failed", True, 7, ""),
    ],
)
def test_words_say_no_more_than_is_known(state: str, asked: bool, resetting: int | None, word: str) -> None:
    said = training.said(LiveAnswer(application="a", state=state, training=asked, resetting=resetting))
    assert (word in said) if word else said == ""


def test_a_learner_that_starts_says_how_much_is_left() -> None:
    report = LiveAnswer(application="a", state="starting", training=True, lag=1234)
    assert "Catching up: 1,234 events left" in training.said(report)


def test_a_version_reads_in_one_line() -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    one = VersionAnswer(
        version=1180,
        created=now - timedelta(minutes=4),
        model="m",
        asked=24_130,
        taught=24_120,
        scores={},
        bytes=1,
        places=[],
    )
    said = training.label(APP, one, now)
    assert said.startswith("1,180: 4 min old, 24.1k labels, ")
    assert said.endswith("\N{EN DASH}")
