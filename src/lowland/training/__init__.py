"""Training: one loop, the recipes and their penalties."""

from lowland.training.loop import Training, TrainingData, train
from lowland.training.options import TrainingOptions
from lowland.training.plan import TrainingPlan
from lowland.training.recipes.recipe import Recipe
from lowland.training.regularizers import jacobian_penalty, orthogonality_penalty

__all__ = [
    "Recipe",
    "Training",
    "TrainingData",
    "TrainingOptions",
    "TrainingPlan",
    "jacobian_penalty",
    "orthogonality_penalty",
    "train",
]
