"""Payments of returning users at returning merchants; one in a hundred is a fraud, in three patterns.

    time -> the payment that is due in an episode, or a new one -> user, merchant, amount -> event

    one-off       a single payment, larger than this user's others, or small
    card testing  four to eight small payments within minutes, then a large one
    takeover      within an hour, several payments from a new device, far from home, for unusual things

A fraud shows in its row as in the reference stream (security code, billing address, young account), and
its amount overlaps with normal ones: most of card testing and takeover shows only next to the user's
other payments. Normal users make small series too, travel, and change devices.

Episodes live in event time. Where the stream is sparser than an episode, the episode takes the next
events; what is left of it after its longest duration never happens.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import Any

from core.applications.area import HOUSTON
from core.applications.tfd import TFD
from producers import market
from producers.generator import Generator, T
from producers.market import ACCOUNT_LIFE_DAYS, VALUES, Merchant, Point, User

FRAUD_SHARE = 0.01

ONE_OFF, CARD_TESTING, TAKEOVER = "one_off", "card_testing", "takeover"
PATTERNS = {ONE_OFF: 0.40, CARD_TESTING: 0.35, TAKEOVER: 0.25}
"""Share of each pattern in the fraudulent payments."""

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

RISKY_CATEGORIES = frozenset({"electronics", "luxury_items", "digital_goods", "gambling"})
RISKY_PAYMENTS = ("crypto", "credit_card")

YOUNG_DAYS = 30

HABIT = 0.85
"""How often a user pays in the usual currency, by the usual means, from the usual device and network."""

FAVOURITE = 0.75
"""How often a normal payment goes to a favourite merchant."""

OWN_CATEGORY = 0.97
"""How often a payment is for what its merchant mostly sells."""

AT_THE_SHOP = 0.4
AWAY = 0.04
"""Where normal payments are made: at the merchant's place, or anywhere; otherwise near home."""

SERIES_SHARE = 0.02
"""Normal payments that begin a series."""

AMOUNT_SPREAD = 0.6
"""Standard deviation of the logarithm of a user's amounts at one merchant."""

LARGE_FACTOR, LARGE_SPREAD = 4.0, 0.6
TAKEOVER_FACTOR = 1.8
SMALL = (1.0, 12.0)
"""Amounts of frauds: relative to what the user would spend there, or small, in currency units."""

LEAST, MOST = 0.5, 50_000.0

FAR_KM = 30.0
"""How far from home a takeover is, at least."""


@dataclass(frozen=True, slots=True)
class Timing:
    """How an episode runs: payments after the first one, seconds between them, its longest duration."""

    more: tuple[int, int]
    pause: tuple[float, float]
    longest: float


SERIES = Timing((1, 3), (40, 400), 3600)
TIMINGS = {
    ONE_OFF: Timing((0, 0), (0, 0), 0),
    CARD_TESTING: Timing((4, 8), (15, 75), 1800),
    TAKEOVER: Timing((2, 7), (60, 500), 3600),
}


@dataclass(slots=True)
class Episode:
    """Payments that belong together. `pattern` is empty for a normal series."""

    pattern: str
    number: int
    user: User
    timing: Timing
    begun: float
    left: int
    """Payments after the one at hand."""
    place: Point | None = None
    device: tuple[str, str] | None = None
    address: str | None = None


def _starts() -> dict[str, float]:
    """How probable each pattern begins with a payment that no running episode asks for."""
    # A payment goes on with an episode (`running`), or begins a fraud (`rates`), or is a normal one,
    # which now and then begins a series.
    rates = {name: FRAUD_SHARE * share / (1 + _mean(TIMINGS[name])) for name, share in PATTERNS.items()}
    series = SERIES_SHARE * _mean(SERIES)
    frauds = sum(rate * _mean(TIMINGS[name]) for name, rate in rates.items())
    running = (frauds + (1 - sum(rates.values())) * series) / (1 + series)
    return {name: rate / (1 - running) for name, rate in rates.items()}


def _mean(timing: Timing) -> float:
    return sum(timing.more) / 2


STARTS = _starts()


