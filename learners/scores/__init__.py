"""Scores of answers that were given before the label was known.

asks and labels in order -> follow -> metric id -> value, or None while unknown
"""

from learners.scores.base import BadScores, Scores
from learners.scores.loops import UNCHOSEN
from learners.scores.prequential import build, restore

__all__ = ["UNCHOSEN", "BadScores", "Scores", "build", "restore"]
