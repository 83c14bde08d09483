"""Which generator makes the events of which application."""

from __future__ import annotations

from producers.ecci import Visits
from producers.eta import Trips
from producers.generator import Generator
from producers.tfd import Payments

GENERATORS: dict[str, type[Generator]] = {made.application.name: made for made in (Payments, Trips, Visits)}


def generator(application: str, seed: int, stretch: int = 0) -> Generator:
    """A generator of the application's events; raises KeyError with the names there are."""
    try:
        made = GENERATORS[application]
    except KeyError:
        raise KeyError(f"no generator for {application!r}; there are {', '.join(GENERATORS)}") from None
    return made(seed, stretch)
