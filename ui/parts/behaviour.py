"""What the members of an answer's segment do: the values that their recent events show most."""

from __future__ import annotations

from collections.abc import Sequence

import streamlit as st

from core.api.predict import PredictAnswer
from core.declaration import Application
from core.records import Segment
from ui import formats
from ui.figures import segments as figures
from ui.parts import chart
from ui.parts.opinions import LIVE


def draw(
    application: Application, replies: Sequence[tuple[str, PredictAnswer]], segments: Sequence[Segment]
) -> None:
    """One chart per model that can tell, of a field that a person picks; nothing where none can."""
    own = [(who, segment) for who, reply in replies if (segment := of(who, reply, segments)) and segment.top]
    fields = list(dict.fromkeys(field for _, segment in own for field in segment.top))
    if not fields:
        return
    with st.container(border=True):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.markdown("**What its members do**", width="content")
            field = st.selectbox(
                "Field",
                fields,
                format_func=formats.words,
                key=f"{application.name}:behaviour",
                persist_state="session",
                label_visibility="collapsed",
                width=220,
            )
        with st.grid(len(own), min_column_width=260, gap="small"):
            for who, segment in own:
                with st.container(gap="xsmall"):
                    st.caption(f"{who}, segment {segment.number}")
                    chart.draw(
                        figures.behaviour(segment, field),
                        key=f"{application.name}:behaviour:{who}",
                        alt=f"{formats.words(field)} in segment {segment.number}",
                        height=8 + figures.ROW * max(1, len(segment.top.get(field, []))),
                    )


def of(who: str, reply: PredictAnswer, segments: Sequence[Segment]) -> Segment | None:
    """An answer's segment; the learner's report knows those of the live model."""
    if reply.segment is not None or who != LIVE:
        return reply.segment
    return next((one for one in segments if one.number == int(reply.answer.value)), None)
