"""A figure on the page. The key keeps the chart in place when its numbers change."""

from __future__ import annotations

import streamlit as st

from ui.figures.look import Option


def draw(option: Option, key: str, alt: str, height: int = 260) -> None:
    """An ECharts option at `height` pixels; `alt` says in a sentence what it shows."""
    st.echarts_chart(option, height=height, key=key, alt=alt)
