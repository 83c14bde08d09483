"""The stack in one line, and what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

from core.api.status import ApplicationStatus, PartStatus, StatusAnswer
from core.declaration import Application
from core.records import LearnerState
from ui import formats
from ui.figures.flow import TOO_MANY_REJECTED, rejected_share

HEALTHY: Final = frozenset({"running", "ready", "ok", "up"})
COMING: Final = frozenset({"starting", "waiting", "installing", "backfilling"})


@dataclass(frozen=True, slots=True)
class Health:
    """One line for people, and one sentence per trouble."""

    line: str
    troubles: tuple[str, ...]


def health(status: StatusAnswer, applications: Mapping[str, Application]) -> Health:
    """Judges a status; applications that it does not mention count as not learning."""
    now = status.time or datetime.now(UTC)
    flows = {name: status.applications.get(name, ApplicationStatus()) for name in applications}
    busy = sum(map(learning, flows.values()))
    rates = [flow.rate for flow in flows.values() if flow.rate is not None]
    moments = [flow.last_event_time for flow in flows.values() if flow.last_event_time]
    away = (f"{name} is away: {reason}" for name, reason in status.away.items())
    troubles = (*_learners(flows, applications), *_parts(status.parts), *away)
    said = [
        _learning(busy, len(flows)),
        f"{formats.rate(sum(rates) if rates else None)} events/s",
        f"oldest data {formats.since(min(moments) if moments else None, now)}",
        _trouble(len(troubles)),
    ]
    return Health(", ".join(said), troubles)


def state(flow: ApplicationStatus) -> str | None:
    """What the application's learner does, as far as anyone knows."""
    return flow.learner.state if flow.learner else None


def learning(flow: ApplicationStatus) -> bool:
    """Whether the learner takes events: it is live, or catches up after a start."""
    return state(flow) == LearnerState.LIVE or (state(flow) == LearnerState.STARTING and bool(flow.lag))


def healthy(part: PartStatus) -> bool:
    """Whether a part runs, or is on its way."""
    return (part.state or "").lower() in HEALTHY | COMING and not part.error


def _learning(learning: int, total: int) -> str:
    noun = "application" if total == 1 else "applications"
    return f"{learning} {noun} learning" if learning == total else f"{learning} of {total} {noun} learning"


def _trouble(count: int) -> str:
    match count:
        case 0:
            return "no trouble"
        case 1:
            return "1 trouble"
        case _:
            return f"{count} troubles"


def _learners(
    flows: Mapping[str, ApplicationStatus], applications: Mapping[str, Application]
) -> Iterator[str]:
    for name, flow in flows.items():
        title, learner = applications[name].title, flow.learner
        if learner and learner.state == LearnerState.FAILED:
            yield f"{title}: the learner failed. {learner.error or ''}".strip()
        elif learner and learner.state == LearnerState.LOST:
            yield f"{title}: the learner has fallen silent."
        refused = rejected_share(flow)
        if refused is not None and refused > TOO_MANY_REJECTED:
            yield f"{title}: {formats.share(refused)} of the events are rejected{_reason(flow)}."


def _reason(flow: ApplicationStatus) -> str:
    reasons = flow.rejected_by_reason or {}
    return f", most for {max(reasons, key=lambda name: reasons[name])!r}" if reasons else ""


def _parts(parts: Mapping[str, PartStatus]) -> Iterator[str]:
    for name, part in parts.items():
        if not healthy(part):
            yield f"{name} is {part.state or 'unknown'}." + (f" {part.error}" if part.error else "")
