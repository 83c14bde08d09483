"""The shop that customers visit: its products, and who the customers are.

seed -> products (one category, one price each)
seed -> customers (a hidden persona, favourite categories, a device, a home each)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from core.applications.area import HOUSTON
from core.applications.ecci import ECCI, PRODUCTS
from core.declaration import Category, leaves

CUSTOMERS = 2000

VOCABULARY = {path: leaf.values for path, leaf in leaves(ECCI) if isinstance(leaf, Category)}
CATEGORIES = VOCABULARY["product_category"]

PRICES = {
    "Electronics": (60, 1800),
    "Fashion & Apparel": (12, 250),
    "Home & Garden": (15, 600),
    "Beauty & Personal Care": (6, 120),
    "Sports & Outdoors": (15, 700),
    "Books": (5, 60),
    "Grocery & Gourmet Food": (5, 50),
    "Automotive": (15, 900),
    "Toys & Games": (8, 180),
    "Computers": (150, 2500),
    "Pet Supplies": (6, 130),
    "Health & Household": (5, 110),
}
"""Cheapest and dearest by category, USD; prices are drawn evenly on the logarithm."""

SEARCHED = {
    "Electronics": ("headphones", "smart tv", "speaker", "camera"),
    "Fashion & Apparel": ("jacket", "sneakers", "summer dress", "jeans"),
    "Home & Garden": ("desk lamp", "garden hose", "sofa cover", "cookware"),
    "Beauty & Personal Care": ("face cream", "shampoo", "lipstick", "razor"),
    "Sports & Outdoors": ("yoga mat", "tent", "running belt", "bike helmet"),
    "Books": ("cookbook", "crime novel", "atlas", "poetry"),
    "Grocery & Gourmet Food": ("coffee beans", "olive oil", "dark chocolate", "green tea"),
    "Automotive": ("car battery", "floor mats", "dash cam", "wiper blades"),
    "Toys & Games": ("board game", "puzzle", "building bricks", "doll house"),
    "Computers": ("laptop", "monitor", "keyboard", "external disk"),
    "Pet Supplies": ("cat litter", "dog bed", "aquarium", "bird food"),
    "Health & Household": ("vitamins", "detergent", "paper towels", "first aid"),
}
QUALIFIERS = ("best", "cheap", "new", "small", "large", "black", "gift")

_REFERRERS = {
    "direct": ("direct",),
    "engine": ("google.com", "bing.com", "yahoo.com"),
    "social": (
        "facebook.com",
        "instagram.com",
        "twitter.com",
        "youtube.com",
        "tiktok.com",
        "pinterest.com",
        "reddit.com",
        "linkedin.com",
    ),
    "campaign": ("email_campaign", "affiliate_link"),
    "shop": ("amazon.com",),
}

_BROWSERS = {
    "Mobile": (
        ("Android", "Chrome"),
        ("iOS", "Safari"),
        ("Android", "Firefox"),
        ("iOS", "Chrome"),
        ("Other", "Other"),
    ),
    "Desktop": (
        ("Windows", "Chrome"),
        ("Windows", "Edge"),
        ("macOS", "Safari"),
        ("Linux", "Firefox"),
        ("Windows", "Opera"),
    ),
    "Tablet": (("iOS", "Safari"), ("Android", "Chrome"), ("Android", "Opera")),
}
"""Systems and browsers that are found together, by device."""


@dataclass(frozen=True, slots=True)
class Product:
    """One thing for sale."""

    name: str
    category: str
    price: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Persona:
    """A way of shopping. Shares are probabilities per event, in the situation that is named."""

    name: str
    share: float
    """Of the customers."""
    length: float
    """Mean events of a session, at least 1."""
    opens_with_search: float
    search: float
    """While browsing, instead of another product."""
    cart: float
    """On viewing a product."""
    buy: float
    """With the product just put into the cart."""
    review: float
    """On viewing a product, or after its purchase."""
    wander: float
    """The next product is from any category, not from the last one."""
    prices: tuple[float, float]
    """The part of the assortment that is looked at, by rank of price, 0 to 1."""
    seconds: float
    """Median time on a product's page."""
    devices: tuple[int, int, int]
    """Weights of Mobile, Desktop, Tablet."""
    referrers: tuple[int, int, int, int, int]
    """Weights of direct, engine, social, campaign, another shop."""


