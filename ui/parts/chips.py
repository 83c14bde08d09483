"""A learner's state as a small chip; only trouble has a colour of its own."""

from __future__ import annotations

from typing import Final

from core.records import LearnerState

_CHIPS: Final[dict[str, tuple[str, str, str]]] = {
    LearnerState.LIVE: ("blue", "sensors", "Live"),
    LearnerState.STARTING: ("gray", "hourglass_empty", "Starting"),
    LearnerState.PAUSED: ("gray", "pause_circle", "Paused"),
    LearnerState.FINISHED: ("gray", "stop_circle", "Finished"),
    LearnerState.FAILED: ("red", "error", "Failed"),
    LearnerState.LOST: ("orange", "signal_disconnected", "Lost"),
}


def chip(state: str | None) -> str:
    """Markdown of the chip; an unknown state shows as it was said."""
    color, icon, word = _CHIPS.get(state or "", ("gray", "question_mark", (state or "unknown").capitalize()))
    return f":{color}-badge[:material/{icon}: {word}]"
