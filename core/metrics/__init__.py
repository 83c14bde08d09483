"""What each score means: one entry per metric, for learners, batch trainings, the API and the screens.

metrics(task): of live models, prequential;  batch_metrics(task): of a trained model on held-out rows
"""

from core.metrics.held_out import batch_metrics
from core.metrics.metric import Better, Metric, Span
from core.metrics.prequential import metrics, rolling

__all__ = ["Better", "Metric", "Span", "batch_metrics", "metrics", "rolling"]
