"""The newest answers as a table; the truth fills in when it is known."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC
from typing import Any, Final

import pandas as pd
import streamlit as st

from core.api.live import RecentAnswer
from core.declaration import Application, Classification, Number, Regression, leaves
from ui import formats
from ui.figures.residuals import SECONDS

ROWS: Final = 50

NEWEST: Final = "Just given"
JUDGED: Final = "Label known"


def frame(application: Application, answers: Sequence[RecentAnswer]) -> pd.DataFrame:
    """One row per answer: when, about whom, a few fields, the answer, the truth."""
    return pd.DataFrame([_row(application, answer) for answer in answers])


def pairs(answers: Sequence[RecentAnswer]) -> list[tuple[float, float]]:
    """Truth and answer of the events whose truth is known."""
    return [(float(answer.truth), float(answer.value)) for answer in answers if answer.truth is not None]


def choose(application: Application) -> bool:
    """The heading, and whether to show the answers that can be judged; those of a clustering never can."""
    if application.label is None:
        st.subheader("Recent answers", anchor=False)
        return False
    left, right = st.columns([3, 2], vertical_alignment="center")
    left.subheader("Recent answers", anchor=False)
    picked = right.segmented_control(
        "Which answers",
        (NEWEST, JUDGED),
        default=NEWEST,
        required=True,
        label_visibility="collapsed",
        key=f"{application.name}:judged",
        width="stretch",
    )
    return picked == JUDGED


def draw(application: Application, answers: Sequence[RecentAnswer]) -> None:
    """The table, or a line that says why there is none."""
    if not answers:
        st.caption(":material/hourglass_empty: No answers yet")
        return
    st.dataframe(
        frame(application, answers),
        hide_index=True,
        height=390,
        placeholder=formats.UNKNOWN,
        column_config=_columns(application),
        key=f"{application.name}:answers",
        alt=f"The newest answers about {application.noun}",
    )
    known = sum(answer.truth is not None for answer in answers)
    st.caption(f"{len(answers)} newest answers, truth known for {known}. {_delay(application)}")


def _row(application: Application, answer: RecentAnswer) -> dict[str, Any]:
    row: dict[str, Any] = {
        "Time (UTC)": answer.event_time.astimezone(UTC).replace(tzinfo=None),
        formats.words(application.key): answer.entity,
    }
    for name in formats.telling_fields(application):
        row[formats.words(name)] = answer.event.get(name)
    match application.task:
        case Classification(label=label):
            word = formats.positive_word(label)
            row["Probability"] = answer.probability
            row["Answer"] = _named(bool(answer.value), word)
            row["Truth"] = None if answer.truth is None else _named(bool(answer.truth), word)
        case Regression(unit=unit):
            scale = 60 if unit == SECONDS else 1
            row["Answer"] = float(answer.value) / scale
            row["Truth"] = None if answer.truth is None else float(answer.truth) / scale
            row["Error"] = (
                None if answer.truth is None else (float(answer.value) - float(answer.truth)) / scale
            )
        case _:
            row["Segment"] = int(answer.value)
    return row


def _named(flag: bool, word: str) -> str:
    return word if flag else f"Not {word.lower()}"


def _columns(application: Application) -> dict[str, Any]:
    config: dict[str, Any] = {"Time (UTC)": st.column_config.DatetimeColumn(format="MMM DD, HH:mm:ss")}
    for path, leaf in leaves(application):
        if path in formats.telling_fields(application) and isinstance(leaf, Number) and leaf.unit:
            title = formats.words(path)
            config[title] = st.column_config.NumberColumn(f"{title} ({leaf.unit})")
    match application.task:
        case Classification():
            config["Probability"] = st.column_config.ProgressColumn(
                min_value=0, max_value=1, format="percent"
            )
        case Regression(unit=unit):
            shown = "min" if unit == SECONDS else unit
            for title in ("Answer", "Truth", "Error"):
                config[title] = st.column_config.NumberColumn(f"{title} ({shown})", format="%.1f")
        case _:
            pass
    return config


def _delay(application: Application) -> str:
    if application.label is None:
        return "There is no label: a segment is a finding, not a forecast."
    if isinstance(application.label_delay, str):
        return "The label is known when the event has ended."
    return f"The label follows {formats.span(application.label_delay.total_seconds())} after the event."
