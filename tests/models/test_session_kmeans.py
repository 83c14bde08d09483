from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from itertools import permutations
from math import log
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.applications.ecci import ECCI
from models import profiles
from models.base import BadModel
from models.centres import FIRST, lay, move, nearest, rescale
from models.columns import identity
from models.ecci_session import CATEGORICAL, FRESH, INPUTS, SUMS, VALUES, add, foresee, natural, read, vector
from models.kmeans import kmeans, matched
from models.profiles import OTHER, Tops, top
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


def taught(count: int, step: float = 5.0, **params: Any) -> SessionKMeans:
    model = SessionKMeans(**params)
    for one in lessons(ECCI, count, step):
        model.learn_one(one.x)
    assert model.trained
    return model


def customer(model: SessionKMeans, name: str) -> Any:
    return model._sessions.customers[identity(name)]


def test_vector_of_a_visit() -> None:
    ints, floats, told = list(FRESH), [0.0] * SUMS, [0.0] * len(INPUTS)
    for x in (
        {"event_type": "search", "time_on_page_seconds": 10, "referrer_url": "email_campaign"},
        {"event_type": "page_view", "product_category": "Books", "price": 8.0, "time_on_page_seconds": 40},
        {"event_type": "add_to_cart", "product_category": "Books", "price": 8.0},
        {"event_type": "purchase", "product_category": "Toys & Games", "device_info.device_type": "Mobile"},
    ):
        add(ints, floats, *read(x))
    vector(ints, floats, [0.0] * len(INPUTS), told)
    inputs = dict(zip(INPUTS, told, strict=True))
    assert inputs["events"] == log(4)
    assert inputs["search_share"] == inputs["cart_share"] == inputs["mobile_share"] == 0.25
    assert inputs["price"] == pytest.approx(log(8))
    assert inputs["seconds_on_page"] == pytest.approx(log(20))
    assert inputs["category_entropy"] == pytest.approx(-(2 / 3 * log(2 / 3) + 1 / 3 * log(1 / 3)))
    assert inputs["category_switches"] == pytest.approx(log(2))
    assert inputs["from_campaign"] == inputs["opens_with_search"] == 1.0
    assert inputs["reviews"] == inputs["desktop_share"] == inputs["from_nowhere"] == 0.0
    assert natural(told)["events"] == pytest.approx(4)
    assert natural(told)["purchases"] == pytest.approx(1)
    assert natural(told)["price"] == pytest.approx(8)


def test_what_never_showed_is_as_usual() -> None:
    ints, floats, told = list(FRESH), [0.0] * SUMS, [0.0] * len(INPUTS)
    add(ints, floats, *read({"price": float("inf")}))
    vector(ints, floats, [float(n) for n in range(len(INPUTS))], told)
    assert told[5:7] == [5.0, 6.0]


def test_a_running_session_is_expected_to_grow_to_the_usual_and_never_to_shrink() -> None:
    usual = [2.0] * len(INPUTS)
    short, long, busy = [0.0] * len(INPUTS), [0.0] * len(INPUTS), [3.0] * len(INPUTS)
    foresee(short, 1, usual)
    foresee(long, 30, usual)
    foresee(busy, 1, usual)
    assert short[0] == pytest.approx(2 * 6 / 7)
    assert long[0] == pytest.approx(2 * 6 / 36)
    assert busy == [3.0] * len(INPUTS)
    # A share may fall as well as rise.
    assert short[INPUTS.index("cart_share")] == 0.0


def test_a_session_ends_by_silence_of_event_time() -> None:
    model = SessionKMeans(timeout_s=900)
    model.learn_one(event("a", "s1", 0))
    model.learn_one(event("a", "s1", 900))
    assert not model._sessions.customers
    model.learn_one(event("b", "s2", 1801))
    assert customer(model, "a").sessions == 1
    assert list(model._sessions.visits) == [identity("s2")]
    # The same name after the timeout is another visit.
    model.learn_one(event("a", "s1", 1900))
    assert model._sessions.visits[identity("s1")].ints[0] == 1


def test_a_long_session_weighs_more() -> None:
    model = SessionKMeans()
    for n in range(24):
        model.learn_one(event("a", "long", n, event_type="search"))
    model.learn_one(event("a", "short", 2000))
    model.learn_one(event("b", "other", 4000))
    # 24 events weigh 24/32, one weighs 1/9.
    assert customer(model, "a").mean[1] == pytest.approx(0.75 / (0.75 + 1 / 9))


def test_the_answer_counts_the_running_session() -> None:
    """Asking with the next event places its customer between what was and what the session tells."""
    model = taught(6000)
    agreed = 0
    for one in lessons(ECCI, 6200, 5.0)[6000:]:
        place = model._sessions.place(model._sessions.read(one.x), model._usual)
        segment = model.predict_one(one.x)
        assert segment == nearest(place, model._centres, model._scale)
        known = model._sessions.customers.get(identity(one.entity))
        agreed += known is not None and known.segment == segment
        model.learn_one(one.x)
    assert 60 < agreed < 190


