"""How good the answers are: classification and regression."""

from __future__ import annotations

from core.declaration import Classification, Regression
from core.diagnostics.declared import Diagnostic, Parameter, Tab

_LEARN = "https://scikit-learn.org/stable/modules/"
_EVALUATION = _LEARN + "model_evaluation.html"

_THRESHOLD = Parameter(
    name="threshold",
    title="Threshold",
    kind="float",
    default=0,
    low=0,
    high=1,
    help="Probability from which an answer is an alarm; 0 takes the one that was chosen at training",
)

_BINS = Parameter(
    name="bins", title="Bins", kind="integer", default=10, low=3, high=50, help="Each holds as many rows"
)

_CLASSIFICATION = (
    Diagnostic(
        id="confusion_matrix",
        tab=Tab.PERFORMANCE,
        title="Confusion matrix",
        question="How often is either class taken for the other?",
        reading="Rows are what happened, columns what was answered; the diagonal is right. With a rare class "
        "look at the shares, row by row: the lower left share is what is missed, the upper right one what is "
        "alarmed for nothing. A higher threshold moves cases from the right column to the left.",
        tasks=(Classification,),
        parameters=(_THRESHOLD,),
        covers=("Confusion Matrix", "normalised confusion matrix", "false positives", "false negatives"),
        link=_EVALUATION + "#confusion-matrix",
    ),
    Diagnostic(
        id="classification_report",
        tab=Tab.PERFORMANCE,
        title="Classification report",
        question="What are precision, recall and F1 of each class, and on how many rows?",
        reading="Precision is the share of the answers that were right, recall the share of the class that "
        "was found, F1 their harmonic mean. The mean of classes counts a rare class as much as a frequent "
        "one. Scores of a class with fewer than about 30 rows say little.",
        tasks=(Classification,),
        parameters=(_THRESHOLD,),
        covers=("Classification Report", "precision, recall, F1 per class", "support"),
        link=_EVALUATION + "#classification-report",
    ),
    Diagnostic(
        id="class_prediction_error",
        tab=Tab.PERFORMANCE,
        title="Class prediction error",
        question="What is each class taken for?",
        reading="One bar per class that happened, cut by what was answered. A bar of one colour is a class "
        "that is always answered alike. The shares show a rare class that the counts hide.",
        tasks=(Classification,),
        parameters=(_THRESHOLD,),
        covers=("Class Prediction Error",),
    ),
    Diagnostic(
        id="roc",
        tab=Tab.PERFORMANCE,
        title="ROC curve",
        question="How well are positives ranked above negatives, whatever the threshold?",
        reading="The area is the probability that a positive gets the higher answer: 0.5 is chance, 1 "
        "perfect. The interval of the area is in brackets. With a rare class the curve flatters: a false "
        "positive rate of 1 % may be more false alarms than there are positives; look at precision and "
        "recall as well.",
        tasks=(Classification,),
        covers=("ROC AUC Curve", "ROC Curve", "ROC Curve (Detailed)", "micro and macro average", "AUC"),
        link=_EVALUATION + "#receiver-operating-characteristic-roc",
    ),
    Diagnostic(
        id="precision_recall",
        tab=Tab.PERFORMANCE,
        title="Precision-recall curve",
        question="How clean are the alarms for the share of positives that they find?",
        reading="Up and to the right is better. Grey curves join points of equal F1, the grey level is "
        "chance. The area (average precision) is the honest figure for rare classes; its interval is in "
        "brackets. A curve that falls at once says that the very highest answers are often wrong.",
        tasks=(Classification,),
        covers=(
            "Precision-Recall Curve",
            "Precision-Recall (Detailed)",
            "average precision",
            "iso-F1 curves",
        ),
        link=_EVALUATION + "#precision-recall-f-measure-metrics",
    ),
    Diagnostic(
        id="threshold_choice",
        tab=Tab.PERFORMANCE,
        title="Threshold choice",
        question="From which probability on should it be an alarm, and how many alarms is that?",
        reading="Computed from validation rows, never from the test rows that scores are reported on. The "
        "queue rate is the share of {noun} that would be alarmed: what people must look at. The marks are "
        "the served threshold and those of the best F1 and F2; where bands overlap, the choice hardly "
        "matters.",
        tasks=(Classification,),
        covers=("Discrimination Threshold", "threshold tuning", "queue rate", "F-beta over threshold"),
        link=_LEARN + "classification_threshold.html",
    ),
    Diagnostic(
        id="calibration",
        tab=Tab.PERFORMANCE,
        title="Calibration curve",
        question="Does a probability of 20 % come true in 20 of 100 cases?",
        reading="Points on the diagonal are honest probabilities; below it the model alarms too loudly, "
        "above it too softly. Bands show how little few rows say. With a rare class read the logarithmic "
        "panel. The histogram shows which probabilities are answered at all.",
        tasks=(Classification,),
        parameters=(_BINS,),
        covers=("Calibration Curve", "reliability diagram", "probability histogram", "Brier score"),
        link=_LEARN + "calibration.html#calibration-curves",
    ),
    Diagnostic(
        id="score_distribution",
        tab=Tab.PERFORMANCE,
        title="Answers of each class",
        question="Where do the probabilities of either class lie?",
        reading="Two hills apart are well told from one another; where they overlap, errors are made. The "
        "mark is the served threshold: what of the positives lies left of it is missed.",
        tasks=(Classification,),
        parameters=(_THRESHOLD,),
        covers=("score distribution per class", "probability histogram per class"),
    ),
    Diagnostic(
        id="det",
        tab=Tab.PERFORMANCE,
        title="DET curve",
        question="What does one kind of error cost in the other, where both are small?",
        reading="Down and to the left is better. On axes of the normal deviate small rates have room, and "
        "normal answers give straight lines; dotted lines are the rates themselves. At the equal error "
        "rate as large a share of either class is wrong.",
        tasks=(Classification,),
        covers=("DET Curve", "detection error trade-off", "equal error rate"),
        link=_EVALUATION + "#detection-error-tradeoff-det",
    ),
    Diagnostic(
        id="ks_statistic",
        tab=Tab.PERFORMANCE,
        title="KS statistic",
        question="How far apart are the answers of the two classes at most?",
        reading="Each curve is the share of its class with at most that probability. The statistic of "
        "Kolmogorov and Smirnov is their largest distance: 0 is no separation, 1 a perfect one. The mark "
        "shows where.",
        tasks=(Classification,),
        covers=("KS Statistic", "Kolmogorov-Smirnov"),
        link="https://en.wikipedia.org/wiki/Kolmogorov%E2%80%93Smirnov_test",
    ),
    Diagnostic(
        id="cumulative_gain",
        tab=Tab.PERFORMANCE,
        title="Cumulative gain",
        question="If only so many {noun} can be looked at, what share of the positives is found?",
        reading="Rows are looked at from the highest answer down. The closer to the perfect line, the less "
        "work finds the same; the diagonal is looking at random.",
        tasks=(Classification,),
        covers=("Cumulative Gain", "gains chart"),
    ),
    Diagnostic(
        id="lift",
        tab=Tab.PERFORMANCE,
        title="Lift curve",
        question="How many times more positives are found than by looking at random?",
        reading="A lift of 10 at 5 % says: the 5 % with the highest answers hold ten times as many "
        "positives as any other 5 %. It falls to 1 where everything is looked at. The left end rests on "
        "few rows.",
        tasks=(Classification,),
        covers=("Lift Curve",),
    ),
    Diagnostic(
        id="precision_at_top",
        tab=Tab.PERFORMANCE,
        title="Precision among the most suspect",
        question="If a team looks at the same number of {noun} every day, how many of them are right?",
        reading="Each day's highest answers are taken. The grey line is the best that is possible: a day "
        "may have fewer positives than are looked at. Days with few rows jump; a steady fall is drift. "
        "Where the test rows span fewer than three days, it is told by the hour or minute.",
        tasks=(Classification,),
        parameters=(
            Parameter(
                name="k",
                title="Looked at per day",
                kind="integer",
                default=5,
                low=1,
                high=10_000,
                help="The rows with the highest probabilities of each day",
            ),
        ),
        covers=("precision at top k", "precision at k", "alert budget"),
    ),
)

