"""The messages of one application, ready for the broker: generated, checked, now and then damaged. Pure."""

from __future__ import annotations

from datetime import datetime
from random import Random

from core.declaration import Application
from core.validation import Check
from producers import damage
from producers.registry import generator


class Source:
    """Makes one message per event time.

    malformed_share: share of the messages that are damaged on purpose, drawn apart from the events: the
    sound ones are the same whatever the share.
    """

    def __init__(self, application: Application, seed: int, stretch: int, malformed_share: float) -> None:
        self._application = application
        self._generator = generator(application.name, seed, stretch)
        self._check = Check(application)
        self._rng = Random(f"damage/{application.name}/{seed}/{stretch}")
        self._share = malformed_share
        self.damaged = 0

    def message(self, time: datetime, now: datetime) -> damage.Message:
        """The message of the event at `time`, in canonical JSON under the entity's key; `now` is our clock.

        Raises core.validation.InvalidEvent if the generator breaks its own declaration.
        """
        sound = self._check.encode(self._generator.next(time), now)
        key = sound.key.encode()
        if self._rng.random() >= self._share:
            return key, sound.body
        self.damaged += 1
        return damage.some(self._rng, self._application, key, sound.body, now)
