"""Runs compared on the same latest rows, and promotion, which asks for that."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import msgspec
import pytest

from batch.datasets import BadData
from batch.evaluate import LEAST, best, evaluate
from batch.progress import Silent
from batch.runs import load_run
from batch.tracking import tracker
from batch.train import BadRequest, train
from core.applications import APPLICATIONS
from core.batch import Alias, Evaluate
from core.connect.mlflow import Mlflow
from core.metrics import batch_metrics
from core.registry import ForeignRun, NotComparable, promote, registry, usable
from core.registry import best as best_of
from core.runs import RunSummary
from tests.tracking import Trained, request

NAME, OTHER = list(APPLICATIONS)[:2]
APP = APPLICATIONS[NAME]
LEADING = batch_metrics(APP.task)[0]


@pytest.fixture
def mlflow(trained: Trained) -> Iterator[Mlflow]:
    with tracker(trained.settings) as client:
        yield client


def asked(trained: Trained, *numbers: int) -> Evaluate:
    return Evaluate(application=NAME, run_ids=[trained.run(NAME, number) for number in numbers])


def info(mlflow: Mlflow, trained: Trained, number: int) -> RunSummary:
    return usable(mlflow, NAME, trained.run(NAME, number))


def test_both_are_scored_on_the_same_rows_that_neither_has_seen(trained: Trained, mlflow: Mlflow) -> None:
    result = evaluate(trained.settings, Evaluate(application=NAME), Silent())
    first, second = (info(mlflow, trained, number) for number in (0, 1))
    assert first.evaluated is not None
    assert second.evaluated is not None
    window = first.evaluated.window
    assert window == second.evaluated.window
    assert msgspec.to_builtins(window) == result["window"]
    assert first.used_until is not None
    assert second.used_until is not None
    assert window.start > max(first.used_until, second.used_until)
    assert window.rows >= LEAST
    assert first.evaluated.naive[LEADING.id] == pytest.approx(0.5)
    assert {first.run_id, second.run_id} == set(result["scores"])
    assert result["best"] in result["scores"]
    assert second.evaluated.scores == pytest.approx(result["scores"][second.run_id])


def test_the_scores_are_those_of_the_models_themselves(trained: Trained, mlflow: Mlflow) -> None:
    """Of the newer run the window is its test rows, but for those at the very edge."""
    from sklearn.metrics import roc_auc_score

    result = evaluate(trained.settings, asked(trained, 1), Silent())
    loaded = load_run(trained.settings, APP, trained.run(NAME, 1))
    rows = loaded.split.test
    assert result["window"]["rows"] in (rows.rows, rows.rows - 1)
    assert rows.target is not None
    assert LEADING.id == "roc_auc"
    expected = roc_auc_score(rows.target, loaded.model.answers(rows.frame))
    assert result["scores"][trained.run(NAME, 1)]["roc_auc"] == pytest.approx(expected, abs=0.01)


def test_too_few_new_rows_are_counted(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("batch.evaluate.LEAST", 100_000)
    wanted = rf"only \d+ {APP.noun} whose label is known are newer than what run .* 100000 are needed"
    with pytest.raises(BadData, match=wanted):
        evaluate(trained.settings, asked(trained, 0, 1), Silent())


def test_what_is_not_there_is_named(trained: Trained) -> None:
    with pytest.raises(ForeignRun, match=f"is of {OTHER}, not of {NAME}"):
        evaluate(trained.settings, Evaluate(application=NAME, run_ids=[trained.run(OTHER)]), Silent())
    with pytest.raises(BadRequest, match="no application 'nope'"):
        evaluate(trained.settings, Evaluate(application="nope"), Silent())


def test_promotion_needs_a_comparison_on_the_same_window(trained: Trained, mlflow: Mlflow) -> None:
    champion, other = trained.run(NAME), trained.run(NAME, 1)
    evaluate(trained.settings, asked(trained, 0), Silent())
    mlflow.untag(other, "evaluated")
    with pytest.raises(NotComparable, match=f"{other} was never evaluated on a latest window"):
        promote(mlflow, NAME, other)
    evaluate(trained.settings, asked(trained, 1), Silent())
    with pytest.raises(NotComparable, match="their latest windows differ"):
        promote(mlflow, NAME, other)
    evaluate(trained.settings, asked(trained, 0, 1), Silent())
    try:
        promote(mlflow, NAME, other)
        now = registry(mlflow, NAME)
        assert (now.run_of(Alias.CHAMPION), now.run_of(Alias.CHALLENGER)) == (other, champion)
    finally:
        promote(mlflow, NAME, champion)
    back = registry(mlflow, NAME)
    assert (back.run_of(Alias.CHAMPION), back.run_of(Alias.CHALLENGER)) == (champion, other)


def test_the_champion_may_be_promoted_again(trained: Trained, mlflow: Mlflow) -> None:
    promote(mlflow, OTHER, trained.run(OTHER))
    assert registry(mlflow, OTHER).run_of(Alias.CHAMPION) == trained.run(OTHER)


def test_a_first_model_that_does_not_beat_the_naive_answer_is_no_champion(
    trained: Trained, mlflow: Mlflow, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under a name of its own: the others' registered model stays as it is."""
    monkeypatch.setattr("core.names.registered_model", lambda name: f"unbeaten-{name}")
    monkeypatch.setattr("core.registry.registered_model", lambda name: f"unbeaten-{name}")
    from batch import registry as registering

    run, model = trained.run(NAME), _native_model(mlflow, trained.run(NAME))
    worse, better = {LEADING.id: 0.4}, {LEADING.id: 0.5}
    assert registering.register(mlflow, NAME, run, model, worse, better) == (1, ["challenger"])
    assert registering.register(mlflow, NAME, run, model, worse, better) == (1, ["challenger"]), "once"
    assert registry(mlflow, NAME).run_of(Alias.CHAMPION) is None
    promote(mlflow, NAME, run)
    assert registry(mlflow, NAME).aliases == {"champion": 1}, "by hand; there is nothing to compare it with"


