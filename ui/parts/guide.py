"""The first minutes: what has happened, what happens now, what comes next."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import streamlit as st

from core.api.status import ApplicationStatus
from core.records import LearnerState
from ui import formats
from ui.parts.health import learning, state


@dataclass(frozen=True, slots=True)
class Step:
    """One step for all applications: how many are through."""

    title: str
    done: int
    total: int
    detail: str

    @property
    def complete(self) -> bool:
        """Whether every application is through."""
        return self.done == self.total


def steps(flows: Iterable[ApplicationStatus]) -> list[Step]:
    """The way of the first events, station by station."""
    known = list(flows)
    stations = (
        ("Events are produced", [flow.produced for flow in known], "events"),
        ("Flink checks them", [flow.valid for flow in known], "valid"),
        ("The lakehouse stores them", [flow.delta_rows for flow in known], "rows in Delta"),
        ("Models are asked", [flow.asked for flow in known], "answers"),
        ("Models are taught", [flow.taught for flow in known], "lessons"),
    )
    found = [
        Step(
            title,
            sum(bool(number) for number in numbers),
            len(known),
            f"{formats.count(sum(number or 0 for number in numbers))} {noun}" if any(numbers) else "waiting",
        )
        for title, numbers, noun in stations
    ]
    busy = sum(learning(flow) or state(flow) == LearnerState.PAUSED for flow in known)
    return [*found, Step("Learners run", busy, len(known), f"{busy} of {len(known)}")]


def arriving(flows: Iterable[ApplicationStatus]) -> bool:
    """Whether some application still waits for its first lesson, with no learner that failed."""
    known = list(flows)
    broken = any(state(flow) in (LearnerState.FAILED, LearnerState.LOST) for flow in known)
    return not broken and not all(step.complete for step in steps(known))


def draw(flows: Iterable[ApplicationStatus]) -> None:
    """The steps with a tick, a spinner on the first open one, and the rest to come."""
    with st.container(border=True):
        st.markdown("**The first events are on their way**")
        st.caption("Nothing to do: the screens fill by themselves. A first start takes a minute or two.")
        open_yet = True
        for step in steps(flows):
            if step.complete:
                icon = ":material/check_circle:"
            elif open_yet:
                icon, open_yet = ":material/pending:", False
            else:
                icon = ":material/radio_button_unchecked:"
            st.markdown(f"{icon} {step.title} :gray[{step.detail}]")
