"""The pure pieces behind the screens."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import msgspec
import pandas as pd
import pytest

from core import forms
from core.api.errors import FieldError
from core.api.live import LiveAnswer, RecentAnswer
from core.api.sql import ColumnAnswer, QueryAnswer
from core.api.status import ApplicationStatus, LearnerStatus, PartStatus, StatusAnswer
from core.applications import APPLICATIONS
from core.declaration import Application, Number, Regression
from core.metrics import metrics
from core.records import LearnerState
from tests.ui import fake_data
from ui import formats
from ui.parts import answers, form, guide, kpis, results, verdict
from ui.parts.chips import chip
from ui.parts.health import health
from ui.reads import Memory
from ui.screens.home import parts_frame
from ui.screens.sql import badges

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)


def status(**learner: str) -> StatusAnswer:
    flow = ApplicationStatus(
        produced=10,
        valid=9,
        rejected=0,
        rate=12.4,
        last_event_time=NOW - timedelta(seconds=2),
        learner=LearnerStatus(**({"state": "live"} | learner)),  # type: ignore[arg-type]
    )
    return StatusAnswer(applications=dict.fromkeys(APPLICATIONS, flow), time=NOW)


def test_health_in_one_line() -> None:
    judged = health(status(), APPLICATIONS)
    every = len(APPLICATIONS)
    said = f"{every} applications learning, {12.4 * every:.0f} events/s, oldest data 2 s, no trouble"
    assert judged.line == said
    assert judged.troubles == ()


def test_health_names_a_learner_that_failed_and_a_part_that_is_down() -> None:
    known = status(state="failed", error="the log is gone")
    known = msgspec.structs.replace(known, parts={"broker": PartStatus(state="exited", error="no space")})
    judged = health(known, APPLICATIONS)
    assert judged.line.startswith(f"0 of {len(APPLICATIONS)} applications learning")
    assert any("the log is gone" in said for said in judged.troubles)
    assert "broker is exited. no space" in judged.troubles
    known = msgspec.structs.replace(known, away={"redis": "connection refused"})
    assert "redis is away: connection refused" in health(known, APPLICATIONS).troubles


def test_health_counts_what_is_missing_as_not_learning() -> None:
    assert health(StatusAnswer(applications={}, time=NOW), APPLICATIONS).line.startswith(
        "0 of 3 applications learning, \N{EN DASH}"
    )


def test_many_rejected_events_are_a_trouble_with_their_reason() -> None:
    flow = ApplicationStatus(valid=80, rejected=20, rejected_by_reason={"bad_time": 19, "empty": 1})
    judged = health(StatusAnswer(applications={next(iter(APPLICATIONS)): flow}, time=NOW), APPLICATIONS)
    assert "20.0 % of the events are rejected, most for 'bad_time'." in judged.troubles[0]


def test_the_guide_ends_when_every_model_learns() -> None:
    through = ApplicationStatus(
        produced=1, valid=1, delta_rows=1, asked=1, taught=1, learner=LearnerStatus(state="live")
    )
    assert not guide.arriving([through])
    again = msgspec.structs.replace(through, lag=7, learner=LearnerStatus(state="starting"))
    rests = msgspec.structs.replace(through, learner=LearnerStatus(state="paused"))
    assert not guide.arriving([through, again, rests]), "nothing begins when a learner starts again"
    waits = msgspec.structs.replace(through, lag=0, learner=LearnerStatus(state="starting"))
    assert guide.arriving([waits])
    assert guide.arriving([through, ApplicationStatus(produced=3)])
    assert not guide.arriving([through, ApplicationStatus(learner=LearnerStatus(state="failed"))]), (
        "trouble is not a beginning"
    )
    assert [step.complete for step in guide.steps([ApplicationStatus(produced=3)])] == [True] + [False] * 5


def test_a_learner_that_catches_up_counts_as_learning() -> None:
    busy = ApplicationStatus(lag=7, learner=LearnerStatus(state="starting"))
    waits = ApplicationStatus(lag=0, learner=LearnerStatus(state="starting"))
    first, *others = APPLICATIONS
    known = {first: busy} | dict.fromkeys(others, waits)
    said = health(StatusAnswer(applications=known, time=NOW), APPLICATIONS).line
    assert said.startswith(f"1 of {len(APPLICATIONS)} applications learning")


@pytest.mark.parametrize("state", [*LearnerState, None, "brand new"])
def test_every_state_has_a_chip(state: str | None) -> None:
    assert chip(state).endswith("]")


@EVERY
def test_four_numbers_lead_a_live_screen(application: Application) -> None:
    row = kpis.four(application, LiveAnswer(application=application.name), [])
    assert len(row) == 4
    assert row[1].label == metrics(application.task)[0].title
    assert all(kpi.value == "\N{EN DASH}" for kpi in row)


def test_a_score_worse_than_the_naive_one_is_red() -> None:
    application = next(app for app in APPLICATIONS.values() if isinstance(app.task, Regression))
    leading = metrics(application.task)[0]
    live = LiveAnswer(application=application.name, scores={leading.id: 600.0}, naive={leading.id: 548.0})
    assert leading.better == "lower"
    assert kpis.score(leading, live, []).tone == "red"
    better = msgspec.structs.replace(live, scores={leading.id: 300.0})
    assert kpis.score(leading, better, []).tone == "blue"
    assert kpis.score(leading, LiveAnswer(application="x"), []).tone == "blue"


@EVERY
def test_answers_become_rows_and_their_truth_fills_in(application: Application) -> None:
    told = msgspec.convert(
        fake_data.predictions(application, 12, judged=False), list[RecentAnswer], strict=False
    )
    table = answers.frame(application, told)
    assert len(table) == 12
    if application.label is not None:
        known = [n for n, answer in enumerate(told) if answer.truth is not None]
        assert list(table.index[table["Truth"].notna()]) == known
        assert len(answers.pairs(told)) == len(known)


def test_times_are_shown_in_seconds_and_in_minutes() -> None:
    assert verdict.travel(3180.0) == ("3,180 s", "53.0 min")
    assert formats.value(Number("planned", 0, 9999, unit="s", integer=True), 1084) == "1,084 s (18.1 min)"
    assert formats.value(Number("wait", 0, 99, unit="s", integer=True), 40) == "40 s"


@EVERY
def test_what_is_computed_is_shown_with_its_unit(application: Application) -> None:
    event = forms.complete(application, forms.randomize(application, 1))
    shown = form.derived(application, event)
    assert set(shown) == {formats.words(field.name) for field in application.fields if field.derive}


def test_messages_without_a_field_in_the_form_are_kept() -> None:
    error = FieldError(field="is_new", message="unknown")
    assert form.complain([error], {}) == [error]


def result(kind: str, values: list[object]) -> QueryAnswer:
    return answered([ColumnAnswer(name="x", type=kind)], [[value] for value in values])


def answered(columns: list[ColumnAnswer], rows: list[list[object]]) -> QueryAnswer:
    return QueryAnswer(
        columns=columns, rows=rows, row_count=len(rows), elapsed_ms=1.0, table_version=1, table_rows=len(rows)
    )


@pytest.mark.parametrize(
    ("kind", "values", "dtype"),
    [
        ("BIGINT", [1, None, 3], "Int64"),
        ("HUGEINT", [2**80, None], "string"),
        ("DOUBLE", [1.5, None], "Float64"),
        ("DECIMAL(18,3)", ["1.250", None], "Float64"),
        ("BOOLEAN", [True, None], "boolean"),
        ("VARCHAR", ["a", None], "string"),
        ("STRUCT(lat DOUBLE)", [{"lat": 1.0}, None], "string"),
        ("VARCHAR[]", [["a"], None], "string"),
        ("DATE", ["2026-01-02", None], "string"),
        ("MYSTERY", [object.__name__, None], "string"),
    ],
)
def test_results_keep_types_and_nulls(kind: str, values: list[object], dtype: str) -> None:
    column = results.frame(result(kind, values))["x"]
    assert str(column.dtype) == dtype
    assert list(column.isna()) == [value is None for value in values]


def test_moments_of_results_are_in_utc() -> None:
    moments = ["2026-01-02T03:04:05+02:00", "2026-01-02T03:04:05.5+00:00", None]
    column = results.frame(result("TIMESTAMP WITH TIME ZONE", list(moments)))["x"]
    assert column[0] == pd.Timestamp("2026-01-02 01:04:05")
    assert column.isna()[2]


def test_two_columns_of_one_name_both_stay() -> None:
    twice = answered([ColumnAnswer(name="n", type="BIGINT")] * 2, [[1, 2]])
    assert list(results.frame(twice).columns) == ["n", "n_2"]


def test_csv_holds_what_the_api_sent() -> None:
    text = results.csv(result("VARCHAR", ['say "hi", then go', None, "a\nb"])).decode()
    assert list(csv.reader(io.StringIO(text))) == [["x"], ['say "hi", then go'], [""], ["a\nb"]]


def test_badges_tell_rows_time_and_cut() -> None:
    told = msgspec.structs.replace(result("BIGINT", [1]), truncated=True, elapsed_ms=11.83, table_rows=5)
    said = badges(told)
    assert "1 row]" in said
    assert "11.8 ms" in said
    assert "cut off" in said


def test_parts_in_trouble_come_first() -> None:
    parts = {"a": PartStatus(state="running", pid=1), "z": PartStatus(state="fatal", error="port taken")}
    table = parts_frame(StatusAnswer(applications={}, parts=parts, time=NOW))
    assert list(table["Part"]) == ["z", "a"]
    assert table["PID"].isna()[0]


def test_a_memory_forgets_the_oldest_and_the_stale(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("ui.reads.time.monotonic", lambda: now[0])
    memory = Memory(most=2)
    for name in "abc":
        memory.keep((name,), name.upper())
    assert memory.recall(("a",), 10) is None
    assert memory.recall(("c",), 10) == "C"
    now[0] = 11
    assert memory.recall(("c",), 10) is None


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (None, "\N{EN DASH}"),
        (0, "0"),
        (938, "938"),
        (24_120, "24.1k"),
        (1_250_000, "1.25M"),
        (123_456, "123k"),
    ],
)
def test_compact_numbers(number: float | None, text: str) -> None:
    assert formats.compact(number) == text


def test_spans_and_names() -> None:
    assert [formats.span(seconds) for seconds in (None, -1, 2, 180, 14_400, 1_123_200)] == [
        "\N{EN DASH}",
        "0 s",
        "2 s",
        "3 min",
        "4 h",
        "13 d",
    ]
    assert formats.positive_word("is_fraud") == "Fraud"
    assert formats.words("device_info.os") == "Device info os"


def test_a_toy_application_gets_its_form_for_nothing() -> None:
    application = next(iter(APPLICATIONS.values()))
    toy = replace(application, name="toy", title="Toy")
    assert form.key(toy, "amount") == "toy:form:amount"
    assert [one.path for one in forms.inputs(toy)] == [one.path for one in forms.inputs(application)]
