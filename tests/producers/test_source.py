"""Messages ready for the broker."""

from __future__ import annotations

from datetime import timedelta

import pytest

from core.applications import APPLICATIONS
from core.declaration import Application
from core.validation import Accepted, Check, Rejected
from producers.damage import Message
from producers.source import Source
from tests.producers.streams import MONDAY, near

applications = pytest.mark.parametrize("application", APPLICATIONS.values(), ids=list(APPLICATIONS))

MESSAGES = 3000


def messages(application: Application, malformed: float, stretch: int = 0) -> tuple[Source, list[Message]]:
    source = Source(application, 42, stretch, malformed)
    now = MONDAY + timedelta(days=1)
    return source, [source.message(MONDAY + timedelta(seconds=n), now) for n in range(MESSAGES)]


@applications
def test_sound_messages_are_canonical_under_their_key(application: Application) -> None:
    check = Check(application)
    source, made = messages(application, 0)
    assert source.damaged == 0
    for key, value in made:
        accepted = check(key, value, MONDAY + timedelta(days=1))
        assert isinstance(accepted, Accepted)
        assert accepted.body == value
        assert accepted.key.encode() == key


@applications
def test_as_many_are_refused_as_were_damaged(application: Application) -> None:
    check = Check(application)
    source, made = messages(application, 0.1)
    results = [check(key, value, MONDAY + timedelta(days=1)) for key, value in made]
    refused = sum(isinstance(result, Rejected) for result in results)
    assert refused == source.damaged
    assert near(refused / MESSAGES, 0.1, MESSAGES)


@applications
def test_damage_does_not_change_the_sound_messages(application: Application) -> None:
    clean, some = messages(application, 0)[1], messages(application, 0.1)[1]
    same = sum(a == b for a, b in zip(clean, some, strict=True))
    assert near(same / MESSAGES, 0.9, MESSAGES)


@applications
def test_everything_may_be_damaged(application: Application) -> None:
    source, _ = messages(application, 1)
    assert source.damaged == MESSAGES
