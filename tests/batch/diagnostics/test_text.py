"""Texts: words counted, mapped, correlated; each coloured by the group of whoever wrote it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from batch.datasets import Texts
from batch.diagnostics import COMPUTATIONS, Found, Subject, Unanswerable
from batch.diagnostics.text import PARTS, count, vectors, written_by
from batch.split import Split
from core.applications import APPLICATIONS
from core.diagnostics import DIAGNOSTICS, Tab, written_text
from core.diagnostics.choices import choices
from core.diagnostics.shapes import Heat, Points
from core.settings import Settings
from tests.batch.diagnostics.soundness import check
from tests.batch.subjects import subject

NAMES = [name for name, application in APPLICATIONS.items() if written_text(application)]

IDS = [one.id for one in DIAGNOSTICS.values() if one.tab == Tab.TEXT]


def run(lake: Settings, name: str) -> Subject:
    return subject(lake, name, APPLICATIONS[name].batch[0])


def compute(about: Subject, id_: str, **chosen: Any) -> Found:
    return COMPUTATIONS[id_](about, choices(DIAGNOSTICS[id_], chosen))


def with_texts(about: Subject, texts: list[str | None]) -> Subject:
    """The run as if these had been written, by the first row of every part."""
    made = Texts(np.array(texts, dtype=object), np.zeros(len(texts), dtype=np.int64))
    none = Texts(np.empty(0, dtype=object), np.empty(0, dtype=np.int64))
    split = Split(
        replace(about.split.train, texts=none),
        replace(about.split.validation, texts=none),
        replace(about.split.test, texts=made),
    )
    return replace(about, split=split, _cache={})


@pytest.mark.parametrize("name", NAMES)
def test_every_text_has_the_group_of_its_own_row(lake: Settings, name: str) -> None:
    about = run(lake, name)
    found = written_by(about)
    place = 0
    for part_name in PARTS:
        part, answers = about.part(part_name), about.answers(part_name)
        assert part.texts is not None
        for text, row in zip(part.texts.text, part.texts.row, strict=True):
            assert found.texts[place] == text
            assert found.groups.names[found.groups.codes[place]] == f"segment {int(answers[row])}"
            place += 1
    assert place == found.available > 100


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("id_", IDS)
def test_without_a_text_it_says_so(lake: Settings, name: str, id_: str) -> None:
    for nothing in ([], [" ", "", None]):
        found = compute(with_texts(run(lake, name), nothing), id_)
        assert found.panels == []
        assert "nothing to show" in found.note
        assert found.sample.rows == 0
        check(found)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("id_", [id_ for id_ in IDS if id_ != "parts_of_speech"])
def test_texts_without_a_common_word_are_no_figure(lake: Settings, name: str, id_: str) -> None:
    with pytest.raises(Unanswerable, match="2 texts"):
        compute(with_texts(run(lake, name), ["the", "of"]), id_)


def test_words_are_counted_without_stop_words() -> None:
    found = count(["the red lamp", "the red car", "red red sofa", "the car"], 10)
    assert found.words == ["red", "car"]
    assert found.uses.tolist() == [4, 2]
    assert found.present.sum(axis=0).tolist() == [3, 2]
    assert count(["the red lamp", "a red car"], 1).words == ["red"]


def test_like_texts_lie_near_one_another() -> None:
    space = vectors(["red lamp", "red lamp", "green tea", "green tea", "black car", "black car", "zebra"], 1)
    unit = space[:6] / np.linalg.norm(space[:6], axis=1, keepdims=True)
    near = unit @ unit.T
    assert near[0, 1] == pytest.approx(1)
    assert abs(near[0, 2]) < 0.01
    assert np.abs(space[6]).sum() == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("name", NAMES)
def test_dispersion_keeps_the_order_of_time(lake: Settings, name: str) -> None:
    about = run(lake, name)
    found = compute(about, "word_dispersion")
    texts = written_by(about).texts
    for one in found.panels[0].series:
        assert isinstance(one, Points)
        assert all(one.name in texts[int(str(place))].lower() for place in one.x)


@pytest.mark.parametrize("name", NAMES)
def test_words_of_a_phrase_go_together(lake: Settings, name: str) -> None:
    texts: list[str | None] = ["yoga mat", "yoga mat", "green tea", "green tea", "yoga mat"]
    found = compute(with_texts(run(lake, name), texts), "word_correlation")
    heat = found.panels[0].series[0]
    words = found.panels[0].x.categories
    assert isinstance(heat, Heat)
    assert heat.values[words.index("yoga")][words.index("mat")] == pytest.approx(1)
    assert heat.values[words.index("yoga")][words.index("tea")] == pytest.approx(-1)
