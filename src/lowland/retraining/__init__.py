"""Whether training on what a deployed network answers otherwise makes it answer as its float network does."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.retraining.arms import ARMS, Arm, added_rows
    from lowland.retraining.comparison import AnswersBeside, advantage, changes_of_retraining
    from lowland.retraining.continued import Continuation, Retrained, retrain
    from lowland.retraining.measured_rows import JudgedRows, RetrainedCell, retraining_rows
    from lowland.retraining.options import RetrainingOptions
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "ARMS",
    "AnswersBeside",
    "Arm",
    "Continuation",
    "JudgedRows",
    "Retrained",
    "RetrainedCell",
    "RetrainingOptions",
    "added_rows",
    "advantage",
    "changes_of_retraining",
    "retrain",
    "retraining_rows",
]
