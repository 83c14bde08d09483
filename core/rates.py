"""How many events a second: as a setting spells it, application by application."""

from __future__ import annotations

from core.applications import APPLICATIONS

FASTEST = 1e6
"""Events per second that no producer here reaches."""


def parse_rates(text: str) -> dict[str, float]:
    """The rates that a text gives: "20", or "tfd=10,eta=5" with 0 for those not named; raises ValueError."""
    rates = dict.fromkeys(APPLICATIONS, 0.0)
    for item in text.split(","):
        name, named, value = item.strip().rpartition("=")
        if named and name not in APPLICATIONS:
            raise ValueError(f"no application {name!r}; there are {', '.join(APPLICATIONS)}")
        try:
            rate = float(value)
        except ValueError:
            raise ValueError(f"{value!r} is not a number of events per second") from None
        if not 0 <= rate <= FASTEST:
            raise ValueError(f"rate {value} must lie in 0..{FASTEST:.0f} events/s")
        rates.update(dict.fromkeys([name] if named else rates, rate))
    return rates