PERSONAS = (
    Persona(
        name="bargain_hunter", share=0.20, length=11, opens_with_search=0.25, search=0.20, cart=0.70,
        buy=0.10, review=0.01, wander=0.70, prices=(0.0, 0.45), seconds=25, devices=(45, 45, 10),
        referrers=(20, 30, 20, 20, 10),
    ),
    Persona(
        name="mobile_browser", share=0.22, length=6, opens_with_search=0.10, search=0.08, cart=0.30,
        buy=0.05, review=0.01, wander=0.60, prices=(0.0, 1.0), seconds=12, devices=(92, 2, 6),
        referrers=(25, 10, 60, 2, 3),
    ),
    Persona(
        name="desktop_buyer", share=0.18, length=9, opens_with_search=0.15, search=0.12, cart=0.75,
        buy=0.55, review=0.02, wander=0.15, prices=(0.45, 1.0), seconds=60, devices=(3, 92, 5),
        referrers=(65, 25, 2, 3, 5),
    ),
    Persona(
        name="searcher", share=0.15, length=9, opens_with_search=0.75, search=0.60, cart=0.35,
        buy=0.15, review=0.01, wander=0.30, prices=(0.1, 0.9), seconds=30, devices=(40, 50, 10),
        referrers=(15, 75, 3, 2, 5),
    ),
    Persona(
        name="reviewer", share=0.10, length=8, opens_with_search=0.10, search=0.08, cart=0.30,
        buy=0.40, review=0.35, wander=0.25, prices=(0.2, 1.0), seconds=90, devices=(15, 75, 10),
        referrers=(60, 15, 10, 10, 5),
    ),
    Persona(
        name="campaign_visitor", share=0.15, length=4, opens_with_search=0.02, search=0.04, cart=0.70,
        buy=0.35, review=0.01, wander=0.10, prices=(0.1, 0.7), seconds=20, devices=(60, 30, 10),
        referrers=(3, 2, 5, 90, 0),
    ),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Device:
    """What a session is held on; fixed within it."""

    device_type: str
    browser: str
    os: str


@dataclass(frozen=True, slots=True)
class Customer:
    """Who visits. `favourites` are categories that sessions start from; `home` is (lat, lon)."""

    name: str
    persona: Persona
    favourites: tuple[str, ...]
    device: Device
    home: tuple[float, float]
    activity: float
    """How often this customer comes, relative to the others."""


def products(rng: Random) -> list[Product]:
    """Every product with its one category and one price; all categories have some."""
    made = []
    for n, name in enumerate(PRODUCTS):
        category = CATEGORIES[n % len(CATEGORIES)]
        low, high = PRICES[category]
        made.append(Product(name, category, round(low * (high / low) ** rng.random(), 2)))
    return made


def shelves(assortment: Sequence[Product], persona: Persona) -> dict[str, list[Product]]:
    """What a persona looks at: the products of its price ranks, by category."""
    ranked = sorted(assortment, key=lambda product: product.price)
    first, last = (round(share * len(ranked)) for share in persona.prices)
    by_category: dict[str, list[Product]] = {}
    for product in ranked[first:last]:
        by_category.setdefault(product.category, []).append(product)
    return by_category


def customers(rng: Random, assortment: Sequence[Product]) -> list[Customer]:
    """The customers; personas in their declared shares, in random order."""
    categories = {persona.name: sorted(shelves(assortment, persona)) for persona in PERSONAS}
    shares = [persona.share for persona in PERSONAS]
    made = []
    for n in range(CUSTOMERS):
        persona = rng.choices(PERSONAS, shares)[0]
        made.append(
            Customer(
                name=f"customer_{n}",
                persona=persona,
                favourites=tuple(rng.sample(categories[persona.name], 3)),
                device=device(rng, persona),
                home=(rng.uniform(HOUSTON.south, HOUSTON.north), rng.uniform(HOUSTON.west, HOUSTON.east)),
                activity=rng.lognormvariate(0, 0.6),
            )
        )
    return made


def device(rng: Random, persona: Persona) -> Device:
    """A device such as the persona uses."""
    kind = rng.choices(tuple(_BROWSERS), persona.devices)[0]
    os, browser = rng.choice(_BROWSERS[kind])
    return Device(kind, browser, os)


def referrer(rng: Random, persona: Persona) -> str:
    """Where a session of the persona comes from."""
    group = rng.choices(tuple(_REFERRERS), persona.referrers)[0]
    return rng.choice(_REFERRERS[group])


def query(rng: Random, category: str) -> str:
    """What is typed to find something of the category: one to four words."""
    words = rng.sample(QUALIFIERS, rng.choice((0, 1, 1, 2)))
    return " ".join([*words, rng.choice(SEARCHED[category])])
