"""How a deployed network performs when it, its inputs or its memory are disturbed."""

from lowland.robustness.half_life import (
    HalfLife,
    HalfLifeOptions,
    half_life,
    half_life_of_draws,
    half_life_of_scores,
    halfway,
)
from lowland.robustness.level_axis import Scale
from lowland.robustness.scenario import Disturbed, Scenario
from lowland.robustness.subject import Subject
from lowland.robustness.sweep import sweep

__all__ = [
    "Disturbed",
    "HalfLife",
    "HalfLifeOptions",
    "Scale",
    "Scenario",
    "Subject",
    "half_life",
    "half_life_of_draws",
    "half_life_of_scores",
    "halfway",
    "sweep",
]
