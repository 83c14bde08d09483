"""Visits as vectors: what a customer did in one session, updated event by event.

    row -> read -> codes, price, seconds -> add -> tallies of its visit -> vector (16 inputs, for distances)

Pure functions of a row and of a visit's tallies. A visit is two flat rows, of integers and of floats, and the
functions index into them and call none but `math`: as they stand they run over lists in the body one by one
and compile over arrays in the other, so both make the same numbers to the last bit.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import exp, expm1, isfinite, log, log1p, nan
from typing import Any

from core.applications.ecci import ECCI
from core.declaration import Category, leaves
from models.base import Row
from models.columns import NULL, identity

Ints = Any
Floats = Any
"""A flat row: a list, or one row of an array."""

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
    "from_campaign",
    "from_nowhere",
    "from_search_engine",
    "from_social_network",
    "opens_with_search",
)
"""The inputs by name; a profile gives each in its own unit (events, shares, US dollars, seconds, nats)."""

WEIGHTS = (1.0, 1.0, 1.0, 1.0, 0.6, 1.0, 1.0, 1.0, 1.0, 0.7, 0.7, 0.6, 0.6, 0.6, 0.6, 0.5)
"""How much a standardised input weighs in a distance."""

PRICE = INPUTS.index("price")
SECONDS = INPUTS.index("seconds_on_page")
GROWING = tuple(
    INPUTS.index(one) for one in ("events", "purchases", "reviews", "category_entropy", "category_switches")
)
"""Inputs that only grow while a session goes on."""

CATEGORICAL = (
    "event_type",
    "product_id",
    "product_category",
    "referrer_url",
    "device_info.device_type",
    "device_info.browser",
    "device_info.os",
)
"""Fields whose values a segment counts, in the order of a row's codes."""

NUMERIC = ("price", "time_on_page_seconds")
FIELDS = frozenset((*CATEGORICAL, *NUMERIC))

_VALUES = {path: leaf.values for path, leaf in leaves(ECCI) if isinstance(leaf, Category)}
VALUES = tuple(_VALUES[path] for path in CATEGORICAL)
"""The declared values of each; their positions are the codes, and the number of them that of any other."""
_PLACES: tuple[dict[Any, int], ...] = tuple(
    {value: n for n, value in enumerate(values)} | {None: NULL} for values in VALUES
)
_OTHERS = tuple(len(values) for values in VALUES)

EVENT_TYPE, PRODUCT, LOOKED_AT, REFERRER, DEVICE = range(5)
_SOURCES = (
    {"email_campaign", "affiliate_link"},
    {"direct"},
    {"google.com", "bing.com", "yahoo.com"},
    {
        "facebook.com",
        "instagram.com",
        "twitter.com",
        "youtube.com",
        "tiktok.com",
        "pinterest.com",
        "reddit.com",
        "linkedin.com",
    },
)
"""Kinds of referrer, in the order of their inputs: what the shop pays for, none, search engines, networks."""

# Where a visit's tallies stand in its row of integers; the times its categories were seen come last.
EVENTS, SEARCHES, CARTS, PURCHASES, REVIEWS, PRICES, TIMES, SWITCHES, CATEGORY, MOBILE, DESKTOP = range(11)
FROM = 11
OPENS = FROM + len(_SOURCES)
SEEN_CATEGORIES = OPENS + 1
TALLIES = SEEN_CATEGORIES + len(VALUES[LOOKED_AT]) + 1
"""Integers of a visit."""


def _tallies(field: int, of: dict[str, int]) -> tuple[int, ...]:
    """Code of a field -> the integer that it adds to; -1 for those that add to none, and for any other."""
    return (*(of.get(value, -1) for value in VALUES[field]), -1)


ACTED = _tallies(
    EVENT_TYPE, {"search": SEARCHES, "add_to_cart": CARTS, "purchase": PURCHASES, "leave_review": REVIEWS}
)
HELD = _tallies(DEVICE, {"Mobile": MOBILE, "Desktop": DESKTOP})
SOURCE = _tallies(REFERRER, {value: FROM + n for n, one in enumerate(_SOURCES) for value in one})

LOG_PRICE, LOG_TIME = range(2)
SUMS = 2
"""Floats of a visit: sums of logarithms."""

