"""What other settings, more rows or fewer inputs would do: the pipeline is fitted again."""

from __future__ import annotations

from core.diagnostics.declared import ANY, Cost, Diagnostic, Parameter, Tab

HYPERPARAMETERS = (
    "automatic",
    "iterations",
    "depth",
    "learning_rate",
    "l2_leaf_reg",
    "class_weights",
    "leaves",
    "l2",
    "least_in_leaf",
    "segments",
    "restarts",
)
"""Of all recipes; a test keeps it in step with them. "automatic": the first one that a tuning would try."""

_AGAIN = (
    "The run's own pipeline is fitted again, with as many trees or segments, on its newest train rows "
    "(at most 20,000), and scored on rows that come later. "
)

DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="cross_validation",
        tab=Tab.SELECTION,
        title="Cross-validation over time",
        question="How much do the scores depend on the time at which the model was fitted and asked?",
        reading=_AGAIN + "Folds follow time, as in use: each is fitted to what was known "
        "before its rows. A later fold has more rows to learn from. Bars that differ by more than two "
        "runs do make a difference between those runs worthless.",
        tasks=ANY,
        cost=Cost.REFIT,
        parameters=(
            Parameter(
                name="folds",
                title="Folds",
                kind="integer",
                default=5,
                low=2,
                high=8,
                help="Blocks of time that are scored",
            ),
        ),
        covers=("Cross-Validation Scores", "CVScores", "time series split"),
        link="https://scikit-learn.org/stable/modules/cross_validation.html#time-series-split",
    ),
    Diagnostic(
        id="learning_curve",
        tab=Tab.SELECTION,
        title="Learning curve",
        question="Would more rows make the model better?",
        reading=_AGAIN + "If the validation line still improves at its end, more rows "
        "help. If it is flat and far from the line of the rows fitted to, the model learns by heart: "
        "fewer or weaker trees help more than rows. For segments: agreement is with those of the run, 1 "
        "means the very same.",
        tasks=ANY,
        cost=Cost.REFIT,
        covers=("Learning Curve", "LearningCurve", "LearningCurveDisplay"),
        link="https://scikit-learn.org/stable/modules/learning_curve.html",
    ),
    Diagnostic(
        id="validation_curve",
        tab=Tab.SELECTION,
        title="Validation curve",
        question="How does one hyperparameter change the scores?",
        reading=_AGAIN + "The best place is where the validation line is best, not the "
        "line of the rows fitted to. Where that line goes on improving while validation gets worse, the "
        "model learns by heart. A flat line: the hyperparameter does not matter here.",
        tasks=ANY,
        cost=Cost.REFIT,
        parameters=(
            Parameter(
                name="hyperparameter",
                title="Hyperparameter",
                kind="choice",
                default="automatic",
                values=HYPERPARAMETERS,
                help="One that the run's recipe has",
            ),
        ),
        covers=("Validation Curve", "ValidationCurve", "ValidationCurveDisplay", "K-elbow by refitting"),
        link="https://scikit-learn.org/stable/modules/learning_curve.html#validation-curve",
    ),
    Diagnostic(
        id="feature_elimination",
        tab=Tab.SELECTION,
        title="Recursive feature elimination",
        question="With how few inputs does the model still work, and which?",
        reading=_AGAIN + "After each fit the least important third of the inputs is "
        "dropped. Where the line bends down, something needed was lost; left of the best point, inputs "
        "only cost.",
        tasks=ANY,
        cost=Cost.REFIT,
        covers=("Recursive Feature Elimination", "RFECV", "RFE"),
        link="https://scikit-learn.org/stable/modules/feature_selection.html#recursive-feature-elimination",
    ),
    Diagnostic(
        id="dropping_curve",
        tab=Tab.SELECTION,
        title="Dropping curve",
        question="How well does the model bear missing inputs, whichever they are?",
        reading=_AGAIN + "Inputs are dropped at random; the band is the range of the "
        "draws. A line that stays flat means inputs can stand in for one another; a wide band means that "
        "single ones carry the model.",
        tasks=ANY,
        cost=Cost.REFIT,
        parameters=(
            Parameter(
                name="draws",
                title="Draws",
                kind="integer",
                default=3,
                low=1,
                high=6,
                help="Random subsets of each size",
            ),
        ),
        covers=("Dropping Curve", "DroppingCurve", "feature dropping"),
    ),
)
