"""How good a clustering is."""

from __future__ import annotations

from core.declaration import Clustering
from core.diagnostics.declared import Cost, Diagnostic, Parameter, Tab

_CLUSTERING = "https://scikit-learn.org/stable/modules/clustering.html"

_MOST = Parameter(
    name="most",
    title="Most segments",
    kind="integer",
    default=12,
    low=3,
    high=20,
    help="Numbers from 2 to this are tried",
)

DECLARED: tuple[Diagnostic, ...] = (
    Diagnostic(
        id="silhouette",
        tab=Tab.PERFORMANCE,
        title="Silhouette",
        question="How well does every row fit its segment?",
        reading="A row's silhouette is near 1 deep within its segment, 0 on a border, and below 0 where "
        "another segment would be nearer. Broad shapes above the mean are good segments; one that falls "
        "below 0 at its end is mixed with its neighbour. Behaviour seldom forms islands: values around 0.2 "
        "are usual.",
        tasks=(Clustering,),
        covers=("Silhouette", "SilhouetteVisualizer", "silhouette per cluster"),
        link=_CLUSTERING + "#silhouette-coefficient",
    ),
    Diagnostic(
        id="elbow",
        tab=Tab.PERFORMANCE,
        title="Elbow",
        question="How many segments are worth having?",
        reading="The run's pipeline is fitted again for each number. Inertia falls with almost every "
        "further segment; where it stops falling fast is the bend. A silhouette that peaks at 2 prefers "
        "coarse groups and need not be right: look at the stability as well.",
        tasks=(Clustering,),
        cost=Cost.REFIT,
        parameters=(_MOST,),
        covers=("K-Elbow", "Elbow Curve", "choice of K", "knee", "inertia"),
        link=_CLUSTERING + "#k-means",
    ),
    Diagnostic(
        id="segment_stability",
        tab=Tab.PERFORMANCE,
        title="Stability over K",
        question="Would other customers of the same kind have given the same segments?",
        reading="The run's pipeline is fitted again to different halves of the training rows, and asked "
        "about the same test rows. An index of 1 is the same grouping, 0 chance agreement. Take the "
        "largest number that is still stable; segments that vanish with other rows mean nothing.",
        tasks=(Clustering,),
        cost=Cost.REFIT,
        parameters=(_MOST,),
        covers=("cluster stability", "adjusted Rand index", "choice of K by stability"),
        link=_CLUSTERING + "#adjusted-rand-score",
    ),
    Diagnostic(
        id="intercluster_distance",
        tab=Tab.PERFORMANCE,
        title="Intercluster distance",
        question="Which segments are close to one another, and how large are they?",
        reading="Bubbles stand as far apart as the segments' middles do, as well as two dimensions can "
        "tell: the share that they keep is given. Overlapping bubbles need not overlap in the full space; "
        "the table of distances does not leave anything out.",
        tasks=(Clustering,),
        covers=("Intercluster Distance", "MDS of cluster centres", "cluster map"),
    ),
    Diagnostic(
        id="segment_sizes",
        tab=Tab.PERFORMANCE,
        title="Sizes of segments",
        question="How many rows are in each segment, and does that change over time?",
        reading="Bars of a segment are of equal height where its share stays the same from training to "
        "test. One that grows is a kind of behaviour on the rise, or a model that no longer fits.",
        tasks=(Clustering,),
        covers=("Cluster Distribution", "cluster sizes"),
    ),
    Diagnostic(
        id="personas",
        tab=Tab.PERFORMANCE,
        title="Persona profiles",
        question="What is typical of each segment?",
        reading="Each column is a segment, each row an input, those in which segments differ most first. "
        "Colours are standard deviations above or below the mean of all; texts are means in the input's "
        "own unit. A segment without strong colours is the average and needs no name.",
        tasks=(Clustering,),
        covers=("persona profiles", "cluster profiles", "segment profiles", "cluster centres"),
    ),
)