def test_segments_follow_the_hidden_personas() -> None:
    from producers.registry import generator

    model, personas = SessionKMeans(), {}
    visits = generator("ecci", 7)
    for n in range(12_000):
        made = visits.next(START + timedelta(seconds=20 * n))
        personas[identity(made["customer_id"])] = visits.truth["persona"]
        flat = made | {f"device_info.{k}": v for k, v in made["device_info"].items()}
        model.learn_one(flat)
    pairs = Counter((personas[c], one.segment) for c, one in model._sessions.customers.items())
    best = {segment: max(n for (_, s), n in pairs.items() if s == segment) for _, segment in pairs}
    assert sum(best.values()) / sum(pairs.values()) > 0.85


def test_sizes_profiles_and_tops_are_told() -> None:
    model = taught(6000)
    told = model.segments()
    assert [one.number for one in told] == list(range(6))
    assert sum(one.size for one in told) == len(model._sessions.customers)
    declared = dict(zip(CATEGORICAL, VALUES, strict=True))
    for one in told:
        assert 1 <= one.profile["events"] <= 41
        assert 1 <= one.profile["price"] <= 2500
        assert 0 <= one.profile["mobile_share"] + one.profile["desktop_share"] <= 1.0001
        assert one.top.keys() == declared.keys()
        for path, best in one.top.items():
            assert {value for value, _ in best} <= {*declared[path], OTHER}
            assert [n for _, n in best] == sorted((n for _, n in best), reverse=True)
            assert 0 < len(best) <= 5
    # One segment shops with the phone, another does not.
    assert len({one.top["device_info.device_type"][0][0] for one in told}) > 1


def test_tops_are_counted_for_known_customers_and_fade(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(profiles, "LONGEST", 10)
    tops = Tops(2)
    books, _, _ = read({"product_category": "Books", "event_type": "search", "product_id": "prod_9"})
    toys, _, _ = read({"product_category": "Toys & Games"})
    for _ in range(9):
        tops.add(1, books)
    tops.add(1, toys)
    assert top(tops.counts[1])["product_category"] == [("Books", 4)]
    assert top(tops.counts[1])["product_id"] == [(OTHER, 4)]
    assert top(tops.counts[0])["event_type"] == []
    assert tops.told == [0, 5]


def agreement(before: list[int], after: list[int]) -> float:
    """The share of equal segments, where no other numbering of the later ones agrees better."""
    shares = {p: float(np.mean(np.array(before) == np.array(p)[after])) for p in permutations(range(6))}
    assert max(shares.values()) == shares[0, 1, 2, 3, 4, 5]
    return shares[0, 1, 2, 3, 4, 5]


def test_numbers_keep_their_meaning_when_centres_are_laid_anew() -> None:
    model = taught(6000, 20.0)
    rows = [one.x for one in lessons(ECCI, 6300, 20.0)[6000:]]
    before = [model.predict_one(x) for x in rows]
    # Another seed finds the segments in another order, yet each takes its former number.
    model.seed = 1
    model._lay()
    assert agreement(before, [model.predict_one(x) for x in rows]) > 0.8


def test_numbers_keep_their_meaning_as_the_stream_goes_on() -> None:
    model = taught(9000, 20.0)
    rows = [one.x for one in lessons(ECCI, 9300, 20.0)[9000:]]
    before = [model.predict_one(x) for x in rows]
    for one in lessons(ECCI, 16_000, 20.0)[11_000:]:
        model.learn_one(one.x)
    # By then customers are known better, so some have gone over to another segment.
    assert agreement(before, [model.predict_one(x) for x in rows]) > 0.7


@settings(max_examples=25, deadline=None)
@given(st.permutations(range(5)))
def test_new_centres_take_the_numbers_of_the_nearest_former_ones(order: list[int]) -> None:
    before = np.arange(5.0)[:, None] * [10.0, 1.0]
    assert matched((before + 0.3)[order], before).tolist() == np.argsort(order).tolist()


def test_distances_are_measured_by_the_noise_within_segments() -> None:
    d = len(INPUTS)
    scale, spread = [0.0] * d, [10.0] * (d - 1) + [0.0]
    rescale(10, spread, [0.25] * d, False, scale)
    assert scale[0] == 1.0
    assert scale[4] == pytest.approx(0.6**2)
    rescale(10, spread, [0.25] * d, True, scale)
    assert scale[0] == 4.0
    # An input without noise does not decide alone, one that never varied not at all.
    rescale(10, spread, [0.0] * d, True, scale)
    assert scale[0] == 50.0
    assert scale[-1] == 0.0


def test_a_centre_moves_and_learns_its_noise() -> None:
    centre, within = [0.0, 0.0], [1.0, 1.0]
    move([4.0, 0.0], centre, 0.25, within, 0.1)
    assert centre == [1.0, 0.0]
    assert within == pytest.approx([1.8, 0.9])


def test_centres_need_as_many_customers_as_segments() -> None:
    scale, few = np.ones(len(INPUTS)), np.ones((5, len(INPUTS)))
    assert lay(few, np.ones(5, dtype=np.int64), scale, None, 6, seed=1) is None
    model = SessionKMeans(most=5)
    for one in lessons(ECCI, 5000, 20.0):
        model.learn_one(one.x)
    assert model._seen > 2 * FIRST
    assert not model.trained
    assert model.segments() == []


def test_bytes_of_another_shape_are_refused() -> None:
    model = taught(3000, 20.0)
    model._usual = model._usual[:3]
    with pytest.raises(BadModel, match="taught on 3 inputs, this code makes 16"):
        SessionKMeans.from_bytes(model.to_bytes())


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
