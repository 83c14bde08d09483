"""What people wrote: the words, where they stand, and who writes what.

texts of events -> words -> counts, presence, maps, parts of speech; coloured by the group of the own row
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from batch.diagnostics.arrays import cells
from batch.diagnostics.cells import grid, rounded, written
from batch.diagnostics.groups import Groups, groups
from batch.diagnostics.maps import embed
from batch.diagnostics.ranks import correlations
from batch.diagnostics.speech import MEASURED, counted
from batch.diagnostics.subject import Computation, Floats, Found, Indices, Part, Subject, Unanswerable
from core.diagnostics.shapes import Axis, Bars, Cell, Fact, Heat, Panel, Points, Sample, Series

PARTS: tuple[Part, ...] = ("train", "validation", "test")

MOST_WORDS = 50
MOST_BY_GROUP = 15
MOST_TEXTS = 20_000
MOST_POINTS = 2_000
LEAST_LETTERS = 3
LEAST_USES = 3
TERMS = 1_000
"""Words that a map of texts looks at: the most frequent ones."""

DIMENSIONS = 50
"""Of the space in which texts are compared, before the map."""


class Written(NamedTuple):
    """Texts in order of time, with the group of the row that each belongs to."""

    texts: list[str]
    groups: Groups
    available: int
    seed: int

    @property
    def sample(self) -> Sample:
        """Which texts these are: they are counted, not rows."""
        how = "texts" if len(self.texts) == self.available else f"texts, random, seed {self.seed}"
        return Sample(
            rows=len(self.texts), available=self.available, split="train, validation, test", how=how
        )

    def take(self, places: Indices) -> Written:
        """Some of the texts."""
        return self._replace(texts=[self.texts[n] for n in places], groups=self.groups.take(places))


def written_by(subject: Subject, most: int = MOST_TEXTS) -> Written:
    """The texts of all parts with a word in them; each has the group of its own row, never of another's."""
    found: list[str] = []
    targets, answers = [], []
    for name in PARTS:
        part = subject.part(name)
        if part.texts is None or not len(part.texts.text):
            continue
        there = np.array([bool(text and text.strip()) for text in part.texts.text])
        rows = part.texts.row[there]
        found += [str(text) for text in part.texts.text[there]]
        answers.append(subject.answers(name)[rows])
        if part.target is not None:
            targets.append(part.target[rows])
    said = np.concatenate(answers) if answers else np.empty(0)
    target = np.concatenate(targets) if targets else None
    made = groups(subject, target, said) if found else Groups((), np.empty(0, dtype=np.int64), "")
    whole = Written(found, made, len(found), subject.seed)
    return whole if len(found) <= most else whole.take(subject.drawn(len(found), most))


def answered(compute: Callable[[Subject, Written, Mapping[str, Any]], Found], most: int) -> Computation:
    """A computation over texts; where nothing was written it says so instead."""

    def computation(subject: Subject, chosen: Mapping[str, Any]) -> Found:
        texts = written_by(subject, most)
        if texts.texts:
            return compute(subject, texts, chosen)
        rows = sum(subject.part(part).rows for part in PARTS)
        note = (
            f"None of the {subject.application.noun} behind these {rows:,} rows has a text: nothing to show."
        )
        return Found(panels=[], facts=[Fact(title="Texts", value=0)], sample=texts.sample, note=note)

    return computation


class Counts(NamedTuple):
    """Which words stand in which texts."""

    words: list[str]
    """By falling use."""
    uses: Indices
    """(words,) in all texts."""
    present: Floats
    """(texts, words): 1 where a word stands in a text."""


def count(texts: Sequence[str], most: int, letters: int = 2, uses: int = 2) -> Counts:
    """The most frequent words of at least `letters` letters that stand in at least `uses` texts.

    English stop words are left out. Raises Unanswerable when there is none.
    """
    from sklearn.feature_extraction.text import CountVectorizer

    pattern = rf"(?u)\b\w{{{letters},}}\b"
    vectorizer = CountVectorizer(stop_words="english", min_df=min(uses, len(texts)), token_pattern=pattern)
    try:
        table = vectorizer.fit_transform(texts)
    except ValueError:
        raise Unanswerable(
            f"{len(texts)} texts have no word in common that is no stop word: nothing to count"
        ) from None
    total = np.asarray(table.sum(axis=0)).ravel().astype(np.int64)
    names = vectorizer.get_feature_names_out()
    order = sorted(range(len(names)), key=lambda n: (-total[n], names[n]))[:most]
    present = (table[:, order] > 0).toarray().astype(np.float64)
    return Counts([str(names[n]) for n in order], total[order], present)


