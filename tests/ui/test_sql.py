"""The SQL screen: one page of a filtered, sorted result, a chart of it, a query that is stopped for real."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from streamlit.testing.v1 import AppTest

from core.api.client.whole import ApiClient
from core.api.sql import QueryAnswer
from core.applications import APPLICATIONS
from core.diagnostics.shapes import Bars, Lines, Points
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from tests.ui.test_screens import _button, charts, text
from ui.figures import panels
from ui.parts import queries, quick_chart, result_table, stoppable
from ui.parts.stoppable import Running

APP = next(iter(APPLICATIONS.values()))
NAME = f"{APP.name}:sql"


@pytest.fixture
def ran(opened: Open) -> AppTest:
    """The screen with a result of 100 rows."""
    return _button(opened(APP, "SQL"), "Run").click().run()  # type: ignore[no-any-return]


@pytest.fixture
def asking(api: FakeApi) -> Iterator[ApiClient]:
    client = ApiClient(api.url, 10.0, 10.0)
    yield client
    client.close()


def widget(test: AppTest, begin: str) -> Any:
    """The one widget whose key begins so."""
    kinds = (test.selectbox, test.segmented_control, test.text_input)
    return next(one for kind in kinds for one in kind if str(one.key).startswith(f"{NAME}:{begin}"))


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "name": pd.Series(["b", None, "A", "c"], dtype="string"),
            "size": pd.Series([10.0, 9.0, None, 100.0], dtype="Float64"),
            "at": pd.to_datetime(["2026-01-02", "2026-01-01", "2026-01-03", "2026-01-04"]),
        }
    )


def test_a_result_has_pages_and_a_filter_begins_at_the_first(ran: AppTest) -> None:
    assert not ran.exception
    assert "Rows 1 to 50 of 100" in text(ran)
    ran.session_state[f"{NAME}:page"] = 2
    ran.run()
    assert "Rows 51 to 100 of 100" in text(ran)
    wanted = str(ran.dataframe[0].value["entity"].iloc[0])
    widget(ran, "filter").set_value(wanted.upper()).run()
    assert not ran.exception
    assert ran.session_state[f"{NAME}:page"] == 1
    assert set(ran.dataframe[0].value["entity"]) == {wanted}
    assert "found in 100" in text(ran)
    widget(ran, "filter").set_value("nothing holds this").run()
    assert "None of the 100 rows holds" in text(ran)


def test_all_rows_are_sorted_not_those_of_a_page(ran: AppTest) -> None:
    widget(ran, "sort").set_value("amount").run()
    first = list(ran.dataframe[0].value["amount"])
    assert first == sorted(first)
    widget(ran, "order").set_value("Down").run()
    highest = list(ran.dataframe[0].value["amount"])
    assert highest == sorted(highest, reverse=True)
    assert highest[0] > max(first)


def test_a_result_becomes_a_chart(ran: AppTest) -> None:
    before = charts(ran)
    widget(ran, "view").set_value("Chart").run()
    assert not ran.exception
    assert charts(ran) == before + 1
    widget(ran, "x").set_value("entity").run()
    assert not ran.exception
    assert charts(ran) == before + 1


def test_the_query_is_in_the_address_and_a_link_fills_the_editor_without_running(
    ran: AppTest, api: FakeApi, opened: Open
) -> None:
    shown = ran.text_area(f"{NAME}:text").value
    assert ran.query_params["sql"] == shown
    asked = len(api.asked)

    def linked(name: str) -> None:
        from core.applications import APPLICATIONS
        from ui.screens import application

        application.show(APPLICATIONS[name])

    other = AppTest.from_function(linked, args=(APP.name,), default_timeout=30)
    other.query_params["view"] = "SQL"
    other.query_params["sql"] = "SELECT 42"
    other.run()
    assert other.text_area(f"{NAME}:text").value == "SELECT 42"
    assert len(api.asked) == asked


def test_stop_stops_the_query_at_the_api(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "SQL")
    test.text_area(f"{NAME}:text").set_value("SELECT sleep")
    _button(test, "Run").click().run()
    assert not test.exception
    assert "Running for" in text(test)
    assert not api.stopped.is_set()
    test.button(f"{NAME}:stop").click().run()
    assert not test.exception
    assert "The query was stopped" in text(test)
    assert api.stopped.wait(3), "the API must be told"


def test_a_query_that_nobody_looks_at_is_stopped(
    api: FakeApi, asking: ApiClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stoppable, "UNSEEN_SECONDS", 0.1)
    monkeypatch.setattr(stoppable, "WATCH_SECONDS", 0.05)
    running = Running(asking, APP.name, "SELECT sleep", 100)
    assert api.stopped.wait(3)
    assert running.wait(3)
    assert running.stopped
    assert running.outcome is None


def test_a_quick_query_ends_with_its_answer(asking: ApiClient) -> None:
    running = Running(asking, APP.name, "SELECT 1", 100)
    assert running.wait(3)
    assert running.ended
    assert isinstance(running.outcome, QueryAnswer)
    running.stop()


def test_filter_and_order_keep_every_row_that_fits() -> None:
    known = frame()
    assert list(result_table.matching(known, " a ")["name"]) == ["A"]
    assert len(result_table.matching(known, "2026-01-0")) == 4
    assert len(result_table.matching(known, "")) == 4
    assert len(result_table.matching(known, ".")) <= 4
    up = result_table.ordered(known, "size", falling=False)["size"]
    assert up.dropna().tolist() == [9.0, 10.0, 100.0]
    assert pd.isna(up.iloc[-1]), "nulls last"
    assert pd.isna(result_table.ordered(known, "size", falling=True)["size"].iloc[-1])
    assert result_table.ordered(known, "gone", falling=True) is known
    assert result_table.told(51, 60, 60, 60) == "Rows 51 to 60 of 60"


@pytest.mark.parametrize(
    ("x", "kind", "shape", "scale"),
    [
        ("name", quick_chart.BARS, Bars, "category"),
        ("at", quick_chart.LINE, Lines, "time"),
        ("size", quick_chart.POINTS, Points, "linear"),
        ("name", quick_chart.LINE, Lines, "category"),
    ],
)
def test_a_chart_of_any_columns(x: str, kind: str, shape: type, scale: str) -> None:
    panel = quick_chart.panel(frame(), x, "size", kind)
    assert isinstance(panel.series[0], shape)
    assert panel.x.scale == scale
    assert panels.option(panel)["series"]
    if x != "name" or kind != quick_chart.LINE:
        assert quick_chart.suited(frame(), x) == kind


def test_a_chart_says_what_it_leaves_out() -> None:
    many = pd.DataFrame({"n": range(100), "v": range(100)})
    panel = quick_chart.panel(many, "n", "v", quick_chart.BARS)
    assert panel.note == "The first 40 of 100 rows."
    assert quick_chart.numeric(frame()) == ["size"]


def opened_popover(test: AppTest, title: str) -> AppTest:
    """The screen with one of the popovers open."""
    test.session_state[f"{NAME}:{title}"] = True
    return test.run()


def test_the_history_is_asked_for_when_it_is_opened_and_fills_the_editor(ran: AppTest, api: FakeApi) -> None:
    assert "SELECT 7" not in text(ran)
    test = opened_popover(ran, "History")
    assert not test.exception
    test.button(f"{NAME}:text:history:0").click().run()
    assert test.text_area(f"{NAME}:text").value == "SELECT 7 AS seven"
    test = opened_popover(test, "History")
    test.button(f"{NAME}:text:forget").click().run()
    assert api.history == []
    assert "No query yet" in text(opened_popover(test, "History"))


def test_a_query_is_saved_used_and_deleted(ran: AppTest, api: FakeApi) -> None:
    kept = ran.text_area(f"{NAME}:text").value
    test = opened_popover(ran, "Saved")
    assert "No saved query yet" in text(test)
    next(one for one in test.text_input if one.label == "Name").set_value("all of it")
    _button(test, "Save the query that was run last").click().run()
    assert api.saved["all of it"]["sql"] == kept
    test.text_area(f"{NAME}:text").set_value("SELECT 1")
    test = opened_popover(_button(test, "Run").click().run(), "Saved")
    test.button(f"{NAME}:text:saved:all of it").click().run()
    assert test.text_area(f"{NAME}:text").value == kept
    test = opened_popover(test, "Saved")
    test.button(f"{NAME}:text:delete:all of it").click().run()
    assert api.saved == {}


def test_the_plan_is_of_the_query_in_the_editor(ran: AppTest, api: FakeApi) -> None:
    test = opened_popover(ran, "Plan")
    assert not test.exception
    assert "TABLE_SCAN" in test.code[0].value
    path, body = api.asked[-1]
    assert path.endswith("/plan")
    assert body["sql"] == ran.text_area(f"{NAME}:text").value


@pytest.mark.parametrize(
    ("sql", "shown"),
    [
        ("SELECT *\n  FROM data", "SELECT \\* FROM data"),
        ("x" * 80, "x" * (queries.LETTERS - 1) + "\N{HORIZONTAL ELLIPSIS}"),
    ],
)
def test_a_query_reads_in_one_line(sql: str, shown: str) -> None:
    assert queries.line(sql) == shown
