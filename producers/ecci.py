"""Visits to a shop: sessions of returning customers, several going on at once.

    time -> the session whose next event is due, or a new one -> one step of it -> event

A session's next event is due when the time on its last page is over. If none is due, another customer
arrives. So the number of live sessions follows the rate of events by itself: a handful at one event a
minute, some hundreds at ten a second, and it neither grows with time nor fills up. Sessions end when the
customer leaves, or after the declared timeout where the stream pauses that long.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from datetime import datetime
from heapq import heappop, heappush
from itertools import accumulate
from random import Random
from typing import Any

from core.applications.area import HOUSTON
from core.applications.ecci import ECCI
from core.declaration import Clustering
from producers import shop
from producers.generator import Generator

MOST_LIVE = shop.CUSTOMERS // 2
"""Above about 25 events/s all of these are live, and customers click faster than they read."""

MOST_CHOOSY = shop.CUSTOMERS // 5
"""With this many in the shop, a shift takes whoever comes: the crowd itself is about a third of all."""

LONGEST = 40
"""Events of a session, at most."""

OWN_DEVICE = 0.9
"""How often a customer comes with the usual device."""

SEARCH_AGAIN = 0.15
"""After a search: its results led nowhere."""

CROWD = frozenset({"mobile_browser", "campaign_visitor"})
"""Personas that a shift brings in."""

SAME_FAVOURITE = 0.8
"""How often a session starts from the first of a customer's favourite categories."""

_PAGE_SECONDS = {"purchase": (30, 180), "search": (5, 60)}
_USUAL_SECONDS = (5, 300)
_SPREAD = 0.5
"""Standard deviation of the logarithm of the time on a page."""

assert isinstance(ECCI.task, Clustering)  # noqa: S101
TIMEOUT_S = ECCI.task.timeout.total_seconds()


@dataclass(slots=True)
class Session:
    """One visit, as far as it has come. `seen` is the time of its last event in epoch seconds."""

    customer: shop.Customer
    name: str
    device: dict[str, str]
    place: dict[str, float]
    referrer: str | None
    length: int
    category: str
    seen: float = 0.0
    sequence: int = 0
    last: str = ""
    focus: shop.Product | None = None
    quantity: int | None = None


