"""Runs brought back, and what is said of those that can't be."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from batch.runs import CorruptRun, champion, list_runs, load_model, load_run
from batch.tracking import digest, tracker
from core.applications import APPLICATIONS
from core.connect.mlflow import Mlflow
from core.names import batch_experiment, online_experiment
from core.registry import ForeignRun, NoModel, NoRun
from core.runs import MODEL, Tag
from core.settings import Settings
from tests.tracking import Trained

NAME, OTHER = list(APPLICATIONS)[:2]
APP = APPLICATIONS[NAME]


@pytest.fixture
def mlflow(trained: Trained) -> Iterator[Mlflow]:
    client = tracker(trained.settings)
    yield client
    client.close()


@pytest.fixture
def fresh(trained: Trained, tmp_path: Path) -> Settings:
    """The settings with nothing on disk yet."""
    return trained.settings.model_copy(update={"var": tmp_path})


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_run_comes_back_as_it_was(trained: Trained, fresh: Settings, name: str) -> None:
    from batch import evaluation

    application, run_id = APPLICATIONS[name], trained.run(name)
    loaded = load_run(fresh, application, run_id)
    assert {part: rows.rows for part, rows in loaded.split.parts.items()} == loaded.info.rows
    test = loaded.split.test
    answers = loaded.model.answers(test.frame)
    scores = evaluation.scores(application, test, answers, loaded.model.threshold, loaded.model)
    known = {metric: value for metric, value in scores.items() if value is not None}
    assert loaded.info.scores == pytest.approx(known), "the logged scores are those of this model and rows"
    assert loaded.info.parameters["recipe"] == application.batch[0]
    assert loaded.info.version == 1


def test_the_second_time_it_comes_from_disk(
    trained: Trained, fresh: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = load_run(fresh, APP, trained.run(NAME))
    monkeypatch.setattr(Mlflow, "fetch", lambda *_: pytest.fail("fetched again"))
    again = load_run(fresh, APP, trained.run(NAME))
    frame = first.split.test.frame
    assert np.array_equal(first.model.answers(frame), again.model.answers(frame))


def test_what_was_changed_on_disk_is_fetched_again(trained: Trained, fresh: Settings) -> None:
    load_model(fresh, APP, trained.run(NAME))
    held = fresh.var / "batch" / "runs" / trained.run(NAME) / MODEL
    held.write_bytes(b"something else")
    model, _ = load_model(fresh, APP, trained.run(NAME))
    assert model.recipe == APP.batch[0]


def test_old_runs_go_from_disk(trained: Trained, fresh: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.runs.KEPT_RUNS", 1)
    for number in (0, 1):
        load_model(fresh, APP, trained.run(NAME, number))
    assert [one.name for one in (fresh.var / "batch" / "runs").iterdir()] == [trained.run(NAME, 1)]


def test_an_unknown_run_is_named(fresh: Settings) -> None:
    for run_id in ("0" * 32, "../../etc", ""):
        with pytest.raises(NoRun, match=f"there is no run {run_id!r}"):
            load_run(fresh, APP, run_id)


def test_a_run_of_another_application_names_both(trained: Trained, fresh: Settings) -> None:
    with pytest.raises(ForeignRun, match=f"is of {OTHER}, not of {NAME}"):
        load_run(fresh, APP, trained.run(OTHER))


def test_a_run_of_a_learner_is_no_training(fresh: Settings, mlflow: Mlflow) -> None:
    run = mlflow.start(mlflow.experiment(online_experiment(NAME)), 1, {}, {})
    with pytest.raises(ForeignRun, match="of no application of this suite"):
        load_run(fresh, APP, run)
    mlflow.tag(run, {Tag.APPLICATION: NAME})
    with pytest.raises(ForeignRun, match="is not a batch training"):
        load_run(fresh, APP, run)


def test_a_run_without_a_model_says_why(fresh: Settings, mlflow: Mlflow) -> None:
    run = mlflow.start(mlflow.experiment(batch_experiment(NAME)), 1, {Tag.APPLICATION: NAME}, {})
    mlflow.tag(run, {Tag.ERROR: "one class only"})
    mlflow.end(run, 2, "FAILED")
    with pytest.raises(NoModel, match=f"run {run} of {NAME} is FAILED: one class only"):
        load_run(fresh, APP, run)
    mlflow.end(run, 2, "FINISHED")
    with pytest.raises(NoModel, match="has no registered version"):
        load_run(fresh, APP, run)


@pytest.mark.parametrize("path", [MODEL, "rows/test.parquet"])
def test_an_artifact_that_was_changed_is_named(
    trained: Trained, fresh: Settings, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    real = Mlflow.fetch

    def changed(self: Mlflow, run: str, name: str) -> bytes:
        content = real(self, run, name)
        return content[:-1] + bytes([content[-1] ^ 1]) if name == path else content

    monkeypatch.setattr(Mlflow, "fetch", changed)
    with pytest.raises(
        CorruptRun, match=f"artifact {path} of run {trained.run(NAME)} is not what was logged"
    ):
        load_run(fresh, APP, trained.run(NAME))


def test_a_model_under_another_key_is_refused(trained: Trained, fresh: Settings) -> None:
    from pydantic import SecretStr

    foreign = fresh.model_copy(update={"secret": SecretStr("another key")})
    with pytest.raises(CorruptRun, match=f"the model of run {trained.run(NAME)} is refused: the signature"):
        load_model(foreign, APP, trained.run(NAME))


def test_a_model_of_another_application_is_refused(
    trained: Trained, fresh: Settings, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A signed bundle that lies in the wrong run: its signature is good, its application is not."""
    foreign = mlflow.fetch(trained.run(OTHER), MODEL)
    monkeypatch.setattr(Mlflow, "fetch", lambda *_: foreign)
    monkeypatch.setattr("batch.runs.digest", lambda content: _logged(mlflow, trained))
    with pytest.raises(CorruptRun, match=f"is of {OTHER}, not of {NAME}"):
        load_model(fresh, APP, trained.run(NAME))
    assert digest(foreign) != _logged(mlflow, trained)


def _logged(mlflow: Mlflow, trained: Trained) -> str:
    from core.registry import usable

    return usable(mlflow, NAME, trained.run(NAME)).digests[MODEL]


def test_a_lost_artifact_is_named(
    trained: Trained, fresh: Settings, mlflow: Mlflow, mlflow_home: Path
) -> None:
    run_id = trained.run(NAME)
    [held] = mlflow_home.rglob(f"{run_id}/artifacts/{MODEL}")
    aside = held.with_suffix(".aside")
    shutil.move(held, aside)
    try:
        with pytest.raises(CorruptRun, match=f"run {run_id} has lost its artifact {MODEL}"):
            load_model(fresh, APP, run_id)
    finally:
        shutil.move(aside, held)


def test_runs_are_listed_newest_first(trained: Trained) -> None:
    for name, application in APPLICATIONS.items():
        listed = list_runs(trained.settings, application)
        assert [one.run_id for one in listed] == [trained.run(name, 1), trained.run(name, 0)]
        found = champion(trained.settings, application)
        assert found is not None
        assert found.run_id == trained.run(name)
        assert found.aliases == ["champion"]
