"""What the inputs look like, and what the model makes of them."""

from __future__ import annotations

from core.diagnostics.declared import ANY, Diagnostic, Parameter, Tab

_PAIR = (
    Parameter(
        name="x",
        title="Across",
        kind="number",
        default="",
        help="A numeric input; empty: the most important one",
    ),
    Parameter(
        name="y",
        title="Upwards",
        kind="number",
        default="",
        help="Another numeric input; empty: the next important one",
    ),
)

_INPUT = Parameter(
    name="input", title="Input", kind="input", default="", help="Empty: the four most important ones"
)

_PDP = "https://scikit-learn.org/stable/modules/partial_dependence.html"
_MAPS = "https://scikit-learn.org/stable/modules/manifold.html"

_ALONE = (
    Diagnostic(
        id="rank_1d",
        tab=Tab.FEATURES,
        title="Shape of each number",
        question="Which numbers are far from a normal distribution?",
        reading="Shapiro-Wilk's W is 1 for a normal distribution. Being normal is no quality: "
        "trees do not care at all, and a clustering cares for the scale and for long tails only. A "
        "skewness far above 0 on an input of a model that measures distances is a reason to take its "
        "logarithm.",
        tasks=ANY,
        covers=("Rank 1D", "Rank1D", "Shapiro-Wilk ranking", "normality", "skewness"),
    ),
    Diagnostic(
        id="distributions",
        tab=Tab.FEATURES,
        title="Distributions by group",
        question="How does an input differ between the classes, the quarters of the number, or the segments?",
        reading="Every group's curve has the area 1, so a rare class can be compared with a "
        "common one. Where the curves part, the input tells the groups apart; where they lie on one "
        "another, it tells nothing by itself.",
        tasks=ANY,
        parameters=(_INPUT,),
        covers=("feature distributions", "histogram by class", "cluster profiles by input"),
    ),
    Diagnostic(
        id="feature_importances",
        tab=Tab.FEATURES,
        title="Importances of the inputs",
        question="Which inputs do the model's answers rest on?",
        reading="By permutation: how much worse the answers to validation rows get when one "
        "input's values are dealt out anew (for segments: how many rows change theirs); the range is "
        "that of the repeats. CatBoost's own figures tell how much answers move with an input, right or "
        "wrong. Of inputs that say the same, each looks unimportant. An input at 0 can be dropped.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="repeats",
                title="Repeats",
                kind="integer",
                default=3,
                low=1,
                high=10,
                help="How often each input is shuffled",
            ),
        ),
        covers=("Feature Importances", "FeatureImportances", "permutation importance"),
        link="https://scikit-learn.org/stable/modules/permutation_importance.html",
    ),
)

