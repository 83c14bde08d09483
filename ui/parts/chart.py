"""A figure on the page. The key keeps the chart in place when its numbers change."""

from __future__ import annotations

from typing import Literal

import streamlit as st

from ui.figures import look
from ui.figures.look import Option


def draw(
    option: Option,
    key: str,
    alt: str,
    height: int = 260,
    width: int | Literal["stretch"] = "stretch",
    sharp: bool = False,
) -> None:
    """An ECharts option at `height` pixels; `alt` says in a sentence what it shows.

    `sharp` draws shapes (SVG) instead of pixels: it can be saved as such, and costs more with many marks.
    """
    renderer: Literal["svg", "canvas"] = "svg" if sharp else "canvas"
    inked = look.inked(option, st.context.theme.type)
    st.echarts_chart(inked, height=height, width=width, key=key, alt=alt, renderer=renderer)
