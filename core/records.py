"""The messages that stages leave for one another, besides the events: answers and reports."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

import msgspec


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """What a model says of one event.

    value: the class (bool), the number, or the segment, by task; probability: of the positive class
    (classification only); interval: where the true number lies with 80 % (regression, when known).
    """

    value: bool | int | float
    probability: float | None = None
    interval: tuple[float, float] | None = None


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """By how much one input moved an answer.

    name: dotted path of a field or name of a feature; inputs that act together are joined by " x ".
    value: as the row has it. effect: in log-odds (classification) or in the label's unit (regression).
    """

    name: str
    value: Any
    effect: float


class Prediction(msgspec.Struct, frozen=True, kw_only=True):
    """An answer on the topic `predictions`: given at event time, before the label was known."""

    application: str
    event_id: str
    entity: str
    event_time: datetime
    source_partition: int
    source_offset: int
    model: str
    version: int
    """The snapshot that was newest when the model answered."""
    value: bool | int | float
    probability: float | None
    threshold: float | None
    asked_at: datetime
    """Wall clock, UTC."""


class Judged(msgspec.Struct, frozen=True, kw_only=True):
    """An answer and the label that became known after it."""

    application: str
    event_id: str
    entity: str
    event_time: datetime
    known_time: datetime
    """Event time at which the label was due."""
    model: str
    value: bool | int | float
    probability: float | None
    truth: bool | int | float
    event: dict[str, Any]
    """Without its label."""


class Promotion(msgspec.Struct, frozen=True, kw_only=True):
    """A change of champion."""

    time: datetime | None
    """Of the stream."""
    taught: int
    """Labels known by then."""
    before: str
    after: str
    reason: str


class Standing(msgspec.Struct, kw_only=True):
    """One model of an application's roster: how it does, on the very events that the others had."""

    name: str
    champion: bool
    naive: bool
    """An answer that costs nothing: what the others are measured by."""
    trained: bool
    share: float
    """Of the events, how many it takes: a slow model may be given a fixed share."""
    microseconds: float | None
    """Of a core per event that it took, over its last events; None before the first."""
    bytes: int | None
    """Of the model in the newest snapshot."""
    failures: int
    scores: dict[str, float | None]
    threshold: float | None
    confusion: dict[str, int] = {}
    calibration: list[tuple[float, float, int]] = []
    report: list[ClassScores] = []
    """Per class, at the served threshold."""
    by_delay: list[DelayScores] = []
    estimated: dict[str, Estimate] = {}
    """Metric id -> what the answers that still wait for their label are expected to score."""


class LearnerState(StrEnum):
    """What a learner does, as far as anyone can know it."""

    STARTING = "starting"
    """It waits for its surroundings, or catches up: it has not reached yet where its topic ended when it
    started. `lag` says how much is left, what it only reads again included."""
    LIVE = "live"
    """It has caught up once since it started; after that `lag` says how far behind it is."""
    PAUSED = "paused"
    """Told to stop learning for a while: it lives, and takes no events."""
    FAILED = "failed"
    FINISHED = "finished"
    LOST = "lost"
    """It said it was alive, and its heartbeat has stopped. Only readers derive this state."""


