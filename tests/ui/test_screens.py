"""Every screen with data, empty, in trouble, and with the API away."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from streamlit.testing.v1 import AppTest

from core import forms
from core.applications import APPLICATIONS
from core.declaration import Application, Category, Entity, Number
from core.metrics import metrics
from tests.ui.conftest import Open, forget
from tests.ui.fake_api import FakeApi
from ui.parts import form
from ui.screens.application import VIEWS

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
EVERY_VIEW = pytest.mark.parametrize("view", VIEWS)


def text(test: AppTest) -> str:
    """All that a screen says in words."""
    kinds = (test.title, test.subheader, test.markdown, test.caption, test.warning, test.error, test.info)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def charts(test: AppTest) -> int:
    return len(test.get("echarts_chart"))


def test_home_tells_what_runs(home: Callable[[], AppTest]) -> None:
    test = home()
    assert not test.exception
    said = text(test)
    assert f"{len(APPLICATIONS)} applications learning" in said
    assert "no trouble" in said
    for application in APPLICATIONS.values():
        assert application.title in said
        assert application.summary in said
    assert charts(test) == 2 * len(APPLICATIONS)
    assert {link.value for link in test.page_link} == {"Open"}
    parts = test.dataframe[0].value
    assert set(parts["State"]) == {"running"}


def test_home_guides_while_the_first_events_arrive(home: Callable[[], AppTest], api: FakeApi) -> None:
    api.mode = "empty"
    test = home()
    assert not test.exception
    said = text(test)
    assert "The first events are on their way" in said
    assert f"0 of {len(APPLICATIONS)} applications learning" in said
    assert all(metric.value == "\N{EN DASH}" for metric in test.metric), "an unknown number is never a zero"


def test_home_says_that_the_api_is_away(home: Callable[[], AppTest], api: FakeApi) -> None:
    api.server_close()
    test = home()
    assert not test.exception
    assert "does not answer" in test.warning[0].value
    assert "Trying again every two seconds" in test.warning[0].value
    assert api.url in test.warning[0].value


def test_home_shows_the_api_s_own_words(home: Callable[[], AppTest], api: FakeApi) -> None:
    api.mode = "error"
    test = home()
    assert not test.exception
    assert "the cache does not answer" in test.warning[0].value


def test_home_says_that_a_token_is_needed(
    home: Callable[[], AppTest], api: FakeApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.token = "a-token-of-the-tests-0123"  # noqa: S105
    test = home()
    assert not test.exception
    assert "Set MILLRACE_UI__TOKEN to one of its tokens" in test.warning[0].value
    monkeypatch.setenv("MILLRACE_UI__TOKEN", api.token)
    forget()
    test = home()
    assert not test.exception
    assert not test.warning
    assert api.token not in text(test)


@EVERY
def test_live_shows_scores_beside_naive_ones(opened: Open, application: Application) -> None:
    test = opened(application, "Live")
    assert not test.exception
    shown = {metric.label: metric for metric in test.metric}
    assert set(shown) >= {"Events per second", *(metric.title for metric in metrics(application.task))}
    leading = shown[metrics(application.task)[0].title]
    assert leading.delta.startswith("naive ")
    assert charts(test) >= 2
    roster, *others, answers = (one.value for one in test.dataframe)
    told = {column for one in others for column in one.columns}
    assert ({"Expected", "Label after"} <= told) == bool(application.label)
    assert "What changed" in told
    assert len(roster) == len(application.online)
    assert roster["Role"].tolist().count("champion") == 1
    assert len(answers) == 50
    assert application.key.replace("_", " ").capitalize() in answers.columns


@EVERY
@EVERY_VIEW
def test_screens_wait_for_data(opened: Open, api: FakeApi, application: Application, view: str) -> None:
    api.mode = "empty"
    test = opened(application, view)
    assert not test.exception
    assert not test.error
    if view == "Predict":
        assert "0 of 500 lessons" in test.info[0].value


@EVERY
@EVERY_VIEW
def test_screens_survive_an_api_that_is_away(
    opened: Open, api: FakeApi, application: Application, view: str
) -> None:
    api.server_close()
    test = opened(application, view)
    assert not test.exception
    assert test.warning, "the screen says what is wrong"
    assert "does not answer" in test.warning[0].value


@EVERY
@EVERY_VIEW
def test_screens_survive_an_api_in_trouble(
    opened: Open, api: FakeApi, application: Application, view: str
) -> None:
    api.mode = "error"
    test = opened(application, view)
    assert not test.exception
    assert "the cache does not answer" in text(test)


@EVERY
def test_the_form_asks_every_input_within_its_declared_range(opened: Open, application: Application) -> None:
    test = opened(application, "Predict")
    assert not test.exception
    for one in forms.inputs(application):
        widget: Any = test.get_by_key(form.key(application, one.path))
        if isinstance(one.field, Number):
            low, high = one.field.form_range
            assert (widget.min, widget.max) == (low, high)
            assert low <= widget.value <= high
        elif isinstance(one.field, Category):
            assert tuple(widget.options) == one.field.values


@EVERY
def test_a_change_is_answered_at_once_and_values_stay(
    opened: Open, api: FakeApi, application: Application
) -> None:
    test = opened(application, "Predict")
    number = next(
        one for one in forms.inputs(application) if isinstance(one.field, Number) and "." not in one.path
    )
    low, _ = number.field.form_range  # type: ignore[union-attr]
    test.number_input(form.key(application, number.path)).set_value(low).run()
    path, body = api.asked[-1]
    assert path.endswith("/predict")
    assert body["event"][number.path] == low
    assert application.label not in body["event"]
    before = body["event"]
    test.button(f"{application.name}:predict").click().run()
    changing = {application.identifier.name}
    same = {name: value for name, value in api.asked[-1][1]["event"].items() if name not in changing}
    assert same == {name: value for name, value in before.items() if name not in changing}


@EVERY
def test_randomize_draws_anew(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "Predict")
    before = api.asked[-1][1]["event"]
    test.button(f"{application.name}:randomize").click().run()
    assert not test.exception
    after = api.asked[-1][1]["event"]
    assert any(before[name] != after[name] for name in before if name != application.identifier.name)


@EVERY
def test_a_refused_field_is_marked_where_it_stands(
    opened: Open, api: FakeApi, application: Application
) -> None:
    test = opened(application, "Predict")
    typed = (
        one for one in forms.inputs(application) if isinstance(one.field, Entity) and not one.field.examples
    )
    named = next(typed, None)
    if named is None:
        pytest.skip("every name of this application is picked from a list")
    test.text_input(form.key(application, named.path)).set_value("").run()
    assert "See the marked fields" in test.error[0].value
    assert any(":red[" in element.value for element in test.markdown)


@EVERY
def test_a_query_runs_and_its_result_stays(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "SQL")
    query = application.queries[-1]
    templates: Any = test.get_by_key(f"{application.name}:sql:template")
    templates.set_value(query.title)
    test.run()
    assert test.text_area(f"{application.name}:sql:text").value == query.sql
    _button(test, "Run").click().run()
    assert not test.exception
    path, asked = api.asked[-1]
    assert (path, asked["application"], asked["sql"]) == ("/api/v1/sql/query", application.name, query.sql)
    assert len(test.dataframe[0].value) == 50, "one page"
    assert "100 rows" in text(test)
    assert "11.8 ms" in text(test)
    test.run()
    assert len(test.dataframe[0].value) == 50


@EVERY
def test_a_refused_query_says_why_and_clear_starts_over(opened: Open, application: Application) -> None:
    test = opened(application, "SQL")
    test.text_area(f"{application.name}:sql:text").set_value("DROP TABLE data")
    _button(test, "Run").click().run()
    assert not test.exception
    assert "Only SELECT is allowed" in test.error[0].value
    _button(test, "Clear").click().run()
    assert test.text_area(f"{application.name}:sql:text").value == "SELECT * FROM data LIMIT 100"


@EVERY
def test_the_schema_is_shown(opened: Open, application: Application) -> None:
    said = text(opened(application, "SQL"))
    for field in application.fields:
        assert f"`{field.name}" in said


def _button(test: AppTest, label: str) -> Any:
    return next(button for button in test.button if button.label == label)
