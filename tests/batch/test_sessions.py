"""From rows to sessions to entities, and how well entities can be told apart by it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from batch.datasets import load
from batch.progress import Silent
from batch.sessions import last_of, mean, means, sessions
from batch.split import split
from core.applications import APPLICATIONS
from core.batch import Rows, Take
from core.declaration import Clustering
from core.settings import Settings
from models.registered.inputs import frame, inputs
from tests.batch.conftest import EVENTS, GAP_S
from tests.bench.windows import rows
from tests.producers.streams import stream

CLUSTERED = [name for name, app in APPLICATIONS.items() if isinstance(app.task, Clustering)]
named = pytest.mark.parametrize("name", CLUSTERED)


def test_the_mean_passes_over_nulls() -> None:
    values = np.array([1.0, np.nan, 3.0, np.nan, 5.0])
    np.testing.assert_array_equal(mean(values, np.array([0, 0, 0, 1, 2]), 4), [2.0, np.nan, 5.0, np.nan])


def test_the_last_row_of_every_group() -> None:
    assert last_of(np.array([0, 1, 0, 2, 1])).tolist() == [2, 4, 3]
    assert last_of(np.array([], dtype=np.int64)).tolist() == []


@named
def test_a_row_alone_is_its_session_and_its_entity(name: str) -> None:
    """What is trained on and what is served are the same function."""
    application = APPLICATIONS[name]
    served = frame(application, rows(application, stream(name, 50, GAP_S)[0]))
    alone = np.arange(len(served))
    session = sessions(inputs(application), lambda one: served[one.name].to_numpy(), alone)
    pd.testing.assert_frame_equal(session, served)
    pd.testing.assert_frame_equal(means(session, alone, len(alone)), served)


@named
def test_a_session_is_its_last_windows_and_the_mean_of_all_else(lake: Settings, name: str) -> None:
    application = APPLICATIONS[name]
    task: Any = application.task
    dataset = load(lake, application, Rows(take=Take.ALL), Silent())
    assert dataset.visits is not None
    events, _ = stream(name, EVENTS, GAP_S)
    served = frame(application, rows(application, events))
    session = events[500][task.session]
    mine = [n for n, event in enumerate(events) if event[task.session] == session]
    assert len(mine) > 2
    at = dataset.visits.times == np.datetime64(events[mine[-1]]["timestamp"].removesuffix("+00:00"))
    found = dataset.visits.frame[at].iloc[0]
    for one in inputs(application):
        wanted = served[one.name][mine[-1]] if one.windowed else served[one.name][mine].mean()
        assert found[one.name] == pytest.approx(wanted, nan_ok=True), one.name


@named
def test_the_inputs_tell_the_hidden_groups_apart(lake: Settings, name: str) -> None:
    """After one or two visits each; figures of longer histories are in docs/batch.md."""
    application = APPLICATIONS[name]
    task: Any = application.task
    events, truths = stream(name, EVENTS, GAP_S)
    hidden = {event[task.entity]: truth["persona"] for event, truth in zip(events, truths, strict=True)}
    dataset = load(lake, application, Rows(take=Take.ALL), Silent())
    made = split(dataset)
    weights = np.array([one.weight for one in inputs(application)])
    middle, spread = made.train.frame.mean(), made.train.frame.std().replace(0, 1)

    def place(told: pd.DataFrame) -> Any:
        return ((told - middle) / spread).fillna(0) * weights

    model = KMeans(task.segments, n_init=10, random_state=0).fit(place(made.train.frame))
    score = adjusted_rand_score([hidden[key] for key in dataset.keys], model.predict(place(dataset.frame)))
    assert score > 0.4