class Payments(Generator):
    """Card payments. Truth: fraud or not, its pattern, the episode's number, and whether it is quiet.

    Under a shift everybody pays up to twice as much, and up to that share of the frauds is quiet: code and
    address are as good as a normal payment's.
    """

    application = TFD

    def _populate(self, rng: Random) -> None:
        self._merchants = market.merchants(rng)
        self._risky = [one for one in self._merchants if one.category in RISKY_CATEGORIES]
        self._users = market.users(rng, self._merchants)
        self._by_phase: list[list[User]] = [[] for _ in range(ACCOUNT_LIFE_DAYS)]
        for user in self._users:
            self._by_phase[user.phase].append(user)
        self._activity = tuple(accumulate(user.activity for user in self._users))
        self._due: list[tuple[float, int, Episode]] = []
        self._begun = 0

    def _event(self, time: datetime) -> dict[str, Any]:
        now, today = time.timestamp(), time.toordinal()
        episode = self._waiting(now) or self._beginning(now, today)
        fraud = bool(episode.pattern)
        quiet = fraud and self._rng.random() < self._shift
        event = self._told(episode, time, today, signs=fraud and not quiet)
        if episode.left:
            due = now + self._rng.uniform(*episode.timing.pause)
            heappush(self._due, (due, episode.number, episode))
        self.truth = {
            "fraud": fraud,
            "pattern": episode.pattern,
            "episode": episode.number,
            "quiet": quiet,
        }
        return event

    def _waiting(self, now: float) -> Episode | None:
        """The episode whose next payment is due first; those that have lasted too long are over."""
        while self._due and self._due[0][0] <= now:
            _, _, episode = heappop(self._due)
            if now - episode.begun <= episode.timing.longest:
                episode.left -= 1
                return episode
        return None

    def _beginning(self, now: float, today: int) -> Episode:
        """A new episode; most have one normal payment only."""
        draw = self._rng.random()
        for pattern, start in STARTS.items():
            if draw < start:
                return self._fraud(pattern, now, today)
            draw -= start
        user = self._rng.choices(self._users, cum_weights=self._activity)[0]
        series = self._rng.random() < SERIES_SHARE
        return self._episode("", user, SERIES, now, self._rng.randint(*SERIES.more) if series else 0)

    def _fraud(self, pattern: str, now: float, today: int) -> Episode:
        rng, timing = self._rng, TIMINGS[pattern]
        young = rng.random() < YOUNG_ACCOUNT
        user = self._young(today) if young else self._pick(self._users)
        episode = self._episode(pattern, user, timing, now, rng.randint(*timing.more))
        if pattern == TAKEOVER:
            episode.place = self._far(user.home)
            episode.device = self._other_device(user)
            episode.address = market.address(rng)
        return episode

    def _episode(self, pattern: str, user: User, timing: Timing, now: float, left: int) -> Episode:
        self._begun += 1
        return Episode(pattern, self._begun, user, timing, now, left)

    def _young(self, today: int) -> User:
        """A user whose account is at most a month old, each age as probable as the other."""
        age = int(self._rng.random() * (YOUNG_DAYS + 1))
        return self._pick(self._by_phase[(age - today) % ACCOUNT_LIFE_DAYS])

    def _far(self, home: Point) -> Point:
        while market.kilometres(place := market.anywhere(self._rng), home) < FAR_KM:
            pass
        return place

    def _other_device(self, user: User) -> tuple[str, str]:
        while (device := market.device(self._rng)) == user.device:
            pass
        return device

    def _told(self, episode: Episode, time: datetime, today: int, signs: bool) -> dict[str, Any]:
        """The event. `signs`: the payment shows what frauds show."""
        rng, draw, user = self._rng, self._rng.random, episode.user
        merchant = self._merchant(episode, signs)
        risky_payment = signs and draw() < RISKY_PAYMENT
        category = merchant.category if draw() < OWN_CATEGORY else self._pick(VALUES["product_category"])
        method = user.method if draw() < HABIT else self._pick(VALUES["payment_method"])
        os, browser = episode.device or self._habit(user.device, market.device)
        return {
            "transaction_id": self._fresh_id(),
            "user_id": user.name,
            "timestamp": time.isoformat(),
            "amount": self._amount(episode, merchant),
            "currency": user.currency if draw() < HABIT else self._pick(VALUES["currency"]),
            "merchant_id": merchant.name,
            "product_category": category,
            "transaction_type": self._pick(VALUES["transaction_type"]),
            "payment_method": self._pick(RISKY_PAYMENTS) if risky_payment else method,
            "location": self._place(episode, merchant),
            "ip_address": episode.address or self._habit(user.address, market.address),
            "device_info": {"os": os, "browser": browser},
            "user_agent": market.user_agent(os, browser),
            "account_age_days": (user.phase + today) % ACCOUNT_LIFE_DAYS,
            "cvv_provided": rng.random() >= (NO_CVV if signs else NORMAL_NO_CVV),
            "billing_address_match": rng.random() >= (WRONG_ADDRESS if signs else NORMAL_WRONG_ADDRESS),
            "is_fraud": bool(episode.pattern),
        }

    def _habit(self, usual: T, other: Callable[[Random], T]) -> T:
        return usual if self._rng.random() < HABIT else other(self._rng)

    def _merchant(self, episode: Episode, signs: bool) -> Merchant:
        """Whom is paid: mostly a favourite; by frauds anybody, more often one who sells what resells."""
        if not episode.pattern:
            liked = self._rng.random() < FAVOURITE
            return self._pick(episode.user.merchants if liked else self._merchants)
        if signs and self._rng.random() < RISKY_CATEGORY:
            return self._pick(self._risky)
        if episode.pattern == TAKEOVER:
            while (merchant := self._pick(self._merchants)).category in episode.user.categories:
                pass
            return merchant
        return self._pick(self._merchants)

    def _amount(self, episode: Episode, merchant: Merchant) -> float:
        """In currency units: around what the user spends there, times what the pattern makes of it."""
        rng = self._rng
        usual = episode.user.spending * merchant.price * rng.lognormvariate(0, AMOUNT_SPREAD)
        testing = episode.pattern == CARD_TESTING and episode.left
        if testing or (episode.pattern == ONE_OFF and rng.random() >= LARGE_AMOUNT):
            amount = rng.uniform(*SMALL)
        elif episode.pattern == TAKEOVER:
            amount = usual * TAKEOVER_FACTOR
        elif episode.pattern:
            amount = usual * LARGE_FACTOR * rng.lognormvariate(0, LARGE_SPREAD)
        else:
            amount = usual
        return round(min(MOST, max(LEAST, amount * (1 + self._shift))), 2)

    def _place(self, episode: Episode, merchant: Merchant) -> dict[str, float]:
        """Where it is paid, in the area, give or take two kilometres."""
        draw = self._rng.random()
        if episode.place:
            centre = episode.place
        elif draw < AWAY:
            centre = market.anywhere(self._rng)
        else:
            centre = (
                merchant.place if draw < AWAY + AT_THE_SHOP and not episode.pattern else episode.user.home
            )
        lat, lon = self._rng.gauss(centre[0], 0.015), self._rng.gauss(centre[1], 0.015)
        return {
            "lat": round(min(max(lat, HOUSTON.south), HOUSTON.north), 6),
            "lon": round(min(max(lon, HOUSTON.west), HOUSTON.east), 6),
        }