def _word_frequency(subject: Subject, texts: Written, chosen: Mapping[str, Any]) -> Found:
    found = count(texts.texts, int(chosen["words"]))
    panels = [
        Panel(
            title=f"The {len(found.words)} most frequent words",
            x=Axis(title="Uses", low=0),
            y=Axis(title="Word", scale="category", categories=found.words),
            series=[Bars(name="uses", values=[int(n) for n in found.uses])],
            wide=True,
        ),
        _by_group(found, texts.groups),
    ]
    facts = [
        Fact(title="Texts", value=len(texts.texts)),
        Fact(title="Different texts", value=len(set(texts.texts))),
    ]
    note = "English stop words and words that stand in one text only are left out."
    return Found(panels=panels, facts=facts, sample=texts.sample, note=note)


def _by_group(found: Counts, made: Groups) -> Panel:
    names = [name for name, _ in made.members()]
    shares = np.array([found.present[mask, :MOST_BY_GROUP].mean(axis=0) for _, mask in made.members()]).T
    heat = Heat(name="Share of the texts", values=grid(shares), text=written(100 * shares, 0), low=0)
    return Panel(
        title=f"Who writes what, {made.title}",
        x=Axis(title="Group", scale="category", categories=names),
        y=Axis(title="Word", scale="category", categories=found.words[:MOST_BY_GROUP]),
        series=[heat],
        note="Share of the group's texts that hold the word, in percent.",
    )


def vectors(texts: Sequence[str], seed: int) -> Floats:
    """(texts, up to 50): TF-IDF of the most frequent words, reduced by a truncated SVD (latent semantics).

    A text without a known word becomes 0. Raises Unanswerable when no word stands in two texts.
    """
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    kind = TfidfVectorizer(stop_words="english", max_features=TERMS, min_df=min(2, len(texts)))
    try:
        table = kind.fit_transform(texts)
    except ValueError:
        raise Unanswerable(f"{len(texts)} texts have no word in common: no map can be drawn") from None
    size = min(DIMENSIONS, table.shape[1] - 1, table.shape[0] - 1)
    if size < 2:
        raise Unanswerable(f"{table.shape[1]} words stand in two texts: no map can be drawn of so few")
    reduced: Floats = TruncatedSVD(size, random_state=seed).fit_transform(table)
    return reduced


def _text_map(subject: Subject, texts: Written, chosen: Mapping[str, Any]) -> Found:
    shown = texts
    if len(texts.texts) > int(chosen["texts"]):
        shown = texts.take(subject.drawn(len(texts.texts), int(chosen["texts"])))
    method = str(chosen["method"])
    space = vectors(shown.texts, subject.seed)
    told = np.flatnonzero(np.abs(space).sum(axis=1) > 0)
    subject.progress.line(f"{method} of {len(told):,} texts", texts=len(told))
    points = embed(space[told], method, int(chosen["neighbours"]), subject.seed, "cosine")
    kept = shown.take(told)
    series: list[Series] = [
        Points(
            name=name,
            x=cells(points[mask, 0]),
            y=cells(points[mask, 1]),
            text=[kept.texts[n][:80] for n in np.flatnonzero(mask)],
        )
        for name, mask in kept.groups.members()
    ]
    panel = Panel(
        title=f"{method} of the texts, {kept.groups.title}",
        x=Axis(title=f"{method} 1"),
        y=Axis(title=f"{method} 2"),
        series=series,
        wide=True,
        square=True,
    )
    lost = len(shown.texts) - len(told)
    note = f"{lost:,} texts hold no word that another text has, and are left out." if lost else ""
    facts = [Fact(title="Different texts", value=len(set(kept.texts)))]
    return Found(panels=[panel], facts=facts, sample=kept.sample, note=note)