def _native_model(mlflow: Mlflow, run: str) -> str:
    found = mlflow.call("GET", "runs/get", {"run_id": run})["run"]
    return str(found["outputs"]["model_outputs"][0]["model_id"])


def test_the_best_is_the_best_of_the_latest_window(trained: Trained, mlflow: Mlflow) -> None:
    one = info(mlflow, trained, 0)
    evaluate(trained.settings, asked(trained, 0, 1), Silent())
    first, second = (info(mlflow, trained, number) for number in (0, 1))
    assert first.evaluated is not None
    later = msgspec.structs.replace(
        first.evaluated.window, end=first.evaluated.window.end + timedelta(hours=1)
    )

    def scored(run: RunSummary, value: float | None, late: bool = False) -> RunSummary:
        assert run.evaluated is not None
        window = later if late else run.evaluated.window
        evaluated = msgspec.structs.replace(run.evaluated, window=window, scores={LEADING.id: value})
        return msgspec.structs.replace(run, evaluated=evaluated)

    assert best_of(APP.task, [scored(first, 0.8), scored(second, 0.9)]) == second.run_id
    assert best_of(APP.task, [scored(first, 0.8, late=True), scored(second, 0.9)]) == first.run_id
    assert best_of(APP.task, [msgspec.structs.replace(one, evaluated=None)]) is None
    assert best_of(APP.task, [scored(first, None), scored(second, 0.1)]) == second.run_id
    assert best(APP, {"a": {LEADING.id: 0.8}, "b": {LEADING.id: 0.9}, "c": {LEADING.id: None}}) == "b"


def test_a_later_training_is_challenger_until_it_is_compared(trained: Trained, mlflow: Mlflow) -> None:
    result = train(trained.settings, request(NAME, 1200), Silent())
    try:
        now = registry(mlflow, NAME)
        assert now.run_of(Alias.CHAMPION) == trained.run(NAME)
        assert now.run_of(Alias.CHALLENGER) == result["run_id"]
    finally:
        _forget(mlflow, result["version"])
    assert registry(mlflow, NAME).run_of(Alias.CHALLENGER) == trained.run(NAME, 1)


def _forget(mlflow: Mlflow, version: int) -> None:
    from core.names import registered_model
    from core.registry import appoint

    asked = {"name": registered_model(NAME), "version": str(version)}
    mlflow.call("DELETE", "model-versions/delete", asked)
    appoint(mlflow, NAME, registry(mlflow, NAME).aliases[Alias.CHAMPION])
