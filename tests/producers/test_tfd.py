"""The shapes of the payments: what the label shows in, what it must not show in, and how episodes run."""

from __future__ import annotations

import ipaddress
import math
from collections import Counter, defaultdict
from datetime import datetime, timedelta
from statistics import mean, median
from typing import Any

import pytest

from core.applications.area import HOUSTON, haversine_km
from producers import market, tfd
from tests.producers.streams import MONDAY, Event, near, stream

EVENTS = 120_000
GAP_S = 1.0

RATES = {"sparse": (20_000, 14 * 86_400 / 20_000), "usual": (60_000, 0.1), "middling": (EVENTS, GAP_S)}

CLUMPED = 10
"""Standard deviations allowed for shares of frauds: they come in episodes, so chance allows more than 4."""


@pytest.fixture(scope="module")
def frauds() -> list[Event]:
    return [event for event in stream("tfd", EVENTS, GAP_S)[0] if event["is_fraud"]]


@pytest.fixture(scope="module")
def normal() -> list[Event]:
    return [event for event in stream("tfd", EVENTS, GAP_S)[0] if not event["is_fraud"]]


def part(events: list[Event], where: Any) -> float:
    return float(sum(map(where, events)) / len(events))


def episodes(rate: str, pattern: str) -> list[list[Event]]:
    """The payments of each episode of a pattern that had time to end, oldest first."""
    events, truths = stream("tfd", *RATES[rate])
    end = seconds(events[-1]) - 3700
    found: dict[int, list[Event]] = defaultdict(list)
    for event, truth in zip(events, truths, strict=True):
        if truth["pattern"] == pattern:
            found[truth["episode"]].append(event)
    return [payments for payments in found.values() if seconds(payments[0]) < end]


def seconds(event: Event) -> float:
    return datetime.fromisoformat(event["timestamp"]).timestamp()


rates = pytest.mark.parametrize("rate", RATES)


def test_one_payment_in_a_hundred_is_a_fraud(frauds: list[Event]) -> None:
    assert near(len(frauds) / EVENTS, 0.01, EVENTS, CLUMPED)


def test_patterns_come_in_their_shares(frauds: list[Event]) -> None:
    counts = Counter(truth["pattern"] for truth in stream("tfd", EVENTS, GAP_S)[1])
    for pattern, share in tfd.PATTERNS.items():
        assert near(counts[pattern] / len(frauds), share, len(frauds), CLUMPED)


@rates
def test_card_testing_is_small_payments_within_minutes_and_then_a_large_one(rate: str) -> None:
    found = episodes(rate, tfd.CARD_TESTING)
    assert len(found) > 3
    whole = [e for e in found if 5 <= len(e) <= 9]
    assert len(whole) >= 0.9 * len(found), "rarely, a sparse night cuts one short"
    for payments in whole:
        assert len({event["user_id"] for event in payments}) == 1
        assert seconds(payments[-1]) - seconds(payments[0]) <= 1800
        assert all(event["amount"] <= tfd.SMALL[1] for event in payments[:-1])
    large = [payments[-1]["amount"] / median(e["amount"] for e in payments[:-1]) for payments in whole]
    assert median(large) > 10


@rates
def test_a_takeover_is_from_one_new_device_far_away_for_unusual_things(rate: str) -> None:
    users = {user.name: user for user in tfd.Payments(42)._users}
    found = episodes(rate, tfd.TAKEOVER)
    assert len(found) > 3
    for payments in found:
        user = users[payments[0]["user_id"]]
        assert {event["user_id"] for event in payments} == {user.name}
        assert len({event["ip_address"] for event in payments}) == 1
        assert len({event["user_agent"] for event in payments}) == 1
        assert payments[0]["user_agent"] != market.user_agent(*user.device)
        home = {"lat": user.home[0], "lon": user.home[1]}
        assert all(haversine_km(home, e["location"]) > 18 for e in payments)
        assert seconds(payments[-1]) - seconds(payments[0]) <= 3600
    assert 3 <= mean(len(payments) for payments in found) <= 7
    usual = [
        event["product_category"] in users[event["user_id"]].categories
        for payments in found
        for event in payments
    ]
    assert mean(usual) < 0.25


def test_a_one_off_stands_alone() -> None:
    assert all(len(payments) == 1 for payments in episodes("middling", tfd.ONE_OFF))


