"""What is to be predicted."""

from __future__ import annotations

from core.declaration import Classification, Clustering, Regression
from core.diagnostics.declared import ANY, Diagnostic, Parameter, Tab

DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="class_balance",
        tab=Tab.TARGET,
        title="Class balance",
        question="How rare is the positive class, and is it as rare in train, validation and test?",
        reading="The error bars are chance alone: parts whose bars do not overlap differ, and so "
        "do scores that depend on the share (precision, average precision). With less than about 50 "
        "positives in a part, its scores are rough.",
        tasks=(Classification,),
        covers=("Class Balance", "ClassBalance"),
    ),
    Diagnostic(
        id="target_distribution",
        tab=Tab.TARGET,
        title="Distribution of the number",
        question="How is the number spread, and is it the same in train, validation and test?",
        reading="Curves that part are a shift from the time of train to that of test: errors "
        "there say little of those to come. A long tail on the right weighs heavily in squared errors.",
        tasks=(Regression,),
        covers=("target distribution", "histogram of the target"),
    ),
    Diagnostic(
        id="cluster_distribution",
        tab=Tab.TARGET,
        title="Sizes of the segments",
        question="How large is each segment, and does it keep its size?",
        reading="A segment far smaller than the others may be a handful of odd rows. Bars that "
        "change from train to test show that the crowd has changed, or that the segments do not fit it "
        "any more.",
        tasks=(Clustering,),
        covers=("Cluster Distribution", "ClassBalance", "segment sizes"),
    ),
    Diagnostic(
        id="target_over_time",
        tab=Tab.TARGET,
        title="Target over time",
        question="Does what is to be told move with time?",
        reading="The marks show where validation and test begin. A level that changes there "
        "explains scores that fall from validation to test; a daily rhythm should be known to the model. "
        "The band is chance alone.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="periods",
                title="Periods",
                kind="integer",
                default=48,
                low=6,
                high=200,
                help="Of equal length, over all rows of the run",
            ),
        ),
        covers=("label drift", "prior shift"),
    ),
    Diagnostic(
        id="mutual_information",
        tab=Tab.TARGET,
        title="Mutual information",
        question="How much does each input alone tell of the target, by any relation?",
        reading="0 tells nothing; the pale bars show what the same measure finds after the "
        "target was shuffled, so only what stands out above them counts. It sees bends and steps that a "
        "correlation misses, but not what two inputs tell together only.",
        tasks=ANY,
        covers=("Feature Correlation (Mutual Info)", "FeatureCorrelation", "mutual information"),
        link="https://scikit-learn.org/stable/modules/feature_selection.html",
    ),
    Diagnostic(
        id="target_correlation",
        tab=Tab.TARGET,
        title="Correlation with the target",
        question="Which inputs rise or fall with the target?",
        reading="Pearson sees straight lines, Spearman any steady rise; where they differ, the "
        "relation bends or has a long tail. A value near 1 on an input that is not known in time would "
        "be a leak. The numbers of segments have no order: there, each cell is the correlation with "
        "being in that segment.",
        tasks=ANY,
        covers=("Feature Correlation (Pearson)", "FeatureCorrelation_Pearson"),
    ),
    Diagnostic(
        id="balanced_binning",
        tab=Tab.TARGET,
        title="Balanced binning",
        question="Where must a number be cut so that every bin holds as many rows?",
        reading="The marks are the edges. The second figure tells what each bin holds of the "
        "target: equal bars mean that the bins tell nothing of it. Without a choice it is the predicted "
        "number that is cut, or, where none is predicted, the most important input.",
        tasks=ANY,
        parameters=(
            Parameter(name="bins", title="Bins", kind="integer", default=4, low=2, high=20),
            Parameter(
                name="input",
                title="Number",
                kind="number",
                default="",
                help="A numeric input; empty: the target, where it is a number",
            ),
        ),
        covers=("Balanced Binning Reference", "BalancedBinningReference", "quantile bins"),
    ),
)
