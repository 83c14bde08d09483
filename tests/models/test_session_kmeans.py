from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.applications.ecci import ECCI
from models.ecci_session import INPUTS, Visit, vector
from models.kmeans import kmeans
from models.session_kmeans import SessionKMeans
from tests.learners.streams import lessons

START = datetime(2026, 11, 1, tzinfo=UTC)


def event(customer: str, session: str, seconds: float, **more: Any) -> dict[str, Any]:
    time = (START + timedelta(seconds=seconds)).isoformat()
    return {
        "customer_id": customer,
        "session_id": session,
        "timestamp": time,
        "event_type": "page_view",
    } | more


def trained() -> SessionKMeans:
    model = SessionKMeans()
    for one in lessons(ECCI, 6000, 5.0):
        model.learn_one(one.x)
    assert model.trained
    return model


def test_vector_of_a_visit() -> None:
    visit = Visit(entity="c", last=0.0)
    for x in (
        {"event_type": "search", "time_on_page_seconds": 10, "referrer_url": "email_campaign"},
        {"event_type": "page_view", "product_category": "Books", "price": 8.0, "time_on_page_seconds": 40},
        {"event_type": "add_to_cart", "product_category": "Books", "price": 8.0},
        {"event_type": "purchase", "product_category": "Toys & Games", "device_info.device_type": "Mobile"},
    ):
        visit.add(x)
    told = dict(zip(INPUTS, vector(visit, [0.0] * 12), strict=True))
    assert told["events"] == log(4)
    assert told["search_share"] == told["cart_share"] == told["mobile_share"] == 0.25
    assert told["price"] == pytest.approx(log(8))
    assert told["seconds_on_page"] == pytest.approx(log(20))
    assert told["category_entropy"] == pytest.approx(-(2 / 3 * log(2 / 3) + 1 / 3 * log(1 / 3)))
    assert told["category_switches"] == pytest.approx(log(2))
    assert (told["campaign_share"], told["reviews"], told["desktop_share"]) == (1.0, 0.0, 0.0)


def test_a_session_ends_by_silence_of_event_time() -> None:
    model = SessionKMeans(timeout_s=900)
    model.learn_one(event("a", "s1", 0))
    model.learn_one(event("a", "s1", 900))
    assert model._customers == {}
    model.learn_one(event("b", "s2", 1801))
    assert model._customers["a"].sessions == 1
    assert list(model._visits) == ["s2"]
    # The same name after the timeout is another visit.
    model.learn_one(event("a", "s1", 1900))
    assert model._visits["s1"].events == 1


def test_the_answer_counts_the_running_session() -> None:
    """Asking with the next event tells what asking after learning it and ending the session tells."""
    model = trained()
    stream = lessons(ECCI, 6200, 5.0)[6000:]
    agreed = 0
    for one in stream:
        segment = model.predict_one(one.x)
        model.learn_one(one.x)
        visit = model._visits[one.x["session_id"]]
        customer = model._customers.get(one.entity)
        told = np.array(vector(visit, model._usual))
        if customer:
            mean = np.array(customer.mean)
            told = mean + (told - mean) / (customer.sessions + 1)
        agreed += segment == model._nearest(told.tolist())
    # The event itself may have settled other sessions, which moves a centre a little.
    assert agreed >= 195


def test_segments_follow_the_hidden_personas() -> None:
    from producers.registry import generator

    model, personas = SessionKMeans(), {}
    visits = generator("ecci", 7)
    for n in range(12_000):
        made = visits.next(START + timedelta(seconds=5 * n))
        personas[made["customer_id"]] = visits.truth["persona"]
        flat = made | {f"device_info.{k}": v for k, v in made["device_info"].items()}
        model.learn_one(flat)
    pairs = Counter((personas[c], one.segment) for c, one in model._customers.items())
    best = {segment: max(n for (_, s), n in pairs.items() if s == segment) for _, segment in pairs}
    assert sum(best.values()) / sum(pairs.values()) > 0.75


def test_sizes_and_profiles_are_told_in_natural_units() -> None:
    model = trained()
    told = model.segments()
    assert [one.number for one in told] == list(range(6))
    assert sum(one.size for one in told) == len(model._customers)
    for one in told:
        assert 1 <= one.profile["events"] <= 41
        assert 1 <= one.profile["price"] <= 2500
        assert 0 <= one.profile["mobile_share"] + one.profile["desktop_share"] <= 1.0001


def test_centres_move_slowly_so_numbers_keep_their_meaning() -> None:
    model = trained()
    rows = [one.x for one in lessons(ECCI, 6300, 5.0)[6000:]]
    before = [model.predict_one(x) for x in rows]
    for one in lessons(ECCI, 12_000, 5.0)[8000:]:
        model.learn_one(one.x)
    fresh = SessionKMeans.from_bytes(model.to_bytes())
    fresh._visits.clear()
    after = [fresh.predict_one(x) for x in rows]
    assert sum(a == b for a, b in zip(before, after, strict=True)) > 0.6 * len(rows)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**31), st.integers(2, 5))
def test_kmeans_finds_well_separated_groups(seed: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    truth = np.repeat(np.arange(k), [20 + 5 * (k - n) for n in range(k)])
    points = rng.normal(size=(len(truth), 3)) * 0.1 + truth[:, None] * 10.0
    centres, labels = kmeans(points, k, seed=1)
    # Groups come largest first, which is how they were made.
    assert np.array_equal(labels, truth)
    assert np.allclose(centres[:, 0], np.arange(k) * 10.0, atol=0.2)


def test_kmeans_of_equal_points_and_of_too_few() -> None:
    centres, labels = kmeans(np.ones((10, 2)), 3, seed=1)
    assert np.allclose(centres, 1)
    assert set(labels) == {0}
    with pytest.raises(ValueError, match="3 segments need at least as many points, there are 2"):
        kmeans(np.ones((2, 2)), 3, seed=1)
