"""The rivals learn what River's own objects learn from the same vectors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from river.cluster import DBSTREAM, KMeans

from core.applications.ecci import ECCI
from models import build, restore
from models.base import BadModel, Settled
from models.centres import FIRST
from models.one_segment import OneSegment
from models.river_clusters import Dbstream, RiverKMeans
from models.session_clusterer import WARM, SessionClusterer
from models.session_kmeans import SessionKMeans
from tests.learners.streams import lessons

STREAM = [one.x for one in lessons(ECCI, 4000, 20.0)]


def taught(model: Any, again: Any = None) -> list[Settled]:
    """Teaches the stream; `again` is taught the same vectors by hand."""
    settled: list[Settled] = []
    before = model._seen
    teach = model._teach

    def both(vector: list[float]) -> None:
        teach(vector)
        if again is not None:
            again.learn_one(dict(enumerate(vector)))

    model._teach = both
    for x in STREAM:
        model.learn_one(x)
        settled.extend(model.settled)
    assert model._seen > before + FIRST
    del model._teach
    return settled


@pytest.mark.parametrize(
    ("model", "own"),
    [
        (Dbstream(), DBSTREAM(1.5, 0.05, 4, 0.5, 1.0)),
        (RiverKMeans(), KMeans(n_clusters=6, halflife=0.02, seed=42)),
    ],
)
def test_answers_are_those_of_river(model: SessionClusterer, own: Any) -> None:
    settled = taught(model, own)
    assert len(settled) == model._seen - FIRST
    again = restore(ECCI, model.recipe, model.to_bytes())
    for x in STREAM[-200:]:
        place = model._sessions.place(model._sessions.read(x), model._usual)
        asked = own.predict_one(dict(enumerate(model._standard(place))))
        assert model.predict_one(x) == again.predict_one(x) == asked
    assert len(model._centres()) == len(own.centers) == len(again._centres())  # type: ignore[attr-defined]
    assert again._stream.n_clusters == own.n_clusters  # type: ignore[attr-defined]


def test_vectors_are_standard() -> None:
    model = OneSegment()
    vectors: list[list[float]] = []
    model._teach = vectors.append  # type: ignore[method-assign,assignment]
    for x in STREAM:
        model.learn_one(x)
    assert len(vectors) == model._seen - WARM + 1
    told = np.array(vectors)
    assert np.all(np.abs(told.mean(axis=0)) < 0.3)
    assert np.all((told.std(axis=0) > 0.3) & (told.std(axis=0) < 1.3))


def test_settled_before_it_is_learned() -> None:
    model = RiverKMeans()
    seen: list[int] = []
    number = model._number
    model._number = lambda vector: seen.append(model._seen) or number(vector)  # type: ignore[method-assign,func-returns-value]
    for x in STREAM:
        model.learn_one(x)
    assert seen == list(range(FIRST, model._seen))


@pytest.mark.parametrize("kind", [Dbstream, RiverKMeans, OneSegment])
def test_segments_hold_every_customer_that_was_placed(kind: type[SessionClusterer]) -> None:
    model = kind.build(ECCI)
    assert model.segments() == []
    taught(model)
    told = model.segments()
    placed = [one for one in model._sessions.customers.values() if one.segment >= 0]
    assert [one.number for one in told] == list(range(len(told)))
    assert sum(one.size for one in told) == len(placed) > 100
    assert all(1 <= one.profile["events"] <= 60 for one in told)
    assert all(one.top == {} for one in told)


def test_everyone_is_in_the_one_segment() -> None:
    model = OneSegment.build(ECCI)
    assert {one.segment for one in taught(model)} == {0}
    assert {model.predict_one(x) for x in STREAM} == {0}
    assert len(model.segments()) == 1


def test_the_declared_number_of_segments_is_that_of_k_means() -> None:
    model: Any = build(ECCI, "river_kmeans")
    assert model.n_clusters == 6
    assert len(build(ECCI, "river_kmeans").clone()._centres()) == 6  # type: ignore[attr-defined]


def test_bytes_of_another_rival_are_refused() -> None:
    with pytest.raises(BadModel, match="these bytes are of 'dbstream', not of one_segment"):
        OneSegment.from_bytes(Dbstream().to_bytes())
    with pytest.raises(BadModel, match="not a river_kmeans"):
        RiverKMeans.from_bytes(SessionKMeans().to_bytes())
    model = OneSegment()
    model._dump = lambda: b"something"  # type: ignore[method-assign]
    with pytest.raises(BadModel, match="one_segment knows nothing"):
        OneSegment.from_bytes(model.to_bytes())
