"""The messages of one application, ready for the broker: generated, checked, now and then damaged. Pure.

event time, conditions -> generator -> (wrong label) -> check -> (missing value | damage) -> message
"""

from __future__ import annotations

from datetime import datetime
from random import Random
from typing import Any

from core.declaration import Application
from core.scenarios import NORMAL, Conditions
from core.validation import Check
from producers import damage, disturb
from producers.registry import generator


class Source:
    """Makes one message per event time.

    malformed_share: share of the messages that are damaged on purpose, drawn apart from the events: the
    sound ones are the same whatever the share. So it is with wrong labels and missing values.
    """

    def __init__(self, application: Application, seed: int, stretch: int, malformed_share: float) -> None:
        self._application = application
        self._generator = generator(application.name, seed, stretch)
        self._check = Check(application)
        self._rng = Random(f"damage/{application.name}/{seed}/{stretch}")
        self._noise = Random(f"noise/{application.name}/{seed}/{stretch}")
        self._share = malformed_share
        self.damaged = 0
        self.truth: dict[str, Any] = {}
        """Of the last message: event id, what lay behind the event, and what was done to it on purpose."""

    def message(self, time: datetime, now: datetime, conditions: Conditions = NORMAL) -> damage.Message:
        """The message of the event at `time`, in canonical JSON under the entity's key; `now` is our clock.

        Raises core.validation.InvalidEvent if the generator breaks its own declaration.
        """
        event = self._generator.next(time, conditions.shift)
        draws = [self._noise.random() for _ in range(2)]
        label = event.get(self._application.label or "")
        wrong = draws[0] < conditions.label_noise and disturb.wrong_label(
            self._application, event, self._noise
        )
        sound = self._check.encode(event, now)
        key, body, missing = sound.key.encode(), sound.body, ""
        if draws[1] < conditions.missing_values:
            body, missing = disturb.without_value(self._application, body, self._noise)
        damaged = self._rng.random() < max(self._share, conditions.malformed)
        self.truth = {
            "event_id": event[self._application.identifier.name],
            "time": time.isoformat(),
            "truth": self._generator.truth,
            "shift": round(conditions.shift, 6),
            "label": label,
            "wrong_label": wrong,
            "missing": "" if damaged else missing,
            "damaged": damaged,
        }
        if not damaged:
            return key, body
        self.damaged += 1
        return damage.some(self._rng, self._application, key, sound.body, now)
