"""A computed diagnostic on the page: its facts, its figures in a grid, what they were computed from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import streamlit as st

from core.diagnostics.shapes import Fact, Panel, Result, Sample
from ui import formats
from ui.figures import panels
from ui.parts import chart, numbers, pictures

LONG = 14
"""Letters that a card of a fact has room for in large type."""

NARROW = 2
"""Panels abreast."""


def draw(result: Result) -> None:
    """Everything that a result holds."""
    if result.note:
        st.caption(f":material/info: {result.note}")
    if result.facts:
        _facts(result.facts)
    for n, row in enumerate(rows(result.panels)):
        tall = max(panels.height(panel) for panel in row)
        if len(row) == 1:
            _card(result, row[0], f"{n}-0", tall)
            continue
        for place, (cell, panel) in enumerate(zip(st.columns(NARROW), row, strict=False)):
            with cell:
                _card(result, panel, f"{n}-{place}", tall)
    st.caption(foot(result))


def rows(shown: Sequence[Panel]) -> Iterator[list[Panel]]:
    """Wide panels alone, others two abreast, in their order."""
    waiting: list[Panel] = []
    for panel in shown:
        if panel.wide:
            if waiting:
                yield waiting
            yield [panel]
            waiting = []
            continue
        waiting.append(panel)
        if len(waiting) == NARROW:
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def foot(result: Result) -> str:
    """Which rows, how long, when."""
    said = [sample(result.sample)]
    if result.parameters:
        chosen = ", ".join(f"{formats.words(k).lower()} {v}" for k, v in result.parameters.items() if v != "")
        said.append(chosen)
    said.append(f"computed in {result.seconds:.2g} s")
    said.append(f"{formats.utc(result.computed)} UTC")
    return " · ".join(one for one in said if one)


def sample(one: Sample) -> str:
    """The rows in words: 2,000 of 9,812 test rows, random, seed 42."""
    of = "all" if one.rows >= one.available else f"{formats.count(one.rows)} of"
    how = f", {one.how}" if one.how else ""
    return f"{of} {formats.count(one.available)} {one.split} rows{how}"


def said(fact: Fact) -> str:
    """A fact's value with its unit."""
    match fact.value:
        case None:
            return formats.UNKNOWN
        case float() as value:
            digits = f"{value:,.0f}" if abs(value) >= 1_000 or value % 1 == 0 else f"{value:.4g}"
            return f"{digits} {fact.unit}".strip()
        case int() as value:
            return f"{value:,} {fact.unit}".strip()
        case text:
            return text


def _facts(facts: Sequence[Fact]) -> None:
    with st.grid(min(6, max(4, len(facts))), min_column_width=140, gap="small"):
        for fact in facts:
            _fact(fact.title, said(fact))


def _fact(title: str, text: str) -> None:
    """A metric would cut a long text off."""
    if len(text) <= LONG and len(title) <= 2 * LONG:
        st.metric(title, text, border=True, height="stretch")
        return
    with st.container(border=True, height="stretch", gap="xxsmall"):
        st.markdown(f":small[{title}]")
        st.markdown(f"**{text}**")


def _card(result: Result, panel: Panel, place: str, tall: int) -> None:
    key = f"panel-{result.diagnostic}-{place}"
    sharp = panels.sharp(panel)
    name = f"{result.application}-{result.diagnostic}-{place}"
    with st.container(border=True, height="stretch", gap="xsmall"):
        st.markdown(f"**{panel.title}**")
        with st.container(horizontal_alignment="center"):
            chart.draw(
                panels.option(panel),
                key=key,
                alt=panel.title,
                height=panels.SIDE if panel.square else tall,
                width=panels.SIDE if panel.square else "stretch",
                sharp=sharp,
            )
        # Below the figure: above it, the toolbar that comes with the pointer would cover them.
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.caption(panel.note, width="stretch")
            with st.container(horizontal=True, gap=None, width="content", vertical_alignment="center"):
                pictures.draw(key, panel.title, name, sharp)
                st.download_button(
                    "CSV",
                    lambda: numbers.csv(panel),
                    file_name=f"{name}.csv",
                    mime="text/csv",
                    key=f"{key}-csv",
                    on_click="ignore",
                    type="tertiary",
                )