class Visits(Generator):
    """Interactions with a shop. Truth: the customer's persona, and whether the session ends here.

    Under a shift the mix of personas moves: up to all who arrive belong to the crowd that campaigns and
    social networks bring.
    """

    application = ECCI

    def _populate(self, rng: Random) -> None:
        assortment = shop.products(rng)
        self._shelves = {p.name: shop.shelves(assortment, p) for p in shop.PERSONAS}
        self._ranges = {name: [*shelves.values()] for name, shelves in self._shelves.items()}
        self._customers = shop.customers(rng, assortment)
        self._activity = tuple(accumulate(customer.activity for customer in self._customers))
        self._due: list[tuple[float, int, Session]] = []
        self._live: set[str] = set()
        self._pushed = 0
        self._ahead = 0.0

    @property
    def live(self) -> int:
        """Sessions that may go on."""
        return len(self._due)

    def _event(self, time: datetime) -> dict[str, Any]:
        now = time.timestamp()
        session = self._waiting(now) or self._arrival()
        event = self._step(session, time)
        session.seen = now
        ends = session.sequence >= session.length
        if ends:
            self._live.discard(session.customer.name)
        else:
            self._pushed += 1
            due = now + self._ahead + event["time_on_page_seconds"]
            heappush(self._due, (due, self._pushed, session))
        self.truth = {"persona": session.customer.persona.name, "ends": ends}
        return event

    def _waiting(self, now: float) -> Session | None:
        """The session whose next event is due first; those that timed out on the way are over.

        When no more sessions may be live, the first one goes on before it is due and the customers' clock
        runs ahead of ours: so all read faster, in the same proportion.
        """
        while self._due and (self._due[0][0] <= now + self._ahead or len(self._due) >= MOST_LIVE):
            due, _, session = heappop(self._due)
            if now - session.seen <= TIMEOUT_S:
                self._ahead = max(self._ahead, due - now)
                return session
            self._live.discard(session.customer.name)
        return None

    def _arrival(self) -> Session:
        """A new session of a customer who is not in the shop."""
        rng = self._rng
        crowd = self._shift > 0 and rng.random() < self._shift
        while True:
            customer = rng.choices(self._customers, cum_weights=self._activity)[0]
            if crowd and customer.persona.name not in CROWD and self._outside():
                continue
            if customer.name not in self._live:
                break
        self._live.add(customer.name)
        persona = customer.persona
        device = customer.device if rng.random() < OWN_DEVICE else shop.device(rng, persona)
        favourite = 0 if rng.random() < SAME_FAVOURITE else rng.randrange(1, len(customer.favourites))
        return Session(
            customer=customer,
            name=self._fresh_id(),
            device=asdict(device),
            place=_near(rng, customer.home),
            referrer=shop.referrer(rng, persona),
            length=min(LONGEST, 1 + round(rng.gammavariate(3, (persona.length - 1) / 3))),
            category=customer.favourites[favourite],
        )

    def _outside(self) -> bool:
        """Whether enough customers are out of the shop to be choosy about who comes."""
        return len(self._live) < MOST_CHOOSY

    def _step(self, session: Session, time: datetime) -> dict[str, Any]:
        """The session's next event; the session then stands behind it."""
        session.sequence += 1
        session.last = action = self._action(session)
        if action == "search":
            session.focus = None
        elif action == "page_view":
            self._look(session)
        if action == "add_to_cart":
            session.quantity = self._pick((1, 1, 1, 2, 2, 3, 4))
        elif action != "purchase":
            session.quantity = None
        return self._told(session, time)

    def _action(self, session: Session) -> str:
        """What the customer does next, given what was done last."""
        persona, draw = session.customer.persona, self._rng.random()
        match session.last:
            case "":
                return "search" if draw < persona.opens_with_search else "page_view"
            case "search":
                return "search" if draw < SEARCH_AGAIN else "page_view"
            case "page_view" if draw < persona.cart:
                return "add_to_cart"
            case "page_view" if draw < persona.cart + persona.review:
                return "leave_review"
            case "add_to_cart" if draw < persona.buy:
                return "purchase"
            case "purchase" if draw < persona.review:
                return "leave_review"
        return "search" if self._rng.random() < persona.search else "page_view"

    def _look(self, session: Session) -> None:
        """Another product comes into focus: of the same category, or of any."""
        persona = session.customer.persona
        if session.sequence > 1 and self._rng.random() < persona.wander:
            session.focus = self._pick(self._pick(self._ranges[persona.name]))
        else:
            session.focus = self._pick(self._shelves[persona.name][session.category])
        session.category = session.focus.category

    def _told(self, session: Session, time: datetime) -> dict[str, Any]:
        """The event that shows the session's last step."""
        product, action = session.focus, session.last
        event: dict[str, Any] = {
            "event_id": self._fresh_id(),
            "customer_id": session.customer.name,
            "session_id": session.name,
            "timestamp": time.isoformat(),
            "event_type": action,
            "product_id": product.name if product else None,
            "product_category": product.category if product else None,
            "price": product.price if product else None,
            "quantity": session.quantity,
            "referrer_url": session.referrer if session.sequence == 1 else None,
            "device_info": session.device.copy(),
            "location": session.place.copy(),
            "time_on_page_seconds": self._seconds(session.customer.persona, action),
            "search_query": shop.query(self._rng, session.category) if action == "search" else None,
            "session_event_sequence": session.sequence,
        }
        self._derive(event)
        return event

    def _seconds(self, persona: shop.Persona, action: str) -> int:
        """Time on the page, within the range of its kind."""
        low, high = _PAGE_SECONDS.get(action, _USUAL_SECONDS)
        return min(high, max(low, round(persona.seconds * self._rng.lognormvariate(0, _SPREAD))))


def _near(rng: Random, home: tuple[float, float]) -> dict[str, float]:
    """Where a session is held: about a kilometre from home, inside the area, three decimals."""
    lat, lon = rng.gauss(home[0], 0.01), rng.gauss(home[1], 0.01)
    return {
        "lat": round(min(max(lat, HOUSTON.south), HOUSTON.north), 3),
        "lon": round(min(max(lon, HOUSTON.west), HOUSTON.east), 3),
    }
