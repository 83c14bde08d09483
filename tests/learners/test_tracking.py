"""Against a small server that speaks the part of MLflow's REST API that is used."""

from __future__ import annotations

from learners.tracking import CONTINUED, RESET_FROM, Tracker
from tests.learners.fake_mlflow import FakeMlflow


def tracker(url: str, run_id: str = "") -> Tracker:
    one = Tracker(url, "toy", {"model": "m", "seed": 42}, run_id, seconds=0.05)
    one.start()
    return one


def test_a_run_from_start_to_finish(mlflow: FakeMlflow) -> None:
    one = tracker(mlflow.url)
    one.offer(10, {"mae": 5.0, "r2": None})
    assert one.close("FINISHED", 5)
    run = mlflow.runs[one.run_id]
    assert run["status"] == "FINISHED"
    assert run["params"] == {"model": "m", "seed": "42"}
    assert run["metrics"] == [("mae", 5.0, 10)]
    assert not mlflow.artifacts


def test_a_killed_learner_leaves_a_run_that_the_next_resumes(mlflow: FakeMlflow) -> None:
    mlflow.answer("runs/create", {"tags": []})
    one = tracker(mlflow.url, run_id="run0")
    assert one.close("FINISHED", 5)
    assert list(mlflow.runs) == ["run0"]
    assert mlflow.runs["run0"]["status"] == "FINISHED"


def test_after_a_finished_run_a_new_one_names_it(mlflow: FakeMlflow) -> None:
    first = tracker(mlflow.url)
    assert first.close("FINISHED", 5)
    second = tracker(mlflow.url, run_id=first.run_id)
    assert second.close("FAILED", 5)
    assert second.run_id != first.run_id
    assert mlflow.runs[second.run_id]["tags"][CONTINUED] == first.run_id
    assert mlflow.runs[second.run_id]["status"] == "FAILED"


def test_orphans_do_not_run_for_ever(mlflow: FakeMlflow) -> None:
    mlflow.answer("runs/create", {"tags": []})
    one = tracker(mlflow.url)
    assert one.close("FINISHED", 5)
    assert mlflow.runs["run0"]["status"] == "KILLED"


def test_mlflow_away_never_blocks(mlflow: FakeMlflow) -> None:
    mlflow.close()
    one = tracker(mlflow.url, run_id="before")
    one.offer(1, {"mae": 1.0})
    assert one.close("FINISHED", 5) is False
    assert not one.is_alive()
    assert one.run_id == "before"


def test_a_reset_begins_a_run_of_its_own(mlflow: FakeMlflow) -> None:
    mlflow.answer("runs/create", {"tags": []})
    one = Tracker(mlflow.url, "toy", {}, "run0", 0.05, tags={RESET_FROM: "7"})
    one.start()
    assert one.close("FINISHED", 5)
    assert one.run_id == "run1"
    assert mlflow.runs["run1"]["tags"][RESET_FROM] == "7"
    assert mlflow.runs["run1"]["tags"][CONTINUED] == "run0"
    assert mlflow.runs["run0"]["status"] == "KILLED", "it could not be ended before: nobody writes it now"


def test_tags_are_written_when_they_change(mlflow: FakeMlflow) -> None:
    one = tracker(mlflow.url)
    one.tag({"champion": "a", "promotions": "none"})
    one.tag({"champion": "b"})
    assert one.close("FINISHED", 5)
    tags = mlflow.runs[one.run_id]["tags"]
    assert (tags["champion"], tags["promotions"]) == ("b", "none")
