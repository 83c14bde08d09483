"""The live models over time."""

from __future__ import annotations

from core.declaration import Classification
from core.diagnostics.declared import ANY, LABELLED, Diagnostic, Parameter, Tab

_ROWS = Parameter(
    name="rows",
    title="Answers",
    kind="integer",
    default=10_000,
    low=100,
    high=200_000,
    help="The newest answers whose label is known by now",
)

DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="live_scores",
        tab=Tab.LIVE,
        title="Scores over time",
        question="How have the live models done, and did anything change?",
        reading="Scores are of answers that were given before the label was known. The champion should stay "
        "better than the naive answer. Marks are changes of champion and changes that were found in the "
        "error; a curve that jumps without a mark may be a rare class with few labels.",
        tasks=ANY,
        covers=(
            "incremental model plots",
            "champion and challengers over time",
            "metric history",
            "drift marks",
        ),
    ),
    Diagnostic(
        id="live_reliability",
        tab=Tab.LIVE,
        title="Reliability of the live model",
        question="Do the live answers come true as often, or as much, as they say?",
        reading="As the calibration of a batch model, but of the answers that the live champion gave to the "
        "newest {noun}. Off the diagonal of late while it was on it before: the world has moved.",
        tasks=LABELLED,
        parameters=(_ROWS,),
        covers=("calibration of the incremental model", "live reliability diagram"),
    ),
    Diagnostic(
        id="live_threshold",
        tab=Tab.LIVE,
        title="Threshold of the live model",
        question="Which threshold would have served best of late, and how many alarms is that?",
        reading="Scores over the threshold, of answers that the live champion gave before the labels were "
        "known. The best threshold is chosen on these very answers, so what it would have scored flatters "
        "a little.",
        tasks=(Classification,),
        parameters=(_ROWS,),
        covers=("threshold choice for the incremental model", "live queue rate"),
    ),
    Diagnostic(
        id="live_drift",
        tab=Tab.LIVE,
        title="Changes on the stream",
        question="Which inputs, or whose errors, have changed, when, and by how much?",
        reading="Each dot is a change that a detector found; larger dots are larger changes. Changes of "
        "inputs alone need not hurt; a change of the error does. Many inputs at one time point to one "
        "cause.",
        tasks=ANY,
        covers=("drift plots", "concept drift", "data drift over time", "ADWIN"),
    ),
    Diagnostic(
        id="live_delay",
        tab=Tab.LIVE,
        title="Scores by delay",
        question="Are answers whose label came late worse than the others?",
        reading="Labels that take longer are learned from later, and often belong to other cases: long "
        "trips, late reports. A score that falls with the delay says what the model can't know yet.",
        tasks=LABELLED,
        covers=("score by label delay", "late labels"),
    ),
)