class LearnerReport(msgspec.Struct, kw_only=True):
    """What a learner says of itself every second or so."""

    application: str
    state: LearnerState
    pid: int
    heartbeat: datetime
    champion: str
    version: int
    snapshot_created: datetime | None = None
    asked: int = 0
    taught: int = 0
    pending: int = 0
    """Asked, label not yet due."""
    repeats: int = 0
    """Messages seen twice and passed over."""
    clock: datetime | None = None
    lag: int = 0
    """Messages of the valid topic not yet asked about."""
    rate: float = 0.0
    """Events asked per second, over the last report."""
    run_id: str = ""
    error: str = ""
    threshold: float | None = None
    scores: dict[str, float | None] = {}
    """Metric id -> value of the champion."""
    naive: dict[str, float | None] = {}
    """The same metrics for the roster's first answer that costs nothing."""
    confusion: dict[str, int] = {}
    """tp, fp, tn, fn at the thresholds that were served (classification)."""
    calibration: list[tuple[float, float, int]] = []
    """Mean probability, share of positives, count, per bin (classification)."""
    segments: list[Segment] = []
    """Sizes and profiles (clustering)."""
    models: list[Standing] = []
    """Every model of the roster, as declared."""
    pinned: bool = False
    """The champion was chosen by hand: no promotion by rule."""
    promotions: list[Promotion] = []
    """The latest ones, newest last."""
    estimated: dict[str, Estimate] = {}
    """Metric id -> the champion's estimated quality, before labels come."""
    drift: list[DriftEvent] = []
    """The latest ones, newest last."""
    drifts: dict[str, int] = {}
    """How many there were so far, of "error" and of "input"."""
    without_features: int = 0
    """Events that were asked about before their windowed features came."""
    bad_features: int = 0
    """Messages of the topic `features` that could not be read, since the learner started."""
    reset: str = ""
    """The id of the last reset that was answered, obeyed or refused."""


class Segment(msgspec.Struct, frozen=True, kw_only=True):
    """One group of entities."""

    number: int
    size: int
    profile: dict[str, float]
    """Mean of each input in its own unit."""
    top: dict[str, list[tuple[str, int]]] = {}
    """Categorical field -> the values that its entities' recent events show most, with their counts."""


class TableFigures(msgspec.Struct, frozen=True, kw_only=True):
    """How large a Delta table is."""

    version: int
    files: int
    bytes: int
    """Of the files of this version; older ones wait for the vacuum."""
    rows: int


class UpkeepReport(msgspec.Struct, frozen=True, kw_only=True):
    """The latest round of the tables' upkeep."""

    time: datetime
    """When it ended, UTC."""
    seconds: float
    tables: dict[str, TableFigures]
    """By the table's path below the lake's root."""
    errors: dict[str, str]


def state_now(report: LearnerReport, now: datetime, timeout_seconds: float) -> LearnerState:
    """The state that a reader may believe: a silent learner is lost, whatever it last said."""
    if report.state in (LearnerState.FINISHED, LearnerState.FAILED):
        return report.state
    silent = (now - report.heartbeat).total_seconds()
    return LearnerState.LOST if silent > timeout_seconds else report.state


class ClassScores(msgspec.Struct, frozen=True, kw_only=True):
    """One line of a class report: how well one class was told, at the served threshold."""

    value: bool
    """The class: whether it is the positive one."""
    precision: float | None
    recall: float | None
    f1: float | None
    n: int
    """Answers whose truth it was."""


class DelayScores(msgspec.Struct, frozen=True, kw_only=True):
    """The scores of the answers whose label came after low_s < delay <= high_s seconds of event time."""

    low_s: float
    high_s: float | None
    """None: without end."""
    count: int
    scores: dict[str, float | None]
    """Metric id -> value, the leading metrics only."""


class DriftEvent(msgspec.Struct, frozen=True, kw_only=True):
    """A change that was found on a stream: of a model's error, or of an input."""

    application: str
    model: str = ""
    """Whose error changed; empty for an input."""
    feature: str = ""
    """Which input changed, with "=value" behind the name of a category; empty for an error."""
    time: datetime
    """Event time at which it was found."""
    before: float
    after: float
    """Means of the watched values on either side of the change."""
    magnitude: float
    """after - before in standard deviations of the values before."""
    detector: str


class Estimate(msgspec.Struct, frozen=True, kw_only=True):
    """A score of answers whose labels are not known yet, as far as the answers themselves tell."""

    value: float | None
    """Expected, over the latest answers that were given, most of them not yet labelled."""
    realised: float | None
    """The same score over the latest answers whose labels are known."""
    error: float | None
    """Mean |estimate - realised| over past windows of answers, each estimated before its labels came."""
