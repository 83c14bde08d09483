"""Who pays whom: users with a home, a purse and habits; merchants with a place, a category and prices.

seed -> merchants (place, category, price level)
seed -> users (home, spending level, favourite categories and merchants, device, network, activity)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from core.applications.area import HOUSTON, haversine_km
from core.applications.tfd import TFD
from core.declaration import Category, leaves

USERS = 5000

ACCOUNT_LIFE_DAYS = 1826
"""After five years a user closes the account and opens another: ages stay in 0..1825 for ever."""

VALUES = {path: leaf.values for path, leaf in leaves(TFD) if isinstance(leaf, Category)}

PRICES = {
    "electronics": 1.5,
    "clothing": 0.9,
    "groceries": 0.6,
    "travel": 2.0,
    "services": 1.0,
    "digital_goods": 0.45,
    "luxury_items": 2.5,
    "gambling": 0.8,
    "other": 1.0,
}
"""What is spent on each category, relative to the others."""

USUAL_SPENDING = 60.0
"""The median user's median payment at a merchant of price level 1."""

SPENDING_SPREAD = 0.7
MERCHANT_SPREAD = 0.3
ACTIVITY_SPREAD = 0.5
"""Standard deviations of logarithms."""

FAVOURITE_CATEGORIES = 3
FAVOURITE_MERCHANTS = 6

_RESERVED_NETWORKS = frozenset({10, 100, 127, 169, 172, 192, 198, 203})
"""First octets of which some part is private, local or set aside."""

_NETWORKS = tuple(n for n in range(11, 224) if n not in _RESERVED_NETWORKS)

_SYSTEMS = {
    "iOS": "iPhone; CPU iPhone OS 18_1 like Mac OS X",
    "Android": "Linux; Android 15; Pixel 8",
    "Windows": "Windows NT 10.0; Win64; x64",
    "macOS": "Macintosh; Intel Mac OS X 10_15_7",
    "Linux": "X11; Linux x86_64",
    "Other": "X11; CrOS x86_64 16033.58.0",
}
_ENGINE = "AppleWebKit/537.36 (KHTML, like Gecko)"
_BROWSERS = {
    "Chrome": f"{_ENGINE} Chrome/131.0.0.0 Safari/537.36",
    "Safari": "AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15",
    "Firefox": "Gecko/20100101 Firefox/133.0",
    "Edge": f"{_ENGINE} Chrome/131.0.0.0 Safari/537.36 Edg/131.0.0.0",
    "Opera": f"{_ENGINE} Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
    "Other": f"{_ENGINE} Chrome/130.0.0.0 Safari/537.36 Vivaldi/7.0.3495.11",
}

Point = tuple[float, float]
"""Latitude and longitude in degrees."""


@dataclass(frozen=True, slots=True)
class Merchant:
    """Who is paid. `price` scales what is spent there."""

    name: str
    place: Point
    category: str
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Who pays. `phase` fixes the account's age on every day."""

    name: str
    phase: int
    home: Point
    spending: float
    """Median payment at a merchant of price level 1."""
    categories: frozenset[str]
    merchants: tuple[Merchant, ...]
    currency: str
    method: str
    device: tuple[str, str]
    address: str
    activity: float
    """How often this user pays, relative to the others."""


def merchants(rng: Random) -> list[Merchant]:
    """Every merchant of the declaration; all categories have some."""
    categories = VALUES["product_category"]
    made = []
    for n, name in enumerate(VALUES["merchant_id"]):
        category = categories[n % len(categories)]
        price = PRICES[category] * rng.lognormvariate(0, MERCHANT_SPREAD)
        made.append(Merchant(name, anywhere(rng), category, price))
    return made


def users(rng: Random, market: Sequence[Merchant]) -> list[User]:
    """The users; ages of accounts are even on any day, so that there are always young ones."""
    phases = [n * ACCOUNT_LIFE_DAYS // USERS for n in range(USERS)]
    rng.shuffle(phases)
    shelves: dict[str, list[Merchant]] = {}
    for merchant in market:
        shelves.setdefault(merchant.category, []).append(merchant)
    return [_user(f"user_{n}", phase, rng, shelves) for n, phase in enumerate(phases)]


def _user(name: str, phase: int, rng: Random, shelves: dict[str, list[Merchant]]) -> User:
    home = anywhere(rng)
    liked = rng.sample(sorted(shelves), FAVOURITE_CATEGORIES)
    near = [nearest(rng.choices(shelves[rng.choice(liked)], k=4), home) for _ in range(FAVOURITE_MERCHANTS)]
    return User(
        name=name,
        phase=phase,
        home=home,
        spending=USUAL_SPENDING * rng.lognormvariate(0, SPENDING_SPREAD),
        categories=frozenset(liked),
        merchants=tuple(near),
        currency=rng.choice(VALUES["currency"]),
        method=rng.choice(VALUES["payment_method"]),
        device=device(rng),
        address=address(rng),
        activity=rng.lognormvariate(0, ACTIVITY_SPREAD),
    )


def nearest(some: Sequence[Merchant], home: Point) -> Merchant:
    """The one of `some` that is closest to home, degrees counting alike in both directions."""
    lat, lon = home
    return min(some, key=lambda one: (one.place[0] - lat) ** 2 + (one.place[1] - lon) ** 2)


def kilometres(a: Point, b: Point) -> float:
    """Great-circle distance."""
    return haversine_km({"lat": a[0], "lon": a[1]}, {"lat": b[0], "lon": b[1]})


def anywhere(rng: Random) -> Point:
    """A point of the area, each as probable as the other."""
    return rng.uniform(HOUSTON.south, HOUSTON.north), rng.uniform(HOUSTON.west, HOUSTON.east)


def device(rng: Random) -> tuple[str, str]:
    """A system and a browser."""
    return rng.choice(VALUES["device_info.os"]), rng.choice(VALUES["device_info.browser"])


def address(rng: Random) -> str:
    """A public IPv4 address as text."""
    return f"{rng.choice(_NETWORKS)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def user_agent(os: str, browser: str) -> str:
    """What a browser on a system says of itself."""
    return f"Mozilla/5.0 ({_SYSTEMS[os]}) {_BROWSERS[browser]}"