@pytest.mark.parametrize("rate", ["usual", "middling"])
def test_normal_users_make_series_too(rate: str) -> None:
    found = episodes(rate, "")
    several = [payments for payments in found if len(payments) > 1]
    assert near(len(several) / len(found), tfd.SERIES_SHARE, len(found))
    assert all(seconds(e[-1]) - seconds(e[0]) <= 3600 for e in several)


def auc(positives: list[float], negatives: list[float]) -> float:
    """P(positive > negative), ties half, by ranks."""
    ranked = sorted([(v, 1) for v in positives] + [(v, 0) for v in negatives])
    places: dict[float, list[int]] = defaultdict(list)
    for place, (value, _) in enumerate(ranked):
        places[value].append(place)
    total = sum(mean(places[value]) for value in positives)
    below = total - len(positives) * (len(positives) - 1) / 2
    return below / (len(positives) * len(negatives))


def test_the_amount_alone_does_not_tell_frauds(frauds: list[Event], normal: list[Event]) -> None:
    """Not large, nor small, nor odd: the class densities of the amount, in bins, are the best it can do."""
    bins = [math.floor(2 * math.log2(e["amount"])) for e in normal]
    odd = [math.floor(2 * math.log2(e["amount"])) for e in frauds]
    of_normal, of_frauds = Counter(bins), Counter(odd)
    ratio = {b: of_frauds[b] / (of_normal[b] + 1) for b in of_normal.keys() | of_frauds.keys()}
    assert 0.6 < auc([ratio[b] for b in odd], [ratio[b] for b in bins[:20_000]]) < 0.87
    assert part(normal, lambda e: e["amount"] > 500) > 0.02
    assert part(normal, lambda e: e["amount"] < tfd.SMALL[1]) > 0.02
    assert part(frauds, lambda e: e["amount"] > max(n["amount"] for n in normal[:20_000])) < 0.05


def test_amounts_have_two_decimals_and_follow_the_user(normal: list[Event]) -> None:
    assert all(round(event["amount"], 2) == event["amount"] >= tfd.LEAST for event in normal[:5000])
    spending = {user.name: user.spending for user in tfd.Payments(42)._users}
    poor, rich = sorted(spending.values())[1000], sorted(spending.values())[4000]
    low = median(e["amount"] for e in normal if spending[e["user_id"]] < poor)
    high = median(e["amount"] for e in normal if spending[e["user_id"]] > rich)
    assert high > 3 * low


def test_missing_codes_and_wrong_addresses_by_class(frauds: list[Event], normal: list[Event]) -> None:
    shares = {"cvv_provided": (0.43, 0.005), "billing_address_match": (0.37, 0.02)}
    for name, (of_frauds, of_normal) in shares.items():
        assert near(part(frauds, lambda e, n=name: not e[n]), of_frauds, len(frauds))
        assert near(part(normal, lambda e, n=name: not e[n]), of_normal, len(normal))


def test_one_off_frauds_prefer_risky_categories_and_payments(normal: list[Event]) -> None:
    single = [event for payments in episodes("middling", tfd.ONE_OFF) for event in payments]
    risky = part(single, lambda e: e["product_category"] in tfd.RISKY_CATEGORIES)
    assert near(risky, 0.2 + 0.8 * 4 / 9, len(single))
    paid = part(single, lambda e: e["payment_method"] in tfd.RISKY_PAYMENTS)
    assert near(paid, 0.1 + 0.9 * 2 / 5, len(single))
    assert part(normal, lambda e: e["product_category"] in tfd.RISKY_CATEGORIES) == pytest.approx(
        4 / 9, abs=0.03
    )


def test_young_accounts_by_class(frauds: list[Event], normal: list[Event]) -> None:
    plain = 31 / 1826
    # Accounts are spread evenly over five years, but there are only 5,000 of them: some slack.
    assert part(normal, lambda e: e["account_age_days"] <= 30) == pytest.approx(plain, rel=0.25)
    young = part(frauds, lambda e: e["account_age_days"] <= 30)
    assert near(young, 0.15 + 0.85 * plain, len(frauds), CLUMPED)
    assert all(0 <= event["account_age_days"] <= 1825 for event in frauds + normal)
    assert part(normal, lambda e: e["account_age_days"] < 913) == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("name", ["currency", "transaction_type", "os", "browser"])
