"""Disturbances of the inputs."""

from lowland.perturbation.attacks import ATTACKS, Attacked, AttackOptions, fgsm, pgd
from lowland.perturbation.ball import Ball
from lowland.perturbation.corruptions import CORRUPTIONS, DETERMINISTIC_CORRUPTIONS, CorruptionOptions, corrupt
from lowland.perturbation.half_life import (
    HalfLife,
    HalfLifeOptions,
    half_life,
    half_life_of_draws,
    half_life_of_scores,
    halfway,
)
from lowland.perturbation.input_noise import (
    INPUT_NOISES,
    FeatureRanges,
    InputNoiseOptions,
    draw,
    gaussian,
    salt_and_pepper,
    uniform,
)
from lowland.perturbation.level_axis import Scale
from lowland.perturbation.sensor_faults import (
    DETERMINISTIC_FAULTS,
    FALLING_FAULTS,
    SENSOR_FAULTS,
    SensorDraw,
    SensorFaultOptions,
    dead_channels,
    draw_sensors,
    gain_drift,
    offset_drift,
    requantization,
    saturation,
)

__all__ = [
    "ATTACKS",
    "CORRUPTIONS",
    "DETERMINISTIC_CORRUPTIONS",
    "DETERMINISTIC_FAULTS",
    "FALLING_FAULTS",
    "INPUT_NOISES",
    "SENSOR_FAULTS",
    "AttackOptions",
    "Attacked",
    "Ball",
    "CorruptionOptions",
    "FeatureRanges",
    "HalfLife",
    "HalfLifeOptions",
    "InputNoiseOptions",
    "Scale",
    "SensorDraw",
    "SensorFaultOptions",
    "corrupt",
    "dead_channels",
    "draw",
    "draw_sensors",
    "fgsm",
    "gain_drift",
    "gaussian",
    "half_life",
    "half_life_of_draws",
    "half_life_of_scores",
    "halfway",
    "offset_drift",
    "pgd",
    "requantization",
    "salt_and_pepper",
    "saturation",
    "uniform",
]
