"""Payments of returning users, one in a hundred a fraud.

    user -> account age, home, currency, device
    fraud or not -> amount, security code, billing address, category, payment method, young account

The label speaks through the second line only, with the class marginals of the reference stream: an event
carries exactly as much about its label as there. The rest makes users recognisable from event to event.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from random import Random
from typing import Any

from core.applications.area import HOUSTON
from core.applications.tfd import TFD
from core.declaration import Category, leaves
from producers.generator import Generator

USERS = 5000
FRAUD_SHARE = 0.01

# Of frauds: how often each sign shows.
LARGE_AMOUNT = 0.8
RISKY_CATEGORY = 0.2
RISKY_PAYMENT = 0.1
YOUNG_ACCOUNT = 0.15
NO_CVV = 0.43
WRONG_ADDRESS = 0.37

# Of normal payments: what is left of 5 % and 10 % once most are repaired at the till.
NORMAL_NO_CVV = 0.005
NORMAL_WRONG_ADDRESS = 0.02

RISKY_CATEGORIES = ("electronics", "luxury_items", "digital_goods", "gambling")
RISKY_PAYMENTS = ("crypto", "credit_card")

ACCOUNT_LIFE_DAYS = 1826
"""After five years a user closes the account and opens another: ages stay in 0..1825 for ever."""

YOUNG_DAYS = 30

HABIT = 0.85
"""How often a user pays in the usual currency, from the usual device, from the usual network."""

_VALUES = {path: leaf.values for path, leaf in leaves(TFD) if isinstance(leaf, Category)}

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

_RESERVED_NETWORKS = frozenset({10, 100, 127, 169, 172, 192, 198, 203})
"""First octets of which some part is private, local or set aside."""

_NETWORKS = tuple(n for n in range(11, 224) if n not in _RESERVED_NETWORKS)


@dataclass(frozen=True, slots=True)
class User:
    """Who pays. `phase` fixes the account's age on every day; `home` is (lat, lon) in degrees."""

    name: str
    phase: int
    home: tuple[float, float]
    currency: str
    device: tuple[str, str]
    address: str


class Payments(Generator):
    """Card payments. Truth: which signs of fraud a payment shows; all false on a normal one."""

    application = TFD

    def _populate(self, rng: Random) -> None:
        # Spread evenly, so that ages are uniform on any day and there are always young accounts.
        phases = [n * ACCOUNT_LIFE_DAYS // USERS for n in range(USERS)]
        rng.shuffle(phases)
        self._users = [_user(f"user_{n}", phase, rng) for n, phase in enumerate(phases)]
        self._by_phase: list[list[User]] = [[] for _ in range(ACCOUNT_LIFE_DAYS)]
        for user in self._users:
            self._by_phase[user.phase].append(user)

    def _event(self, time: datetime) -> dict[str, Any]:
        draw = self._rng.random
        fraud = draw() < FRAUD_SHARE
        signs = {
            "fraud": fraud,
            "large_amount": fraud and draw() < LARGE_AMOUNT,
            "risky_category": fraud and draw() < RISKY_CATEGORY,
            "risky_payment": fraud and draw() < RISKY_PAYMENT,
            "young_account": fraud and draw() < YOUNG_ACCOUNT,
        }
        self.truth = signs
        today = time.toordinal()
        user = self._payer(today, signs["young_account"])
        os, browser = user.device if draw() < HABIT else _device(self._rng)
        return {
            "transaction_id": self._fresh_id(),
            "user_id": user.name,
            "timestamp": time.isoformat(),
            "amount": self._amount(fraud, signs["large_amount"]),
            "currency": user.currency if draw() < HABIT else self._pick(_VALUES["currency"]),
            "merchant_id": self._pick(_VALUES["merchant_id"]),
            "product_category": self._pick(
                RISKY_CATEGORIES if signs["risky_category"] else _VALUES["product_category"]
            ),
            "transaction_type": self._pick(_VALUES["transaction_type"]),
            "payment_method": self._pick(
                RISKY_PAYMENTS if signs["risky_payment"] else _VALUES["payment_method"]
            ),
            "location": self._near(user.home),
            "ip_address": user.address if draw() < HABIT else _address(self._rng),
            "device_info": {"os": os, "browser": browser},
            "user_agent": user_agent(os, browser),
            "account_age_days": (user.phase + today) % ACCOUNT_LIFE_DAYS,
            "cvv_provided": draw() >= (NO_CVV if fraud else NORMAL_NO_CVV),
            "billing_address_match": draw() >= (WRONG_ADDRESS if fraud else NORMAL_WRONG_ADDRESS),
            "is_fraud": fraud,
        }

    def _payer(self, today: int, young: bool) -> User:
        """Any user; or one whose account is at most a month old, each age as probable as the other."""
        if not young:
            return self._pick(self._users)
        age = int(self._rng.random() * (YOUNG_DAYS + 1))
        return self._pick(self._by_phase[(age - today) % ACCOUNT_LIFE_DAYS])

    def _amount(self, fraud: bool, large: bool) -> float:
        low, high = (300, 6000) if large else (1, 50) if fraud else (5, 500)
        return round(self._rng.uniform(low, high), 2)

    def _near(self, home: tuple[float, float]) -> dict[str, float]:
        """A point about two kilometres from home, inside the area."""
        lat, lon = self._rng.gauss(home[0], 0.015), self._rng.gauss(home[1], 0.015)
        return {
            "lat": round(min(max(lat, HOUSTON.south), HOUSTON.north), 6),
            "lon": round(min(max(lon, HOUSTON.west), HOUSTON.east), 6),
        }


def _user(name: str, phase: int, rng: Random) -> User:
    home = (rng.uniform(HOUSTON.south, HOUSTON.north), rng.uniform(HOUSTON.west, HOUSTON.east))
    return User(name, phase, home, rng.choice(_VALUES["currency"]), _device(rng), _address(rng))


def _device(rng: Random) -> tuple[str, str]:
    return rng.choice(_VALUES["device_info.os"]), rng.choice(_VALUES["device_info.browser"])


def _address(rng: Random) -> str:
    """A public IPv4 address as text."""
    return f"{rng.choice(_NETWORKS)}.{rng.randrange(256)}.{rng.randrange(256)}.{rng.randrange(1, 255)}"


def user_agent(os: str, browser: str) -> str:
    """What a browser on a system says of itself."""
    return f"Mozilla/5.0 ({_SYSTEMS[os]}) {_BROWSERS[browser]}"
