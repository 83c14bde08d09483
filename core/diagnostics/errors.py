"""Where and when the answers are wrong."""

from __future__ import annotations

from core.declaration import Regression
from core.diagnostics.declared import LABELLED, Diagnostic, Parameter, Tab

_SHAP = "https://catboost.ai/docs/en/concepts/shap-values"

_INPUT = Parameter(
    name="input",
    title="Input",
    kind="input",
    default="",
    help="Whose values or ranges are compared; empty takes those that matter most",
)

_BINS = Parameter(
    name="bins",
    title="Parts of a number's range",
    kind="integer",
    default=8,
    low=2,
    high=24,
    help="Each holds about as many rows; a number with few values is cut by value",
)

DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="errors_by_segment",
        tab=Tab.ERRORS,
        title="Errors by segment",
        question="For which {noun} is the model worse than elsewhere?",
        reading="Each bar is the mean loss of the rows with that value, with its interval and number of "
        "rows. A slice whose whole interval lies beyond the mark of all rows is worse indeed; the bias "
        "tells in which direction. Without a chosen input the worst slices of all inputs are shown.",
        tasks=LABELLED,
        parameters=(_INPUT, _BINS),
        covers=(
            "slice analysis",
            "error analysis",
            "metrics per segment",
            "fairness by group",
            "worst slices",
        ),
    ),
    Diagnostic(
        id="errors_over_time",
        tab=Tab.ERRORS,
        title="Errors over time",
        question="Does the model get worse as time goes on?",
        reading="The test rows come after those that the model learned from. A loss that climbs from left "
        "to right is a world that changes: train again, or more often. The second figure shows whether "
        "what happened has changed, and whether the answers followed.",
        tasks=LABELLED,
        covers=("errors over time", "performance drift", "decay of the model", "backtest"),
    ),
    Diagnostic(
        id="residuals_by_input",
        tab=Tab.ERRORS,
        title="Residuals by input",
        question="Is there an hour, a weather, a distance at which predictions are off in one direction?",
        reading="Bars are median residuals, actual minus predicted; whiskers hold the middle 80 %. A bar "
        "far from 0 is a bias that the model could have learned; long whiskers are noise. Without a chosen "
        "input the three that matter most to the model are shown.",
        tasks=(Regression,),
        parameters=(_INPUT, _BINS),
        covers=("residuals by hour", "residuals by weather", "residuals by distance", "partial residuals"),
    ),
    Diagnostic(
        id="naive_wins",
        tab=Tab.ERRORS,
        title="Where naive wins",
        question="Are there {noun} for which an answer that costs nothing would have been better?",
        reading="How much of the naive answer's error the model saves, in the slices where it saves least. "
        "Bars left of 0 are slices where the naive answer is better; if the whole interval is, beyond "
        "doubt. Look for what the model does not know there, or for too few rows in training.",
        tasks=LABELLED,
        parameters=(_BINS,),
        covers=("comparison with a baseline", "skill score by slice", "naive baseline"),
    ),
    Diagnostic(
        id="worst_answers",
        tab=Tab.ERRORS,
        title="Worst answers",
        question="Which {noun} was the model most wrong about?",
        reading="Each point tells who, when, and the inputs that matter most. Look for what they share: a "
        "wrong label, a value that never occurred in training, a case that the inputs can't tell. If few "
        "rows hold most of the loss, they matter more than any tuning.",
        tasks=LABELLED,
        parameters=(
            Parameter(
                name="rows", title="Rows", kind="integer", default=40, low=5, high=200, help="How many"
            ),
        ),
        covers=(
            "worst predictions",
            "largest errors",
            "outliers",
            "false positives and negatives one by one",
        ),
    ),
    Diagnostic(
        id="shap_summary",
        tab=Tab.ERRORS,
        title="SHAP summary",
        question="Which inputs move the answers, and in which direction?",
        reading="Inputs with long bars matter most. In the cloud each point is a row: right of 0 the input "
        "raised that answer, left of 0 it lowered it. High values all on one side: the more, the higher. "
        "Values of a category have no order; point at one to see it.",
        tasks=LABELLED,
        covers=("SHAP", "beeswarm", "feature attributions", "Shapley values"),
        link=_SHAP,
    ),
    Diagnostic(
        id="shap_row",
        tab=Tab.ERRORS,
        title="Explanation of one answer",
        question="Why did the model answer that to this row?",
        reading="Each bar is what one input added to the usual answer or took from it, for this very row; "
        "together they lead from the usual answer to this one, as the steps show. Row 0 is the one with "
        "the largest error.",
        tasks=LABELLED,
        parameters=(
            Parameter(
                name="row",
                title="Test row",
                kind="integer",
                default=0,
                low=0,
                high=10_000_000,
                help="Its place among the test rows, the oldest is 1; 0 takes the worst answer",
            ),
        ),
        covers=("SHAP waterfall", "local explanation", "per-row explanation", "force plot"),
        link=_SHAP,
    ),
)