def test_the_rest_says_nothing_of_the_label(name: str, frauds: list[Event], normal: list[Event]) -> None:
    def count(events: list[Event]) -> Counter[str]:
        return Counter(event.get(name) or event["device_info"][name] for event in events)

    usual, odd = count(normal), count(frauds)
    for value, found in usual.items():
        assert found / len(normal) == pytest.approx(1 / len(usual), rel=0.12)
        assert near(odd[value] / len(frauds), found / len(normal), len(frauds), CLUMPED)


def test_a_merchant_has_one_place_and_mostly_one_category(normal: list[Event]) -> None:
    sold: dict[str, Counter[str]] = defaultdict(Counter)
    for event in normal:
        sold[event["merchant_id"]][event["product_category"]] += 1
    assert sold.keys() == {f"merchant_{n}" for n in range(1, 201)}
    mostly = [counts.most_common(1)[0][1] / counts.total() for counts in sold.values()]
    assert mean(mostly) == pytest.approx(0.97 + 0.03 / 9, abs=0.01)
    assert len({merchant.place for merchant in tfd.Payments(42)._merchants}) == 200


def test_users_come_back_with_habits(normal: list[Event]) -> None:
    by_user: dict[str, list[Event]] = defaultdict(list)
    for event in normal:
        by_user[event["user_id"]].append(event)
    assert len(by_user) > 0.99 * market.USERS
    payments = sum(map(len, by_user.values()))
    for name in ("currency", "user_agent", "ip_address", "payment_method"):
        usual = sum(_most(event[name] for event in events) for events in by_user.values())
        assert 0.8 < usual / payments < 0.95
    liked = {user.name: user.categories for user in tfd.Payments(42)._users}
    favourite = part(normal, lambda e: e["product_category"] in liked[e["user_id"]])
    assert 0.7 < favourite < 0.9


def _most(values: Any) -> int:
    return int(Counter(values).most_common(1)[0][1])


def test_an_account_ages_day_by_day() -> None:
    events = stream("tfd", 40_000, 60.0)[0]  # nearly four weeks
    ages: dict[str, set[int]] = defaultdict(set)
    for n, event in enumerate(events):
        day = n * 60 // 86_400
        ages[event["user_id"]].add((event["account_age_days"] - day) % market.ACCOUNT_LIFE_DAYS)
    assert all(len(age) == 1 for age in ages.values())


def test_a_long_silence_ends_the_episodes() -> None:
    source = tfd.Payments(1)
    before = set()
    for n in range(20_000):
        source.next(MONDAY + timedelta(seconds=n / 10))
        before.add(source.truth["episode"])
    later = MONDAY + timedelta(hours=5)
    for n in range(2000):
        source.next(later + timedelta(seconds=n / 10))
        assert source.truth["episode"] not in before


def test_a_shift_moves_amounts_and_hides_signs() -> None:
    usual, moved = tfd.Payments(1), tfd.Payments(1)
    amounts: list[list[float]] = [[], []]
    signs: list[bool] = []
    for n in range(40_000):
        time = MONDAY + timedelta(seconds=n)
        amounts[0].append(usual.next(time)["amount"])
        event = moved.next(time, 1.0)
        amounts[1].append(event["amount"])
        if event["is_fraud"]:
            assert moved.truth["quiet"]
            signs.append(event["cvv_provided"])
    assert median(amounts[1]) == pytest.approx(2 * median(amounts[0]), rel=0.05)
    assert mean(signs) > 0.97


def test_payments_are_made_in_the_area_from_public_addresses(normal: list[Event]) -> None:
    for event in normal[:20_000]:
        assert HOUSTON.south <= event["location"]["lat"] <= HOUSTON.north
        assert HOUSTON.west <= event["location"]["lon"] <= HOUSTON.east
        assert ipaddress.IPv4Address(event["ip_address"]).is_global


def test_each_device_has_its_own_user_agent(normal: list[Event]) -> None:
    pairs = {
        (event["device_info"]["os"], event["device_info"]["browser"], event["user_agent"]) for event in normal
    }
    assert len(pairs) == 36
    assert len({agent for _, _, agent in pairs}) == 36
    assert "Windows" in market.user_agent("Windows", "Firefox")
    assert "Firefox" in market.user_agent("Windows", "Firefox")


def test_the_truth_names_the_pattern() -> None:
    events, truths = stream("tfd", EVENTS, GAP_S)
    for event, truth in zip(events, truths, strict=True):
        assert truth["fraud"] == event["is_fraud"] == bool(truth["pattern"])


def test_the_stretch_begins_on_the_day_it_says() -> None:
    assert MONDAY.weekday() == 0
