"""Batch training on the screen: what is asked is what is sent, jobs are followed, runs compared honestly."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace
from streamlit.testing.v1 import AppTest

from core.api.batch import BatchAnswer, HeldAnswer, RecipeAnswer
from core.applications import APPLICATIONS
from core.batch import JobLine, JobReport, JobState, Rows, Stage, Take, Train
from core.declaration import Application
from core.metrics import batch_metrics
from core.recipes import RECIPES
from serving.declared import recipe_answers
from tests.ui.conftest import Open
from tests.ui.fake_api import FakeApi
from tests.ui.fake_batch import fitted, run, run_id, searched
from ui import formats, reads_batch
from ui.parts import jobs, run_scores, runs, train_form

EVERY = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=APPLICATIONS)
APP = next(iter(APPLICATIONS.values()))
JOBS = f"/api/v1/batch/{APP.name}/jobs"


def text(test: AppTest) -> str:
    kinds = (test.subheader, test.markdown, test.caption, test.warning, test.error, test.info, test.code)
    bars = [str(one.proto.text) for one in test.get("progress")]
    return "\n".join([*(str(one.value) for kind in kinds for one in kind), *bars])


def key(test: AppTest, name: str) -> Any:
    return test.get_by_key(f"{APP.name}:{name}")


def sent(api: FakeApi, path: str = JOBS) -> list[dict[str, Any]]:
    return [body for asked, body in api.asked if asked == path]


@EVERY
def test_every_score_of_the_champion_is_shown_beside_the_naive_one(
    opened: Open, application: Application
) -> None:
    test = opened(application, "Batch")
    assert not test.exception
    assert [metric.label for metric in test.metric] == [
        metric.title for _, members in run_scores.grouped(application) for metric in members
    ]
    assert test.metric[0].delta.startswith("naive ")
    assert "Version 3" in text(test), "the champion is chosen"
    table = test.dataframe[0].value
    assert list(table["Version"]) == [5, 4, 3, 2, 1]
    assert sum("best" in str(role) for role in table["Role"]) == 1
    titles = [RECIPES[application.batch[version % 2]].title for version in table["Version"]]
    assert list(table["Model"]) == titles
    assert f"Version 3, {titles[2]}" in test.selectbox("run").options
    assert "Scores of the 3 runs evaluated on" in text(test)


def test_groups_lose_no_metric_and_fill_lines() -> None:
    for application in APPLICATIONS.values():
        told = [metric.id for _, members in run_scores.grouped(application) for metric in members]
        assert sorted(told) == sorted(metric.id for metric in batch_metrics(application.task))
    assert run_scores.lines([("a", 2), ("b", 4), ("c", 8), ("d", 1)]) == [
        [("a", 2), ("b", 4)],
        [("c", 8)],
        [("d", 1)],
    ]


@EVERY
def test_train_sends_what_the_words_say(opened: Open, api: FakeApi, application: Application) -> None:
    test = opened(application, "Batch")
    assert "20,000 of 38,402 rows at random (seed 42)" in text(test)
    name = application.name
    take: Any = test.get_by_key(f"{name}:take")
    take.set_value(Take.RECENT).run()
    test.number_input(f"{name}:amount").set_value(2_000).run()
    test.number_input(f"{name}:{application.batch[0]}:depth").set_value(4).run()
    tunable = RECIPES[application.batch[0]].tunable
    assert bool([one for one in test.toggle if one.key == f"{name}:tune"]) == tunable
    if tunable:
        test.toggle(f"{name}:tune").set_value(True).run()
        assert "up to 1 min for better hyperparameters" in text(test)
    assert "the newest 2,000 of 38,402 rows" in text(test)
    test.button(f"{name}:train").click().run()
    assert not test.exception
    assert sent(api, f"/api/v1/batch/{name}/jobs") == [
        {
            "kind": "train",
            "recipe": application.batch[0],
            "rows": {"take": "recent", "amount": 2_000, "seed": 42},
            "parameters": {"depth": 4},
            "tune_seconds": 60.0 if tunable else 0.0,
        }
    ]


def test_a_running_job_is_followed_found_again_and_stopped(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 0.5
    api.batch.start(APP.name, {"kind": "train", "recipe": APP.batch[0]})
    test = opened(APP, "Batch")
    assert not test.exception
    said = text(test)
    assert "Fitting · 50 %" in said
    assert "iteration 230 of 400" in said
    assert "Iteration 230 of 400, best 0.07949, about 3 s to go" in said
    assert key(test, "train").disabled, "one training of an application at a time"
    key(test, "stop").click().run()
    assert not test.exception
    assert api.asked[-1] == ("/api/v1/jobs/job-1", {})
    assert "The training was stopped" in text(test)
    assert not key(test, "train").disabled


def test_a_job_s_end_is_told_and_the_log_is_asked_for_once(opened: Open, api: FakeApi) -> None:
    api.batch.fraction = 0.5
    api.batch.start(APP.name, {"kind": "train", "recipe": APP.batch[0]})
    test = opened(APP, "Batch")
    known = test.session_state["log:job-1"]
    api.batch.fraction = 1.0
    reads_batch.forget()
    test.run()
    assert not test.exception
    assert "The training finished" in text(test)
    assert "It is version 5." in text(test)
    assert test.session_state["log:job-1"].lines[: len(known.lines)] == known.lines
    assert len(test.session_state["log:job-1"].lines) == 41, "no line twice"


def test_a_failure_says_its_reason(opened: Open, api: FakeApi) -> None:
    api.batch.fail = "only one class among 600 training rows: at least 10 of each are needed"
    api.batch.fraction = 0.6
    api.batch.start(APP.name, {"kind": "train", "recipe": APP.batch[0]})
    test = opened(APP, "Batch")
    assert "only one class among 600" in test.error[0].value
    assert not test.exception


@EVERY
def test_without_runs_one_button_begins(opened: Open, api: FakeApi, application: Application) -> None:
    api.mode = "empty"
    test = opened(application, "Batch")
    assert "No model has been trained yet" in text(test)
    button = test.button(f"{application.name}:first")
    assert button.label == "Train on the newest 1,240 rows"
    button.click().run()
    assert not test.exception
    (body,) = sent(api, f"/api/v1/batch/{application.name}/jobs")
    assert body["recipe"] == application.batch[0]


def test_a_run_is_promoted_when_it_was_compared_on_the_same_window(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Batch")
    test.selectbox("run").set_value(test.selectbox("run").options[0]).run()
    key(test, "promote").click().run()
    assert not test.exception
    assert api.asked[-1] == (f"/api/v1/batch/{APP.name}/champion", {"run_id": run_id(5)})
    assert not test.error
    assert test.dataframe[0].value["Role"].iloc[0].startswith("champion")


def test_a_run_that_was_not_evaluated_asks_for_that_first(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Batch")
    test.selectbox("run").set_value(test.selectbox("run").options[1]).run()
    assert test.get_by_key(f"{APP.name}:evaluate")
    assert not [one for one in test.button if one.key == f"{APP.name}:promote"]
    assert "on the same latest window first" in text(test)
    assert "Each on its own test rows" in text(test)
    key(test, "evaluate").click().run()
    assert sent(api)[-1]["kind"] == "evaluate"
    assert sent(api)[-1]["run_ids"] == [run_id(4), run_id(5), run_id(3)], (
        "both that are shown, and the champion"
    )


def test_what_the_api_refuses_is_told(opened: Open, api: FakeApi) -> None:
    test = opened(APP, "Batch")
    api.mode = "error"
    key(test, "evaluate").click().run()
    assert not test.exception
    assert "the cache does not answer" in text(test)


def test_scores_of_other_windows_are_not_compared() -> None:
    known = [run(APP, version, run_id(3)) for version in (5, 4, 3)]
    judged, evaluated = runs.latest(known), known[2].evaluated
    assert judged is not None
    assert evaluated is not None
    assert runs.on(known[2], judged) == evaluated.scores
    assert runs.on(known[1], judged) == {}, "it was not evaluated"
    end = judged.window.end + timedelta(hours=1)
    later = replace(evaluated, window=replace(judged.window, end=end))
    assert runs.latest([*known, replace(known[2], evaluated=later)]) == later
    assert runs.on(known[0], later) == {}
    assert runs.latest([known[1]]) is None


def test_better_is_better_whichever_way_the_score_goes() -> None:
    up = next(metric for metric in batch_metrics(APP.task) if metric.better == "higher")
    down = next(metric for metric in batch_metrics(APP.task) if metric.better == "lower")
    assert runs.gain(up, 0.9, 0.8) == pytest.approx(0.1)
    assert runs.gain(down, 0.9, 0.8) == pytest.approx(-0.1)
    assert runs.gain(up, None, 0.8) is None


@pytest.mark.parametrize(
    ("rows", "available", "number"),
    [
        (Rows(take=Take.RECENT, amount=500), 38_402, 500),
        (Rows(take=Take.RECENT, amount=50_000), 38_402, 38_402),
        (Rows(take=Take.PERCENT, amount=25), 38_402, 9_600),
        (Rows(take=Take.ALL), 38_402, 30_000),
        (Rows(take=Take.ALL), None, None),
        (Rows(take=Take.RANDOM, amount=500), None, 500),
    ],
)
def test_words_tell_how_many_rows_it_comes_to(rows: Rows, available: int | None, number: int | None) -> None:
    assert train_form.taken(rows, available, 30_000 if rows.take == Take.ALL else None) == number
    request = Train(application=APP.name, recipe="r", rows=rows)
    said = train_form.words(request, RecipeAnswer(name="r", title="R", parameters=[]), available)
    assert said.startswith("Takes ")
    assert "better hyperparameters" not in said


@EVERY
def test_the_api_s_own_recipes_are_understood(application: Application) -> None:
    told = BatchAnswer(
        application=application.name,
        recipes=recipe_answers(application),
        rows=5,
        most_rows=10,
        champion=run(application, 3, run_id(3)),
        challenger=None,
        answering=HeldAnswer(run_id=None, version=None, refused="", away=""),
    )
    known = msgspec.json.decode(msgspec.json.encode(told), type=BatchAnswer)
    assert [one.name for one in known.recipes] == list(application.batch)
    assert known.champion == told.champion

    def script(name, known) -> None:  # type: ignore[no-untyped-def]
        from core.applications import APPLICATIONS
        from ui.parts import train_form

        train_form.draw(APPLICATIONS[name], known)

    test = AppTest.from_function(script, args=(application.name, known)).run()
    assert not test.exception
    asked = {one.name for one in known.recipes[0].parameters}
    for one in known.recipes[0].parameters:
        number = not isinstance(one.default, str)
        assert number == (one.low is not None) == (one.high is not None) == (not one.choices)
        if one.choices:
            box = test.selectbox(f"{application.name}:{application.batch[0]}:{one.name}")
            assert box.value == one.default
            assert box.options == [formats.words(choice) for choice in one.choices]
    keys = {str(one.key) for kind in (test.number_input, test.selectbox, test.text_input) for one in kind}
    assert asked == {key.rpartition(":")[2] for key in keys if f":{application.batch[0]}:" in key}


def test_the_log_is_drawn_over_what_counts_it() -> None:
    panel = jobs.curve(fitted(0.5))
    assert panel is not None
    assert panel.x.title == "Iteration"
    assert [one.name for one in panel.series] == ["Train", "Validation"]
    grouped = jobs.curve(searched(0.7))
    assert grouped is not None
    assert [one.name for one in grouped.series] == ["Silhouette", "Stability"]
    assert jobs.curve(fitted(0)) is None
    assert jobs.remaining([]) == ""
    line = JobLine(at=datetime.now(UTC), text="", values={"trial": 3, "best": 0.5})
    assert jobs.remaining([line]) == "Trial 3, best 0.5"


@pytest.mark.parametrize("state", JobState)
def test_every_state_of_a_job_has_words(state: JobState) -> None:
    made = datetime.now(UTC)
    job = JobReport(
        id="1",
        application=APP.name,
        kind="train",
        request={},
        state=state,
        stage=Stage.FITTING,
        percent=140,
        made=made,
        attempt=2,
    )

    def script(job) -> None:  # type: ignore[no-untyped-def]
        from ui.parts import jobs

        jobs.progress(job)
        jobs.ended(job, "The training")

    test = AppTest.from_function(script, args=(job,)).run()
    assert not test.exception
    assert "attempt 2) · 100 %" in text(test)