def _word_dispersion(subject: Subject, texts: Written, chosen: Mapping[str, Any]) -> Found:
    found = count(texts.texts, int(chosen["words"]), LEAST_LETTERS, LEAST_USES)
    most = MOST_POINTS // len(found.words)
    series: list[Series] = []
    for word, column in zip(found.words, found.present.T, strict=True):
        at = np.flatnonzero(column)
        at = at[subject.drawn(len(at), most)]
        said: list[Cell] = [word] * len(at)
        series.append(Points(name=word, x=[int(n) for n in at], y=said))
    panel = Panel(
        title="Where the most frequent words stand",
        x=Axis(
            title="Text, in order of time within train, validation and test", low=0, high=len(texts.texts)
        ),
        y=Axis(title="Word", scale="category", categories=found.words),
        series=series,
        wide=True,
    )
    facts = [
        Fact(title=word, value=int(n), unit="texts")
        for word, n in zip(found.words, found.present.sum(axis=0), strict=True)
    ]
    full = int(found.present.sum(axis=0).max()) > most
    note = f"Of a word, at most {most} texts are shown, at random." if full else ""
    return Found(panels=[panel], facts=facts[:3], sample=texts.sample, note=note)


def _word_correlation(subject: Subject, texts: Written, chosen: Mapping[str, Any]) -> Found:
    found = count(texts.texts, int(chosen["words"]), LEAST_LETTERS)
    varies = np.ptp(found.present, axis=0) > 0
    names = [word for word, one in zip(found.words, varies, strict=True) if one]
    if len(names) < 2:
        raise Unanswerable(f"{len(names)} words stand in some of the texts only: at least 2 are needed")
    values = correlations(found.present[:, varies], "pearson")
    axis = Axis(title="Word", scale="category", categories=names)
    heat = Heat(name="Phi", values=grid(values), text=written(values), low=-1, high=1, both_sides=True)
    panel = Panel(title="Words that stand together", x=axis, y=axis, series=[heat], wide=True, square=True)
    return Found(panels=[panel], facts=_together(names, values), sample=texts.sample)


def _together(names: Sequence[str], values: Floats) -> list[Fact]:
    rows, columns = np.tril_indices(len(names), -1)
    found = values[rows, columns]
    made = []
    for title, place in (("Most together", found.argmax()), ("Least together", found.argmin())):
        pair = f"{names[columns[place]]} and {names[rows[place]]}"
        made.append(Fact(title=f"{title}: {pair}", value=rounded(found[place])))
    return made


def _parts_of_speech(subject: Subject, texts: Written, chosen: Mapping[str, Any]) -> Found:
    by_group = {
        name: counted(texts.texts[n] for n in np.flatnonzero(mask)) for name, mask in texts.groups.members()
    }
    total: Counter[str] = Counter()
    for one in by_group.values():
        total.update(one)
    if not total:
        raise Unanswerable(f"{len(texts.texts)} texts hold no word")
    kinds = [kind for kind, _ in total.most_common()]
    shares = {name: [one[kind] / max(1, one.total()) for kind in kinds] for name, one in by_group.items()}
    x = Axis(title="Part of speech", scale="category", categories=kinds)
    panels = [
        Panel(
            title="Parts of speech",
            x=x,
            y=Axis(title="Words", low=0),
            series=[Bars(name="words", values=[total[kind] for kind in kinds])],
        ),
        Panel(
            title=f"Parts of speech, {texts.groups.title}",
            x=x,
            y=Axis(title="Share of the group's words", low=0, share=True),
            series=[Bars(name=name, values=cells(share)) for name, share in shares.items()],
        ),
    ]
    facts = [Fact(title="Words", value=total.total())]
    note = f"Told by a lexicon and rules, without a download. Measured: right for {MEASURED}."
    return Found(panels=panels, facts=facts, sample=texts.sample, note=note)


COMPUTATIONS: dict[str, Computation] = {
    "word_frequency": answered(_word_frequency, MOST_TEXTS),
    "text_map": answered(_text_map, MOST_TEXTS),
    "word_dispersion": answered(_word_dispersion, MOST_TEXTS),
    "word_correlation": answered(_word_correlation, MOST_TEXTS),
    "parts_of_speech": answered(_parts_of_speech, MOST_TEXTS),
}
