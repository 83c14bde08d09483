"""A whole training against a real MLflow: what is logged, what is registered, and what is not."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest

from batch import registry as registering
from batch import train as training
from batch.datasets import BadData
from batch.flavours import _plain
from batch.kept import MOST, kept, told
from batch.numbering import as_champion
from batch.progress import Silent, Stopped
from batch.runs import list_runs, load_model, load_run
from batch.split import Split
from batch.tracking import TrackingAway, tracker
from batch.train import BadRequest, train
from batch.trainers import recipe
from batch.trainers.segments import reorder
from core import settings as all_settings
from core.applications import APPLICATIONS
from core.batch import Alias, Stage, Train
from core.connect.mlflow import Mlflow, Run
from core.declaration import Clustering
from core.metrics import batch_metrics
from core.names import batch_experiment, registered_model
from core.registry import registry
from core.runs import MODEL, SCORES, Tag
from core.settings import Settings
from models.registered.model import BatchModel
from tests.tracking import Trained, request

NAME = next(iter(APPLICATIONS))
CLUSTERINGS = pytest.mark.parametrize(
    "name", [name for name, one in APPLICATIONS.items() if isinstance(one.task, Clustering)]
)


@pytest.fixture
def mlflow(trained: Trained) -> Iterator[Mlflow]:
    client = tracker(trained.settings)
    yield client
    client.close()


def runs_of(mlflow: Mlflow, name: str = NAME) -> list[Run]:
    experiment = mlflow.known_experiment(batch_experiment(name))
    assert experiment
    return mlflow.newest(experiment, 100)


def run_of(mlflow: Mlflow, run_id: str) -> Run:
    found = mlflow.run(run_id)
    assert found
    return found


@pytest.mark.parametrize("name", APPLICATIONS)
def test_a_run_tells_all_of_itself(trained: Trained, mlflow: Mlflow, name: str) -> None:
    result, run = trained.results[name][0], run_of(mlflow, trained.run(name))
    leading = batch_metrics(APPLICATIONS[name].task)[0].id
    assert run.status == "FINISHED"
    assert run.metrics[f"test.{leading}"] == pytest.approx(result["scores"][leading])
    assert f"validation.{leading}" in run.metrics
    assert {f"seconds.{stage}" for stage in ("loading", "fitting", "evaluating", "logging")} <= set(
        run.metrics
    )
    assert {part: run.metrics[f"rows.{part}"] for part in result["rows"]} == result["rows"]
    assert run.params["recipe"] == APPLICATIONS[name].batch[0]
    assert run.params["rows.amount"] == "2500"
    assert run.params["seed"] == "42"
    assert json.loads(run.tags[Tag.TABLES])["events"] >= 1
    assert run.tags[Tag.APPLICATION] == name
    assert run.tags[Tag.JOB] == f"{name}-job"
    assert len(run.tags[Tag.CODE]) == 16
    told = json.loads(mlflow.fetch(run.id, SCORES))
    assert set(told["test"]) == set(result["scores"])


def test_the_data_sets_are_inputs_of_the_run(trained: Trained, mlflow: Mlflow) -> None:
    found = mlflow.call("GET", "runs/get", {"run_id": trained.run(NAME)})["run"]["inputs"]["dataset_inputs"]
    by_part = {one["tags"][0]["value"]: one["dataset"] for one in found}
    assert set(by_part) == {"train", "validation", "test"}
    profile = json.loads(by_part["test"]["profile"])
    assert profile["rows"] == trained.results[NAME][0]["rows"]["test"]
    assert profile["tables"]["events"] >= 1
    assert json.loads(by_part["train"]["source"])["delta_table_version"] == profile["tables"]["events"]
    assert len({one["digest"] for one in by_part.values()}) == 3


def test_the_first_that_beats_the_naive_answer_is_champion(trained: Trained, mlflow: Mlflow) -> None:
    for name in APPLICATIONS:
        first, second = trained.results[name]
        assert (first["version"], second["version"]) == (1, 2)
        assert first["aliases"] == [Alias.CHAMPION]
        assert second["aliases"] == [Alias.CHALLENGER]
        assert registry(mlflow, name).run_of(Alias.CHAMPION) == first["run_id"]


def test_mlflow_itself_loads_the_native_model(trained: Trained) -> None:
    from mlflow import pyfunc

    from batch.runs import load_run

    application = APPLICATIONS[NAME]
    loaded = load_run(trained.settings, application, trained.run(NAME))
    rows = loaded.split.test.frame.head(20)
    native = _native(trained.settings, f"models:/{registered_model(NAME)}@{Alias.CHAMPION}")
    assert isinstance(native, pyfunc.PyFuncModel)
    assert native.metadata.signature.inputs.input_names() == list(loaded.model.inputs)
    assert native.metadata.saved_input_example_info is not None
    said = np.asarray(native.predict(_plain(rows))).ravel().astype(float)
    assert said == pytest.approx(np.asarray(loaded.model.estimator.predict(rows)).ravel().astype(float))


def _native(settings: Settings, uri: str) -> object:
    import mlflow

    mlflow.set_tracking_uri(settings.mlflow.url)
    return mlflow.pyfunc.load_model(uri)


def test_an_unknown_recipe_names_those_there_are(trained: Trained) -> None:
    with pytest.raises(
        BadRequest, match=f"no batch recipe 'oracle'; it declares {APPLICATIONS[NAME].batch[0]}"
    ):
        train(trained.settings, Train(application=NAME, recipe="oracle"), Silent())
    with pytest.raises(BadRequest, match="no application 'nope'"):
        train(trained.settings, Train(application="nope", recipe="oracle"), Silent())


def failed(trained: Trained, mlflow: Mlflow, error: type[BaseException], asked: Train, job: str) -> Run:
    """The run of a training that fails; what is registered stays as it was."""
    before = registry(mlflow, NAME)
    with pytest.raises(error):
        train(trained.settings, asked, Silent(), job)
    assert registry(mlflow, NAME) == before
    run = runs_of(mlflow)[0]
    assert run.tags[Tag.JOB] == job
    assert run.id not in [one.run_id for one in list_runs(trained.settings, APPLICATIONS[NAME])]
    return run


def test_too_few_rows_leave_a_failed_run_that_says_so(trained: Trained, mlflow: Mlflow) -> None:
    run = failed(trained, mlflow, BadData, request(NAME, 20), "too-few")
    assert run.status == "FAILED"
    assert "at least" in run.tags[Tag.ERROR]


def test_a_stop_leaves_a_killed_run(
    trained: Trained, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Impatient(Silent):
        def stage(self, stage: Stage, percent: float) -> None:
            if stage is Stage.LOGGING:
                raise Stopped

    monkeypatch.setattr("tests.batch.test_train.Silent", Impatient)
    assert failed(trained, mlflow, Stopped, request(NAME, 1000), "stopped").status == "KILLED"


def test_a_registration_that_fails_leaves_no_finished_run(
    trained: Trained, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise httpx.ReadTimeout("too slow")

    monkeypatch.setattr(registering, "register", refuse)
    run = failed(trained, mlflow, TrackingAway, request(NAME, 1000), "unregistered")
    assert run.status == "FAILED"
    assert "too slow" in run.tags[Tag.ERROR]


def test_a_run_of_a_dead_attempt_is_ended_when_the_job_is_taken_up_again(
    trained: Trained, mlflow: Mlflow
) -> None:
    experiment = mlflow.experiment(batch_experiment(NAME))
    left, other = (
        mlflow.start(experiment, 1, {Tag.APPLICATION.value: NAME, Tag.JOB.value: job}, {})
        for job in ("died", "at-work")
    )
    with pytest.raises(BadData):
        train(trained.settings, request(NAME, 20), Silent(), "died")
    assert run_of(mlflow, left).status == "KILLED"
    assert run_of(mlflow, other).status == "RUNNING", "somebody may be writing it"
    mlflow.end(other, 2, "KILLED")


def test_without_mlflow_nothing_is_fitted(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.tracking.PATIENCE_S", 0.3)
    monkeypatch.setattr(training, "load", lambda *_: pytest.fail("loaded"))
    away = trained.settings.model_copy(update={"mlflow": all_settings.Mlflow(url="http://127.0.0.1:1")})
    with pytest.raises(
        TrackingAway, match=r"before the training: MLflow at http://127.0.0.1:1 does not answer"
    ):
        train(away, request(NAME, 1000), Silent())


def test_mlflow_that_goes_away_in_the_middle_fails_the_training(
    trained: Trained, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, real = registry(mlflow, NAME), Mlflow.keep

    def gone(self: Mlflow, run: str, path: str, content: bytes) -> None:
        if path == MODEL:
            raise httpx.ConnectError("connection refused")
        real(self, run, path, content)

    monkeypatch.setattr(Mlflow, "keep", gone)
    with pytest.raises(TrackingAway, match=r"logging the training: MLflow at .* connection refused"):
        train(trained.settings, request(NAME, 1000), Silent(), "away")
    assert registry(mlflow, NAME) == before
    assert runs_of(mlflow)[0].status == "FAILED"


def test_a_server_that_comes_back_in_time_is_waited_for(trained: Trained) -> None:
    """The first answers are lost; a patient client does not notice, a hasty one does."""
    client = Mlflow(trained.settings.mlflow.url, patience_seconds=5)
    lost, send = [3], client._http.request

    def request_(*args: object, **content: object) -> httpx.Response:
        lost[0] -= 1
        if lost[0] >= 0:
            raise httpx.ConnectError("refused")
        return send(*args, **content)  # type: ignore[arg-type]

    client._http.request = request_  # type: ignore[method-assign]
    assert client.known_experiment(batch_experiment(NAME))
    lost[0] = 1
    with pytest.raises(httpx.ConnectError):
        client.hasty().known_experiment(batch_experiment(NAME))
    client.close()


@pytest.mark.parametrize(
    ("mine", "naive", "better"),
    [(0.9, 0.5, True), (0.5, 0.5, False), (None, 0.5, False), (0.9, None, True), (float("nan"), 0.5, False)],
)
def test_who_beats_the_naive_answer(mine: float | None, naive: float | None, better: bool) -> None:
    leading = batch_metrics(APPLICATIONS[NAME].task)[0]
    assert leading.better == "higher"
    assert registering.beats(NAME, {leading.id: mine}, {leading.id: naive}) is better


def test_a_long_train_part_is_sampled_and_says_so(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    from batch.runs import load_run

    made: Split = load_run(trained.settings, APPLICATIONS[NAME], trained.run(NAME)).split
    monkeypatch.setitem(MOST, "train", 100)
    less = kept(made)
    assert less.train.rows == 100
    assert (np.diff(less.train.times.astype(int)) >= 0).all()
    assert less.test.rows == made.test.rows
    assert told(made) == {
        "train": f"100 of {made.train.rows:,}, random, seed 42",
        "validation": "all",
        "test": "all",
    }
    pd.testing.assert_frame_equal(kept(made).train.frame, less.train.frame)


def test_used_until_lies_before_the_test_rows(trained: Trained) -> None:
    for name, application in APPLICATIONS.items():
        from batch.runs import load_run

        loaded = load_run(trained.settings, application, trained.run(name))
        assert loaded.info.used_until is not None
        first: datetime = loaded.split.test.times[0].item()
        assert loaded.info.used_until.replace(tzinfo=None) <= first


@CLUSTERINGS
def test_segments_keep_the_numbers_of_the_champion(trained: Trained, mlflow: Mlflow, name: str) -> None:
    application, first, second = APPLICATIONS[name], *(trained.run(name, number) for number in (0, 1))
    assert Tag.NUMBERED_AS not in run_of(mlflow, first).tags, "there was none: by size"
    assert run_of(mlflow, second).tags[Tag.NUMBERED_AS] == first
    told = {one.run_id: one.numbered_as for one in list_runs(trained.settings, application)}
    assert (told[first], told[second]) == (None, first)


class Heard(Silent):
    """Keeps the lines."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def line(self, text: str, **values: float) -> None:
        self.lines.append(text)


