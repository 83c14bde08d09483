"""Parts of speech: how often the tagger is right, and that it needs no network."""

from __future__ import annotations

import socket
from typing import Any

import pytest

from batch.diagnostics.speech import MEASURED, counted, parts, words
from tests.batch.diagnostics.labelled_queries import OTHER, SHOP, queries


def right(text: str) -> tuple[int, int]:
    """Words tagged as they were labelled, and all words."""
    labelled = [(" ".join(word for word, _ in query), [kind for _, kind in query]) for query in queries(text)]
    pairs = [
        (told, wanted)
        for query, kinds in labelled
        for (_, told), wanted in zip(parts(query), kinds, strict=True)
    ]
    return sum(told == wanted for told, wanted in pairs), len(pairs)


def test_it_is_as_good_as_it_says() -> None:
    found = [right(text) for text in (SHOP, OTHER)]
    hits, size = (sum(column) for column in zip(*found, strict=True))
    number = len(queries(SHOP)) + len(queries(OTHER))
    assert f"{100 * hits / size:.0f} % of the words of {number} search queries" in MEASURED
    assert found[0][0] / found[0][1] > 0.94
    assert found[1][0] / found[1][1] > 0.84


def test_no_network_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("the tagger opened a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    parts.cache_clear()
    assert parts("cheap razor") == (("cheap", "adjective"), ("razor", "noun"))


def test_words_are_lower_case_and_without_marks() -> None:
    assert words("  Best T-shirt, for dad's dog! ") == ["best", "t-shirt", "for", "dad's", "dog"]
    assert words("?!") == []
    assert parts("?!") == ()


def test_counting_adds_up_over_texts() -> None:
    found = counted(["green tea", "green tea", "?"])
    assert found == {"adjective": 2, "noun": 2}