FRESH = tuple(NULL if n == CATEGORY else 0 for n in range(TALLIES))
"""The integers of a visit without events."""

CAUTION = 6.0
"""After this many events of a running session, half of what its growing inputs lack is believed."""

known = lru_cache(maxsize=16_384)(identity)
"""`identity`, remembered for the names that come again and again."""


def read(x: Row) -> tuple[list[int], float, float]:
    """Codes of the categorical fields, and the logarithms of price and seconds, NaN where there is none."""
    get = x.get
    codes = [
        places.get(get(path), other)
        for path, places, other in zip(CATEGORICAL, _PLACES, _OTHERS, strict=True)
    ]
    return codes, logarithm(get("price"), 0.01), logarithm(get("time_on_page_seconds"), 1.0)


def logarithm(value: Any, least: float) -> float:
    """The natural logarithm of at least `least`; NaN for null and for what is not finite."""
    return nan if value is None or not isfinite(value) else log(max(float(value), least))


def add(ints: Ints, floats: Floats, codes: Sequence[int], price: float, seconds: float) -> None:
    """A visit takes one event; what is missing or unknown adds nothing."""
    ints[EVENTS] += 1
    action, category, referrer, device = codes[EVENT_TYPE], codes[LOOKED_AT], codes[REFERRER], codes[DEVICE]
    if action >= 0 and ACTED[action] >= 0:
        ints[ACTED[action]] += 1
        if ints[EVENTS] == 1 and ints[SEARCHES] == 1:
            ints[OPENS] = 1
    if price == price:
        ints[PRICES] += 1
        floats[LOG_PRICE] += price
    if seconds == seconds:
        ints[TIMES] += 1
        floats[LOG_TIME] += seconds
    if category >= 0:
        if ints[CATEGORY] >= 0 and ints[CATEGORY] != category:
            ints[SWITCHES] += 1
        ints[CATEGORY] = category
        ints[SEEN_CATEGORIES + category] += 1
    if device >= 0 and HELD[device] >= 0:
        ints[HELD[device]] += 1
    if referrer >= 0 and SOURCE[referrer] >= 0:
        ints[SOURCE[referrer]] = 1


def vector(ints: Ints, floats: Floats, usual: Floats, told: Floats) -> None:
    """Writes the inputs of a visit with at least one event into `told`.

    usual: stands in for a price or a time that was never shown.
    """
    n = ints[EVENTS]
    told[0] = log(n)
    told[1] = ints[SEARCHES] / n
    told[2] = ints[CARTS] / n
    told[3] = log1p(ints[PURCHASES])
    told[4] = 1.0 if ints[REVIEWS] > 0 else 0.0
    told[5] = floats[LOG_PRICE] / ints[PRICES] if ints[PRICES] > 0 else usual[5]
    told[6] = floats[LOG_TIME] / ints[TIMES] if ints[TIMES] > 0 else usual[6]
    # Shannon entropy in nats; 0 of nothing or of one value.
    total, kinds, spread = 0, 0, 0.0
    for place in range(SEEN_CATEGORIES, TALLIES):
        count = ints[place]
        if count > 0:
            kinds += 1
            total += count
            spread += count * log(count)
    told[7] = log(total) - spread / total if kinds > 1 else 0.0
    told[8] = log1p(ints[SWITCHES])
    told[9] = ints[MOBILE] / n
    told[10] = ints[DESKTOP] / n
    for source in range(5):
        told[11 + source] = float(ints[FROM + source])


def foresee(told: Floats, events: int, usual: Floats) -> None:
    """What a running session will come to: growing inputs are at least as now, and drawn to the usual."""
    share = events / (events + CAUTION)
    for n in GROWING:
        expected = usual[n] + (told[n] - usual[n]) * share
        if expected > told[n]:
            told[n] = expected


def natural(place: Sequence[float]) -> dict[str, float]:
    """A mean vector in natural units: of events, purchases, switches, price and seconds the geometric mean.

    A place that is no mean of visits, such as a centre of nothing, is cut to what can be.
    """
    told = [min(max(value, 0.0), 60.0) for value in place]
    told[0], told[3], told[8] = exp(told[0]), expm1(told[3]), expm1(told[8])
    told[PRICE], told[SECONDS] = exp(told[PRICE]), exp(told[SECONDS])
    return dict(zip(INPUTS, told, strict=True))