_TOGETHER = (
    Diagnostic(
        id="rank_2d",
        tab=Tab.FEATURES,
        title="Correlation of the inputs",
        question="Which inputs say the same?",
        reading="Dark cells off the diagonal are pairs that rise together (or, in the other "
        "colour, against each other). Pearson sees straight lines, Spearman any steady rise; association "
        "also takes categories and has no sign. Two inputs near 1 share their importance, and one of "
        "them may be dropped.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="method",
                title="Measure",
                kind="choice",
                default="pearson",
                values=("pearson", "spearman", "association"),
                help="Association: |Spearman|, eta and Cramer's V, with categories",
            ),
        ),
        covers=("Rank 2D", "Rank2D", "correlation matrix", "Cramer's V", "Pearson ranking"),
    ),
    Diagnostic(
        id="joint_plot",
        tab=Tab.FEATURES,
        title="Two inputs together",
        question="How do two numbers go together, and how is each spread?",
        reading="A narrow band is a strong relation; Pearson tells how straight it is, Spearman "
        "how steady. Look for corners where one group stands alone, and for values that no row should "
        "have.",
        tasks=ANY,
        parameters=_PAIR,
        covers=("Joint Plot", "JointPlot", "scatter with marginal histograms"),
    ),
    Diagnostic(
        id="pca_projection",
        tab=Tab.FEATURES,
        title="Principal components",
        question="Do the groups stand apart along the directions in which rows differ most?",
        reading="Each dot is a row, every input scaled to the same spread. Groups that part here "
        "can be told by a sum of inputs; groups that overlap here may still part in other directions, so "
        "look at the share of the variance that these two show. The weights say what the directions are "
        "made of.",
        tasks=ANY,
        covers=("PCA Decomposition", "PCA", "PCA 2D Projection", "PCA2DProjection"),
    ),
    Diagnostic(
        id="pca_variance",
        tab=Tab.FEATURES,
        title="Variance by component",
        question="In how many directions do the rows really differ?",
        reading="The line climbs to 100 %. If few components reach the mark, inputs repeat one "
        "another; if it climbs evenly, each tells something of its own.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="target",
                title="Share of the variance",
                kind="float",
                default=0.9,
                low=0.5,
                high=0.99,
                help="The mark to reach; 0.8 to 0.9 is usual",
            ),
        ),
        covers=("PCA Component Variance", "PCAComponentVariance", "explained variance", "scree plot"),
    ),
    Diagnostic(
        id="manifold",
        tab=Tab.FEATURES,
        title="Map of the rows",
        question="Do rows of one group lie near one another, taking all numbers together?",
        reading="Near dots are alike. Distances between islands, their sizes and the directions "
        "mean nothing. Islands of one colour are groups that a model can tell; a mix of colours is one "
        "that it can't from these inputs.",
        tasks=ANY,
        parameters=(
            Parameter(
                name="method",
                title="Method",
                kind="choice",
                default="t-SNE",
                values=("t-SNE", "UMAP"),
                help="UMAP takes half a minute the first time on a machine, while it is compiled",
            ),
            Parameter(
                name="neighbours",
                title="Neighbours",
                kind="integer",
                default=30,
                low=5,
                high=100,
                help="How many rows count as near; t-SNE calls it the perplexity",
            ),
            Parameter(name="rows", title="Rows", kind="integer", default=700, low=100, high=1500),
        ),
        covers=("Manifold", "t-SNE", "UMAP", "manifold visualisation"),
        link=_MAPS,
    ),
    Diagnostic(
        id="parallel_coordinates",
        tab=Tab.FEATURES,
        title="Parallel coordinates",
        question="Which combinations of values belong to a group?",
        reading="Each line is a row over the ten inputs that part the groups best. Bundles of "
        "one colour are its typical combination; where all colours cross an axis alike, that input does "
        "not help.",
        tasks=ANY,
        covers=("Parallel Coordinates", "ParallelCoordinates"),
    ),
    Diagnostic(
        id="radviz",
        tab=Tab.FEATURES,
        title="RadViz",
        question="Which inputs pull a group to their side?",
        reading="Inputs stand around the circle and pull each row by its value, from the "
        "smallest to the largest. A group near an input has high values of it compared with the others; "
        "rows in the middle are pulled evenly.",
        tasks=ANY,
        covers=("RadViz", "radial visualisation"),
    ),
)

_ANSWERS = (
    Diagnostic(
        id="partial_dependence",
        tab=Tab.FEATURES,
        title="Partial dependence",
        question="How does the answer change when one input changes?",
        reading="The run's own model answers validation rows with that input set to each value "
        "in turn: the line is the mean, the band holds 80 % of the rows. A flat line: the model ignores "
        "it on average. A wide band: its effect depends on the other inputs. Where inputs go together, "
        "some of the rows asked about never occur.",
        tasks=ANY,
        parameters=(_INPUT,),
        covers=("Partial Dependence", "PartialDependenceDisplay", "PDP", "ICE"),
        link=_PDP,
    ),
    Diagnostic(
        id="decision_boundary",
        tab=Tab.FEATURES,
        title="Decision surface of two numbers",
        question="What does the model answer over two numbers, all else being usual?",
        reading="The surface is what the run's own model answers with all other inputs at their "
        "median or most frequent value; no second model is fitted. Dots are real rows, whose other "
        "inputs differ: a dot on the wrong colour is no error by itself. Steps are the splits of trees.",
        tasks=ANY,
        parameters=_PAIR,
        covers=("Decision Boundary", "DecisionBoundaryDisplay"),
    ),
)

DECLARED: tuple[Diagnostic, ...] = (*_ALONE, *_TOGETHER, *_ANSWERS)
