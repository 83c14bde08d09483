"""Visits as vectors: what a customer did in one session, updated event by event.

    event -> Visit (running sums) -> vector (12 inputs, for distances) and profile (the same in natural units)

Pure functions of a visit and an event; `Visit` alone is state.
"""

from __future__ import annotations

from math import exp, isfinite, log, log1p
from typing import Any

import msgspec

from models.base import Row

CAMPAIGNS = frozenset({"email_campaign", "affiliate_link"})
"""Referrers that the shop pays for."""

MOST_CATEGORIES = 32
"""Categories told apart within one visit; further ones count as one."""

INPUTS = (
    "events",
    "search_share",
    "cart_share",
    "purchases",
    "reviews",
    "price",
    "seconds_on_page",
    "category_entropy",
    "category_switches",
    "mobile_share",
    "desktop_share",
    "campaign_share",
)
"""The inputs by name; a profile gives each in its own unit (events, shares, US dollars, seconds, nats)."""

WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.6, 1.0, 1.0, 1.0, 1.0, 0.5, 0.5, 0.4)
"""How much a standardised input weighs in a distance."""

FIELDS = frozenset(
    {
        "event_type",
        "product_category",
        "price",
        "referrer_url",
        "device_info.device_type",
        "time_on_page_seconds",
    }
)

PRICE = INPUTS.index("price")
SECONDS = INPUTS.index("seconds_on_page")


class Visit(msgspec.Struct, array_like=True):
    """Running sums over the events of one session."""

    entity: str
    last: float
    """Time of the last event, in seconds since 1970."""
    events: int = 0
    searches: int = 0
    carts: int = 0
    purchases: int = 0
    reviews: int = 0
    prices: int = 0
    log_price: float = 0.0
    times: int = 0
    log_time: float = 0.0
    switches: int = 0
    category: str = ""
    mobile: int = 0
    desktop: int = 0
    campaign: bool = False
    categories: dict[str, int] = {}

    def copy(self) -> Visit:
        """The same sums, free to go on without this one."""
        other: Visit = msgspec.structs.replace(self)
        other.categories = self.categories.copy()
        return other

    def add(self, x: Row) -> None:
        """Takes one event; what is missing or unknown adds nothing."""
        get = x.get
        self.events += 1
        self._act(get("event_type"))
        price, seconds = _log(get("price"), 0.01), _log(get("time_on_page_seconds"), 1.0)
        if price is not None:
            self.prices += 1
            self.log_price += price
        if seconds is not None:
            self.times += 1
            self.log_time += seconds
        category = get("product_category")
        if category:
            self._look(category)
        device = get("device_info.device_type")
        if device == "Mobile":
            self.mobile += 1
        elif device == "Desktop":
            self.desktop += 1
        if get("referrer_url") in CAMPAIGNS:
            self.campaign = True

    def _act(self, action: Any) -> None:
        if action == "search":
            self.searches += 1
        elif action == "add_to_cart":
            self.carts += 1
        elif action == "purchase":
            self.purchases += 1
        elif action == "leave_review":
            self.reviews += 1

    def _look(self, category: str) -> None:
        if self.category and category != self.category:
            self.switches += 1
        self.category = category
        if category not in self.categories and len(self.categories) >= MOST_CATEGORIES:
            category = ""
        self.categories[category] = self.categories.get(category, 0) + 1


def vector(visit: Visit, usual: list[float]) -> list[float]:
    """The 12 inputs of a visit with at least one event; `usual` stands in for a price or time never shown."""
    n = visit.events
    return [
        log(n),
        visit.searches / n,
        visit.carts / n,
        log1p(visit.purchases),
        1.0 if visit.reviews else 0.0,
        visit.log_price / visit.prices if visit.prices else usual[PRICE],
        visit.log_time / visit.times if visit.times else usual[SECONDS],
        _entropy(visit.categories),
        log1p(visit.switches),
        visit.mobile / n,
        visit.desktop / n,
        1.0 if visit.campaign else 0.0,
    ]


def profile(visit: Visit, usual: list[float]) -> list[float]:
    """The same inputs in natural units: counts, shares, dollars, seconds; averages over visits make sense."""
    told = vector(visit, usual)
    told[0] = float(visit.events)
    told[3] = float(visit.purchases)
    told[4] = float(visit.reviews)
    told[PRICE], told[SECONDS] = exp(told[PRICE]), exp(told[SECONDS])
    told[8] = float(visit.switches)
    return told


def _entropy(counts: dict[str, int]) -> float:
    """Shannon entropy in nats; 0 of nothing or of one value."""
    if len(counts) < 2:
        return 0.0
    total = sum(counts.values())
    return log(total) - sum(n * log(n) for n in counts.values()) / total


def _log(value: Any, least: float) -> float | None:
    return None if value is None or not isfinite(value) else log(max(value, least))
