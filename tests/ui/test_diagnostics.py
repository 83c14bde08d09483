"""Diagnostics on the screen: nothing is computed before it is looked at, and no job is asked for twice."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from streamlit.testing.v1 import AppTest

from core.api.diagnostics import DiagnosticsAnswer
from core.applications import APPLICATIONS
from core.declaration import Application
from core.diagnostics import Tab, diagnostics
from core.diagnostics.shapes import Axis, Fact, Panel, Sample
from core.recipes import title
from serving.described import described
from tests.ui import fake_menu
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from tests.ui.fake_batch import result, run_id
from ui import formats, reads_batch
from ui.parts import found

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
APP = next(iter(APPLICATIONS.values()))
BASE = f"/api/v1/batch/{APP.name}/diagnostics"


def text(test: AppTest) -> str:
    kinds = (test.subheader, test.markdown, test.caption, test.warning, test.error, test.info)
    bars = [str(one.proto.text) for one in test.get("progress")]
    return "\n".join([*(str(one.value) for kind in kinds for one in kind), *bars])


def charts(test: AppTest) -> int:
    return len(test.get("echarts_chart"))


def pick(test: AppTest, tab: str, diagnostic: str = "") -> AppTest:
    widget: Any = test.get_by_key("tab")
    widget.set_value(tab)
    test.run()
    if diagnostic:
        widget = test.get_by_key("diagnostic")
        widget.set_value(diagnostic)
        test.run()
    return test


@EVERY
def test_a_quick_one_is_computed_when_it_is_looked_at(
    opened: Open, api: FakeApi, application: Application
) -> None:
    api.batch.fraction = 0.3
    test = opened(application, "Diagnostics")
    assert not test.exception
    first = fake_menu.menu(application)[0]["diagnostics"][0]
    assert first["question"] in text(test)
    path = f"/api/v1/batch/{application.name}/diagnostics/{first['id']}"
    assert api.asked == [(path, {"run_id": run_id(3), "parameters": {}})], "the champion, and nothing else"
    assert "Computing · 30 %" in text(test)
    assert charts(test) == 0
    test.run()
    assert len(api.asked) == 1, "a job that runs is not asked for again"
    api.batch.fraction = 1.0
    test.run()
    assert not test.exception
    assert charts(test) >= 1
    assert "2,000 of 9,812 test rows, random, seed 42" in text(test)
    assert "computed in 0.41 s" in text(test)
    test.run()
    assert len(api.asked) == 1, "a result that was drawn a moment ago is not asked for again"
    assert {metric.label: metric.value for metric in test.metric} == {
        "ROC AUC": "0.8842",
        "Largest error": "1,204 s",
        "Hardest group": "Thunderstorm",
        "Not known": "\N{EN DASH}",
    }
    buttons: Any = test.get("download_button")
    labels = [one.label for one in buttons]
    assert labels == ["CSV"] * charts(test)


def test_every_diagnostic_of_the_menu_is_drawn(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 1.0
    test = opened(APP, "Diagnostics")
    for group in fake_menu.menu(APP):
        for one in group["diagnostics"]:
            pick(test, group["tab"], one["title"])
            if one["cost"] == "refit":
                test.button("diagnose").click().run()
            # A job that is done at once is fetched by the run after the one that asked.
            test.run()
            assert not test.exception
            assert charts(test) >= 1, one["id"]


def test_one_that_fits_again_waits_for_a_button_and_can_be_cancelled(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 0.4
    test = pick(opened(APP, "Diagnostics"), "Model selection")
    path = f"{BASE}/learning_curve"
    assert not [one for one in api.asked if one[0] == path]
    assert "Fits the model again" in text(test)
    test.button("diagnose").click().run()
    assert not test.exception
    assert [one for one in api.asked if one[0] == path] == [
        (path, {"run_id": run_id(3), "parameters": {"share": 0.9}})
    ]
    assert "Computing · 40 %" in text(test)
    test.button("diagnose-stop").click().run()
    assert not test.exception
    assert "was stopped" in text(test)
    assert test.button("diagnose").label == "Compute"


def test_a_running_job_is_found_after_a_reload(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 0.4
    pick(opened(APP, "Diagnostics"), "Model selection").button("diagnose").click().run()
    before = len(api.asked)
    reads_batch.forget()
    again = pick(opened(APP, "Diagnostics"), "Model selection")
    assert "Computing · 40 %" in text(again)
    assert not [one for one in api.asked[before:] if one[0].endswith("learning_curve")]


def test_a_failure_says_its_reason_and_waits_to_be_asked_again(opened: Open, api: FakeApi) -> None:
    api.batch.fail = "no label: nothing to compare the answers with"
    api.batch.fraction = 0.6
    test = opened(APP, "Diagnostics")
    assert "nothing to compare" in test.error[0].value
    asked = len(api.asked)
    test.run()
    assert len(api.asked) == asked, "a failure is not tried again by itself"
    api.batch.fail = ""
    test.button("diagnose").click().run()
    assert len(api.asked) == asked + 1
    assert "Computing" in text(test)


def test_parameters_are_asked_within_their_ranges_and_sent(opened: Open, api: FakeApi) -> None:
    test = pick(opened(APP, "Diagnostics"), "Features")
    number = test.number_input(f"{APP.name}:importance:most")
    assert (number.min, number.max, number.value) == (2, 40, 12)
    inputs = test.selectbox(f"{APP.name}:importance:first")
    assert inputs.options == ["The most important one", *map(formats.words, fake_menu.INPUTS)]
    number.set_value(5).run()
    assert api.asked[-1] == (
        f"{BASE}/importance",
        {"run_id": run_id(3), "parameters": {"first": "", "most": 5}},
    )


def test_the_live_models_need_no_run(opened: Open, api: FakeApi) -> None:
    api.mode = "empty"
    test = opened(APP, "Diagnostics")
    assert "No model has been trained yet" in str(test.info[0].proto)
    assert not api.asked
    pick(test, "Live models")
    assert api.asked == [(f"{BASE}/score_over_time", {"run_id": "", "parameters": {}})]
    assert not test.exception


def test_the_address_leads_to_the_same_figure(api: FakeApi) -> None:
    def script() -> None:
        from core.applications import APPLICATIONS
        from ui.screens import application

        application.show(next(iter(APPLICATIONS.values())))

    test = AppTest.from_function(script, default_timeout=30)
    test.query_params["view"] = "Diagnostics"
    test.query_params["tab"] = "Features"
    test.query_params["diagnostic"] = "Principal components"
    test.query_params["run"] = f"Version 5, {title(APP.batch[1])}"
    test.run()
    assert not test.exception
    assert api.asked == [(f"{BASE}/projection", {"run_id": run_id(5), "parameters": {}})]


def test_another_application_falls_back_to_what_it_has(opened: Open, api: FakeApi) -> None:
    for application in APPLICATIONS.values():
        test = AppTest.from_function(_named, args=(application.name,), default_timeout=30)
        test.query_params["view"] = "Diagnostics"
        test.query_params["tab"] = "Nowhere"
        test.query_params["diagnostic"] = "Nothing"
        assert not test.run().exception


def _named(name: str) -> None:
    from core.applications import APPLICATIONS
    from ui.screens import application

    application.show(APPLICATIONS[name])


@EVERY
def test_the_api_s_own_menu_is_understood(application: Application) -> None:
    told = msgspec.json.encode(described(application))
    tabs = msgspec.json.decode(told, type=DiagnosticsAnswer).tabs
    ids = [one.id for group in tabs for one in group.diagnostics]
    assert ids == [one.id for tab in Tab for one in diagnostics(application) if one.tab == tab]
    assert all(one.live == (group.tab == Tab.LIVE) for group in tabs for one in group.diagnostics)


def panel(wide: bool) -> Panel:
    return Panel(title="", x=Axis(title=""), y=Axis(title=""), series=[], wide=wide)


def test_wide_panels_stand_alone_others_two_abreast() -> None:
    shown = [panel(wide) for wide in (False, True, False, False, False)]
    assert [len(row) for row in found.rows(shown)] == [1, 1, 2, 1]
    assert [one for row in found.rows(shown) for one in row] == shown


def test_words_of_samples_and_facts() -> None:
    assert found.sample(Sample(rows=600, available=600, split="test")) == "all 600 test rows"
    assert found.said(Fact(title="", value=0.98765432)) == "0.9877"
    assert found.said(Fact(title="", value=12_345, unit="rows")) == "12,345 rows"
    assert found.said(Fact(title="", value=None)) == "\N{EN DASH}"
    request = {"diagnostic": "roc", "application": APP.name, "run_id": "1", "parameters": {"most_rows": 5}}
    assert "most rows 5 · computed in 0.41 s" in found.foot(result(request))