@CLUSTERINGS
def test_most_entities_keep_their_number_over_a_retraining(trained: Trained, name: str) -> None:
    application = APPLICATIONS[name]
    champion, _ = load_model(trained.settings, application, trained.run(name))
    rows = load_run(trained.settings, application, trained.run(name, 1)).split
    for seed in (1, 2):
        new = recipe(application, application.batch[0]).fit(rows, {"segments": 4, "seed": seed}, 1, Silent())
        by_size = [one.size for one in new.segments]
        assert by_size == sorted(by_size, reverse=True)
        heard = Heard()
        made, before = as_champion(trained.settings, new, rows.train, heard)
        assert before is not None
        assert before.run_id == trained.run(name)
        frame = rows.validation.frame
        assert np.mean(made.answers(frame) == champion.answers(frame)) > 0.6
        assert [one.size for one in made.segments] == list(
            np.bincount(made.answers(rows.train.frame).astype(int), minlength=4)
        )
        assert any("keep their number" in line for line in heard.lines)


@CLUSTERINGS
def test_numbers_are_matched_whatever_they_were(trained: Trained, name: str) -> None:
    loaded = load_run(trained.settings, APPLICATIONS[name], trained.run(name))
    rows, champion = loaded.split.train, loaded.model
    wanted = champion.answers(rows.frame)
    shuffled = BatchModel.from_bytes(champion.to_bytes())
    reorder(shuffled.estimator[-1], np.array([2, 0, 3, 1]))
    assert (shuffled.answers(rows.frame) != wanted).any()
    made, _ = as_champion(trained.settings, shuffled, rows, Silent())
    assert (made.answers(rows.frame) == wanted).all()


@CLUSTERINGS
def test_a_champion_that_can_not_be_used_leaves_numbers_by_size(
    trained: Trained, name: str, tmp_path: Path
) -> None:
    loaded = load_run(trained.settings, APPLICATIONS[name], trained.run(name))
    stranger = Settings(var=tmp_path, secret="another key", mlflow=trained.settings.mlflow)  # noqa: S106
    heard = Heard()
    made, before = as_champion(stranger, loaded.model, loaded.split.train, heard)
    assert (made, before) == (loaded.model, None)
    assert "by size, for the champion can't be asked" in heard.lines[0]
    other = replace(loaded.model, inputs=loaded.model.inputs[1:])
    assert as_champion(trained.settings, other, loaded.split.train, heard) == (other, None)
    assert "reads other inputs" in heard.lines[1]
