"""The online models, below the stages: learners teach them, serving asks them.

build(application) -> a fresh model;  restore(application, name, data) -> one that goes on from its bytes
"""

from models.base import OnlineModel, answer, nested, row
from models.roster import build, restore

__all__ = ["OnlineModel", "answer", "build", "nested", "restore", "row"]
