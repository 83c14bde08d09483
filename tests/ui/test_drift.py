"""Drift on the screen: nothing is compared until asked; then a verdict per input, the farthest first."""

from __future__ import annotations

import pytest
from streamlit.testing.v1 import AppTest

from core.applications import APPLICATIONS
from core.declaration import Application
from tests.ui import fake_drift
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from tests.ui.test_batch import text
from ui.parts import drift

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
APP = next(iter(APPLICATIONS.values()))


def asked(api: FakeApi, application: Application = APP) -> list[dict[str, object]]:
    return [body for path, body in api.asked if path == f"/api/v1/batch/{application.name}/jobs"]


def inputs(test: AppTest) -> list[str]:
    """The names in the table of inputs, as it stands."""
    return next((list(one.value["Input"]) for one in test.dataframe if "PSI" in one.value.columns), [])


@EVERY
def test_nothing_is_compared_until_asked(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "Batch")
    assert not test.exception
    assert asked(api, application) == []
    assert "Compares the newest 10,000 rows of `data` with the rows that version 3 was trained on" in text(
        test
    )
    assert inputs(test) == []
    api.batch.fraction = 0.4
    test.button(f"{application.name}:drift:ask").click().run()
    assert not test.exception
    assert asked(api, application) == [
        {
            "kind": "drift",
            "run_id": "",
            "rows": {"take": "recent", "amount": 10_000, "seed": 42},
            "source": "table",
        }
    ]
    assert "Computing · 40 %" in text(test)
    assert test.button(f"{application.name}:drift:ask").disabled


@EVERY
def test_the_report_tells_each_input_the_farthest_first(
    opened: Open, api: FakeApi, application: Application
) -> None:
    api.batch.drifts.add(application.name)
    test = opened(application, "Batch")
    assert not test.exception
    said = text(test)
    assert "very different from the training" in said
    assert "1 moved, 1 very different" in said
    assert (
        "10,000 newest rows (Nov 21, 11:00 to Nov 21, 12:00 UTC) against 6,000 rows of the training" in said
    )
    table = next(one.value for one in test.dataframe if "PSI" in one.value.columns)
    assert list(table["PSI"]) == sorted(table["PSI"], reverse=True)
    assert list(table["Verdict"])[:2] == ["very different", "moved"]
    before = len(test.get("echarts_chart"))
    test.session_state["drift-figures"] = True
    test.run()
    assert not test.exception
    assert len(test.get("echarts_chart")) == before + 1


def test_a_comparison_is_stopped_and_said_to_be(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 0.4
    api.batch.start(APP.name, {"kind": "drift"})
    test = opened(APP, "Batch")
    test.button(f"{APP.name}:drift:stop").click().run()
    assert not test.exception
    assert "The comparison was stopped" in text(test)
    assert not test.button(f"{APP.name}:drift:ask").disabled


def test_a_failed_comparison_says_why(opened: Open, api: FakeApi) -> None:
    api.batch.fail, api.batch.fraction = "the table holds 12 rows only", 0.6
    api.batch.start(APP.name, {"kind": "drift"})
    test = opened(APP, "Batch")
    assert not test.exception
    assert "the table holds 12 rows only" in text(test)


def test_without_a_training_the_older_half_is_the_reference(opened: Open, api: FakeApi) -> None:
    api.mode = "empty"
    test = opened(APP, "Batch")
    assert not test.exception
    assert "with the rows that came before them: the older half" in text(test)


def test_what_can_t_be_known_of_a_category_stays_empty() -> None:
    report = fake_drift.report(APP.name)
    rows = drift.lines(report.inputs).set_index("Input")
    kinds = {one.name: one.kind for one in report.inputs}
    for one in report.inputs:
        row = rows.loc[one.name.replace(".", " ").replace("_", " ").capitalize()]
        assert bool(row["New values"] is not None and row["New values"] == row["New values"]) == (
            kinds[one.name] == "category"
        )
        assert (row["Before"] == row["Before"]) == (kinds[one.name] != "category")