_REGRESSION = (
    Diagnostic(
        id="residuals",
        tab=Tab.PERFORMANCE,
        title="Residuals",
        question="Are errors the same for small and large predictions, and on rows that were not learned "
        "from?",
        reading="Residuals are actual minus predicted. A shapeless cloud around 0 is what is wanted; a bend "
        "is something the model does not know, a funnel an error that grows with the prediction. Test "
        "residuals that are much wider than those of train: the model has learned rows by heart.",
        tasks=(Regression,),
        covers=(
            "Residuals Plot",
            "Prediction Error (Residuals)",
            "residual histogram",
            "R2 of train and test",
        ),
        link=_EVALUATION + "#visual-evaluation-of-regression-models",
    ),
    Diagnostic(
        id="prediction_error",
        tab=Tab.PERFORMANCE,
        title="Prediction error",
        question="How close are predictions to what happened?",
        reading="Points on the grey line are exact. A line of best fit that is flatter than it says that "
        "large values are predicted too small and small ones too large.",
        tasks=(Regression,),
        covers=("Prediction Error", "Prediction Error (Actual vs Predicted)", "actual over predicted"),
        link=_EVALUATION + "#visual-evaluation-of-regression-models",
    ),
    Diagnostic(
        id="residual_distribution",
        tab=Tab.PERFORMANCE,
        title="Distribution of residuals",
        question="How large are errors, and are large ones more frequent than chance would have them?",
        reading="Points on the line are normal errors. Ends that bend away from it are heavy tails: rare "
        "errors that are far larger than the usual one. Skewness above 0: it takes longer than said more "
        "often than the other way round.",
        tasks=(Regression,),
        covers=("QQ plot", "residual distribution", "error quantiles"),
    ),
    Diagnostic(
        id="error_tolerance",
        tab=Tab.PERFORMANCE,
        title="Share within a tolerance",
        question="What share of the answers is at most so far off?",
        reading="Further to the left is better. The grey line is the answer that costs nothing: a model "
        "that is worth its cost stays left of it everywhere.",
        tasks=(Regression,),
        covers=(
            "relative errors",
            "error cumulative distribution",
            "REC curve",
            "percentage within tolerance",
        ),
    ),
    Diagnostic(
        id="prediction_bins",
        tab=Tab.PERFORMANCE,
        title="Calibration of numbers",
        question="Is a prediction right on average, wherever it lies?",
        reading="Each point is the mean of rows with similar predictions; the band holds 80 % of them. A "
        "mean off the grey line is a bias that could be corrected; a band that widens is noise that could "
        "not.",
        tasks=(Regression,),
        parameters=(_BINS,),
        covers=("calibration of a regression", "bias by prediction"),
    ),
    Diagnostic(
        id="interval_coverage",
        tab=Tab.PERFORMANCE,
        title="Coverage of intervals",
        question="Does an interval that promises 80 % hold 80 % of what happens, and how wide is it?",
        reading="Intervals are made from the errors on validation rows, the larger the prediction the "
        "wider, and tried on test rows. Below the grey line they promise too much: errors have grown "
        "since. The second figure shows how wide they must be. Where the model answers with an interval of "
        "its own, its coverage stands beside.",
        tasks=(Regression,),
        covers=("prediction intervals", "conformal coverage", "uncertainty"),
    ),
)

DECLARED: tuple[Diagnostic, ...] = _CLASSIFICATION + _REGRESSION
