"""The shapes of the payments: what the label shows in, and what it must not show in."""

from __future__ import annotations

import ipaddress
from collections import Counter, defaultdict
from typing import Any

import pytest

from core.applications.area import HOUSTON, haversine_km
from producers import tfd
from tests.producers.streams import MONDAY, Event, near, stream

EVENTS = 120_000
GAP_S = 1.0


@pytest.fixture(scope="module")
def frauds() -> list[Event]:
    return [event for event in stream("tfd", EVENTS, GAP_S)[0] if event["is_fraud"]]


@pytest.fixture(scope="module")
def normal() -> list[Event]:
    return [event for event in stream("tfd", EVENTS, GAP_S)[0] if not event["is_fraud"]]


def part(events: list[Event], where: Any) -> float:
    return float(sum(map(where, events)) / len(events))


def test_one_payment_in_a_hundred_is_a_fraud(frauds: list[Event]) -> None:
    assert near(len(frauds) / EVENTS, 0.01, EVENTS)


def test_amounts_of_normal_payments_are_even_between_5_and_500(normal: list[Event]) -> None:
    assert all(5 <= event["amount"] <= 500 for event in normal)
    for bound in (103, 252.5, 401):
        wanted = (bound - 5) / 495
        assert near(part(normal, lambda e, b=bound: e["amount"] < b), wanted, len(normal))


def test_amounts_of_frauds_are_large_in_four_of_five(frauds: list[Event]) -> None:
    large = [event["amount"] for event in frauds if event["amount"] >= 300]
    small = [event["amount"] for event in frauds if event["amount"] < 300]
    assert near(len(large) / len(frauds), 0.8, len(frauds))
    assert max(large) <= 6000
    assert near(sum(a < 3150 for a in large) / len(large), 0.5, len(large))
    assert min(small) >= 1
    assert max(small) <= 50
    assert near(part(frauds, lambda e: e["amount"] > 500), 0.8 * 5500 / 5700, len(frauds))


def test_amounts_have_two_decimals(normal: list[Event]) -> None:
    assert all(round(event["amount"], 2) == event["amount"] for event in normal[:5000])


def test_missing_codes_and_wrong_addresses_by_class(frauds: list[Event], normal: list[Event]) -> None:
    shares = {"cvv_provided": (0.43, 0.005), "billing_address_match": (0.37, 0.02)}
    for name, (of_frauds, of_normal) in shares.items():
        assert near(part(frauds, lambda e, n=name: not e[n]), of_frauds, len(frauds))
        assert near(part(normal, lambda e, n=name: not e[n]), of_normal, len(normal))


def test_frauds_prefer_risky_categories_and_payments(frauds: list[Event], normal: list[Event]) -> None:
    shares = {
        "product_category": (tfd.RISKY_CATEGORIES, 0.2, 9),
        "payment_method": (tfd.RISKY_PAYMENTS, 0.1, 5),
    }
    for name, (risky, again, values) in shares.items():
        plain = len(risky) / values
        assert near(part(normal, lambda e, n=name, r=risky: e[n] in r), plain, len(normal))
        assert near(
            part(frauds, lambda e, n=name, r=risky: e[n] in r), again + (1 - again) * plain, len(frauds)
        )


def test_young_accounts_by_class(frauds: list[Event], normal: list[Event]) -> None:
    plain = 31 / 1826
    # Accounts are spread evenly over five years, but there are only 5,000 of them: some slack.
    assert part(normal, lambda e: e["account_age_days"] <= 30) == pytest.approx(plain, rel=0.1)
    young = part(frauds, lambda e: e["account_age_days"] <= 30)
    assert near(young, 0.15 + 0.85 * plain, len(frauds))
    assert all(0 <= event["account_age_days"] <= 1825 for event in frauds + normal)
    assert part(normal, lambda e: e["account_age_days"] < 913) == pytest.approx(0.5, abs=0.02)


@pytest.mark.parametrize("name", ["currency", "transaction_type", "os", "browser"])
def test_the_rest_is_even_and_says_nothing_of_the_label(
    name: str, frauds: list[Event], normal: list[Event]
) -> None:
    def count(events: list[Event]) -> Counter[str]:
        return Counter(event.get(name) or event["device_info"][name] for event in events)

    usual, odd = count(normal), count(frauds)
    for value, found in usual.items():
        assert found / len(normal) == pytest.approx(1 / len(usual), rel=0.12)
        assert near(odd[value] / len(frauds), found / len(normal), len(frauds))


def test_all_merchants_sell(normal: list[Event]) -> None:
    counts = Counter(event["merchant_id"] for event in normal)
    assert counts.keys() == {f"merchant_{n}" for n in range(1, 201)}


def test_users_come_back_with_a_home_a_currency_and_a_device(normal: list[Event]) -> None:
    by_user: dict[str, list[Event]] = defaultdict(list)
    for event in normal:
        by_user[event["user_id"]].append(event)
    assert len(by_user) == tfd.USERS
    currency = device = address = payments = 0
    for events in by_user.values():
        payments += len(events)
        currency += _most(event["currency"] for event in events)
        device += _most(event["user_agent"] for event in events)
        address += _most(event["ip_address"] for event in events)
        assert max(haversine_km(events[0]["location"], event["location"]) for event in events) < 25
    for habit in (currency, device, address):
        assert 0.8 < habit / payments < 0.95


def _most(values: Any) -> int:
    return int(Counter(values).most_common(1)[0][1])


def test_an_account_ages_day_by_day() -> None:
    events = stream("tfd", 40_000, 60.0)[0]  # nearly four weeks
    ages: dict[str, set[int]] = defaultdict(set)
    for n, event in enumerate(events):
        day = n * 60 // 86_400
        ages[event["user_id"]].add((event["account_age_days"] - day) % tfd.ACCOUNT_LIFE_DAYS)
    assert all(len(age) == 1 for age in ages.values())


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
    assert "Windows" in tfd.user_agent("Windows", "Firefox")
    assert "Firefox" in tfd.user_agent("Windows", "Firefox")


def test_the_truth_names_the_signs_of_fraud() -> None:
    events, truths = stream("tfd", EVENTS, GAP_S)
    for event, truth in zip(events, truths, strict=True):
        assert truth["fraud"] == event["is_fraud"]
        assert truth["fraud"] or not any(truth.values())
        if truth["young_account"]:
            assert event["account_age_days"] <= 30


def test_the_stretch_begins_on_the_day_it_says() -> None:
    assert MONDAY.weekday() == 0
