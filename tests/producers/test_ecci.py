"""The shapes of the visits: sessions, products, personas, at any rate of events."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from statistics import mean, median

import pytest

from producers import shop
from producers.ecci import MOST_LIVE, TIMEOUT_S, Visits
from tests.producers.streams import MONDAY, Event, stream

RATES = {"sparse": (20_000, 14 * 86_400 / 20_000), "usual": (40_000, 0.1), "crowded": (40_000, 0.005)}

Sessions = dict[str, list[Event]]

rates = pytest.mark.parametrize("rate", RATES)


def events_at(rate: str) -> list[Event]:
    return stream("ecci", *RATES[rate])[0]


def sessions_at(rate: str) -> Sessions:
    sessions: Sessions = defaultdict(list)
    for event in events_at(rate):
        sessions[event["session_id"]].append(event)
    return sessions


def seconds(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


@rates
def test_a_session_is_one_customer_on_one_device_in_one_place(rate: str) -> None:
    for events in sessions_at(rate).values():
        for name in ("customer_id", "device_info", "location"):
            assert all(event[name] == events[0][name] for event in events)


@rates
def test_a_session_counts_its_events_and_tells_its_referrer_once(rate: str) -> None:
    for events in sessions_at(rate).values():
        assert [event["session_event_sequence"] for event in events] == [*range(1, len(events) + 1)]
        assert events[0]["referrer_url"]
        assert all(event["referrer_url"] is None for event in events[1:])


@rates
def test_no_pause_within_a_session_is_longer_than_the_timeout(rate: str) -> None:
    for events in sessions_at(rate).values():
        times = [seconds(event) for event in events]
        assert all(b - a <= TIMEOUT_S for a, b in pairwise(times))


@rates
def test_a_customer_has_one_session_at_a_time(rate: str) -> None:
    spans: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for events in sessions_at(rate).values():
        spans[events[0]["customer_id"]].append((seconds(events[0]), seconds(events[-1])))
    for of_customer in spans.values():
        of_customer.sort()
        assert all(a[1] <= b[0] for a, b in pairwise(of_customer))


@pytest.mark.parametrize("rate", ["sparse", "usual"])
def test_sessions_have_several_events_some_seconds_apart(rate: str) -> None:
    sessions = sessions_at(rate)
    lengths = [len(events) for events in sessions.values()]
    assert 6 < mean(lengths) < 9
    assert sum(length == 1 for length in lengths) / len(lengths) < 0.03
    pauses = [seconds(b) - seconds(a) for e in sessions.values() for a, b in pairwise(e)]
    assert 15 < median(pauses) < 75


def test_at_the_usual_rate_a_pause_is_the_time_on_the_page() -> None:
    for events in sessions_at("usual").values():
        for before, after in pairwise(events):
            late = seconds(after) - seconds(before) - before["time_on_page_seconds"]
            assert -0.001 <= late < 5


def test_in_a_crowd_all_read_faster_in_the_same_proportion() -> None:
    """Nobody starves: the pause is the time on the page, times one factor for all."""
    ratios = []
    for events in sessions_at("crowded").values():
        for before, after in pairwise(events):
            if seconds(before) > MONDAY.timestamp() + 100:
                ratios.append((seconds(after) - seconds(before)) / before["time_on_page_seconds"])
    usual = median(ratios)
    assert 0.05 < usual < 0.5
    assert sum(0.6 * usual < one < 1.6 * usual for one in ratios) / len(ratios) > 0.95


def test_a_slow_stream_still_has_sessions() -> None:
    events = stream("ecci", 3000, 600)[0]
    assert len({event["session_id"] for event in events}) < 600


def test_a_stream_slower_than_the_timeout_has_visits_of_one_event() -> None:
    events = stream("ecci", 300, TIMEOUT_S + 1)[0]
    assert all(event["session_event_sequence"] == 1 for event in events)


@rates
def test_the_stream_neither_grows_nor_fills_up(rate: str) -> None:
    """Late in the stream as many sessions begin as early on, and the last ones are as long."""
    events = events_at(rate)
    quarter = len(events) // 4
    parts = [events[quarter * n : quarter * (n + 1)] for n in (1, 3)]
    begun = [sum(event["session_event_sequence"] == 1 for event in part) for part in parts]
    assert begun[1] == pytest.approx(begun[0], rel=0.15)
    place = [mean(event["session_event_sequence"] for event in part) for part in parts]
    assert place[1] == pytest.approx(place[0], rel=0.15)


def test_live_sessions_follow_the_rate_up_and_down_and_are_bounded() -> None:
    source, time = Visits(42), MONDAY
    live = []
    for events, gap in ((4000, 0.1), (20_000, 0.002), (300, 30), (4000, 0.1), (100, 60)):
        most = 0
        for _ in range(events):
            time += timedelta(seconds=gap)
            source.next(time)
            most = max(most, source.live)
        live.append((most, source.live))
    assert live[0][0] < 450
    assert live[1][0] == MOST_LIVE
    assert live[2][1] < 10
    assert 200 < live[3][1] < 450, "back to what it was before the burst"
    assert live[4][1] < 10


def test_sessions_are_over_after_a_long_silence() -> None:
    source = Visits(42)
    before = {source.next(MONDAY + timedelta(seconds=n / 10))["session_id"] for n in range(2000)}
    later = MONDAY + timedelta(hours=2)
    after = {source.next(later + timedelta(seconds=n / 10))["session_id"] for n in range(2000)}
    assert not before & after


@pytest.mark.parametrize("rate", ["sparse", "usual"])
def test_the_mix_of_events(rate: str) -> None:
    events = events_at(rate)
    counts = Counter(event["event_type"] for event in events)
    wanted = {
        "page_view": 0.53,
        "add_to_cart": 0.25,
        "search": 0.136,
        "purchase": 0.055,
        "leave_review": 0.022,
    }
    for kind, share in wanted.items():
        assert counts[kind] / len(events) == pytest.approx(share, rel=0.25)


@rates
def test_carts_purchases_and_reviews_are_about_the_product_in_focus(rate: str) -> None:
    before = {
        "add_to_cart": {"page_view"},
        "purchase": {"add_to_cart"},
        "leave_review": {"page_view", "purchase"},
    }
    for events in sessions_at(rate).values():
        assert events[0]["event_type"] in ("page_view", "search")
        for last, event in pairwise(events):
            if event["event_type"] in before:
                assert last["event_type"] in before[event["event_type"]]
                assert last["product_id"] == event["product_id"]
            if event["event_type"] == "purchase":
                assert last["quantity"] == event["quantity"]


def test_a_product_has_one_category_and_one_price() -> None:
    seen: dict[str, set[tuple[str, float]]] = defaultdict(set)
    for event in events_at("usual"):
        if event["product_id"]:
            seen[event["product_id"]].add((event["product_category"], event["price"]))
    assert len(seen) == 101
    assert all(len(facts) == 1 for facts in seen.values())
    assert {category for facts in seen.values() for category, _ in facts} == set(shop.CATEGORIES)
    assert all(5 <= price <= 2500 for facts in seen.values() for _, price in facts)


def test_each_kind_of_event_has_its_own_fields() -> None:
    for event in events_at("usual"):
        searching = event["event_type"] == "search"
        for name in ("product_id", "product_category", "price"):
            assert (event[name] is None) == searching
        assert bool(event["search_query"]) == searching
        assert searching == ("/search?q=" in event["page_url"])
        assert (event["quantity"] is not None) == (event["event_type"] in ("add_to_cart", "purchase"))
        if not searching:
            assert event["page_url"].endswith(event["product_id"])


def test_time_on_page_lies_in_its_range() -> None:
    ranges = {"purchase": (30, 180), "search": (5, 60)}
    for event in events_at("usual"):
        low, high = ranges.get(event["event_type"], (5, 300))
        assert low <= event["time_on_page_seconds"] <= high


def test_customers_come_back_as_who_they_are() -> None:
    events, truths = stream("ecci", *RATES["usual"])
    personas: dict[str, set[str]] = defaultdict(set)
    visits: dict[str, set[str]] = defaultdict(set)
    for event, truth in zip(events, truths, strict=True):
        personas[event["customer_id"]].add(truth["persona"])
        visits[event["customer_id"]].add(event["session_id"])
    assert all(len(names) == 1 for names in personas.values())
    assert mean(len(of_customer) for of_customer in visits.values()) > 2
    assert len(visits) > 0.8 * shop.CUSTOMERS
    counts = Counter(next(iter(names)) for names in personas.values())
    for persona in shop.PERSONAS:
        assert counts[persona.name] / len(personas) == pytest.approx(persona.share, abs=0.04)


def test_shares_of_personas_add_up() -> None:
    assert sum(persona.share for persona in shop.PERSONAS) == pytest.approx(1)
    assert len({persona.name for persona in shop.PERSONAS}) == 6


def test_personas_show_in_what_they_do() -> None:
    """Each one leads in what it is named after: there is something to cluster."""
    events, truths = stream("ecci", *RATES["usual"])
    by_persona: dict[str, list[Event]] = defaultdict(list)
    for event, truth in zip(events, truths, strict=True):
        by_persona[truth["persona"]].append(event)

    def leader(trait: Callable[[Event], float | None]) -> str:
        def average(name: str) -> float:
            return mean(value for value in map(trait, by_persona[name]) if value is not None)

        return max(by_persona, key=average)

    assert leader(lambda e: e["event_type"] == "search") == "searcher"
    assert leader(lambda e: e["event_type"] == "leave_review") == "reviewer"
    assert leader(lambda e: e["event_type"] == "purchase") == "desktop_buyer"
    assert leader(lambda e: e["price"] and -e["price"]) == "bargain_hunter"
    assert leader(lambda e: e["device_info"]["device_type"] == "Mobile") == "mobile_browser"
    assert leader(lambda e: e["referrer_url"] in ("email_campaign", "affiliate_link")) == "campaign_visitor"


def test_bargain_hunters_wander_and_buyers_stay() -> None:
    events, truths = stream("ecci", *RATES["usual"])
    personas = {event["customer_id"]: truth["persona"] for event, truth in zip(events, truths, strict=True)}
    categories: dict[str, list[int]] = defaultdict(list)
    for visit in sessions_at("usual").values():
        found = {event["product_category"] for event in visit if event["product_category"]}
        categories[personas[visit[0]["customer_id"]]].append(len(found))
    assert mean(categories["bargain_hunter"]) > 1.5 * mean(categories["desktop_buyer"])


def test_the_truth_tells_where_sessions_end() -> None:
    events, truths = stream("ecci", *RATES["usual"])
    ended: set[str] = set()
    for event, truth in zip(events, truths, strict=True):
        assert event["session_id"] not in ended
        if truth["ends"]:
            ended.add(event["session_id"])
    assert len(ended) > 4000
