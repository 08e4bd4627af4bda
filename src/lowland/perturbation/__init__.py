"""Disturbances of the inputs."""

from lowland.perturbation.attacks import ATTACKS, Attacked, AttackOptions, Effort, fgsm, pgd
from lowland.perturbation.ball import Ball
from lowland.perturbation.image_corruptions import IMAGE_CORRUPTIONS, ImageCorruptionOptions, corrupt
from lowland.perturbation.input_noise import (
    INPUT_NOISES,
    FeatureRanges,
    InputNoiseOptions,
    draw,
    gaussian,
    salt_and_pepper,
    uniform,
)
from lowland.perturbation.sensor_faults import (
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
from lowland.perturbation.token_corruptions import (
    TOKEN_CORRUPTIONS,
    TokenCorruptionOptions,
    TokenDraw,
    draw_tokens,
    truncation,
    typing_errors,
    unknown_words,
)

__all__ = [
    "ATTACKS",
    "IMAGE_CORRUPTIONS",
    "INPUT_NOISES",
    "SENSOR_FAULTS",
    "TOKEN_CORRUPTIONS",
    "AttackOptions",
    "Attacked",
    "Ball",
    "Effort",
    "FeatureRanges",
    "ImageCorruptionOptions",
    "InputNoiseOptions",
    "SensorDraw",
    "SensorFaultOptions",
    "TokenCorruptionOptions",
    "TokenDraw",
    "corrupt",
    "dead_channels",
    "draw",
    "draw_sensors",
    "draw_tokens",
    "fgsm",
    "gain_drift",
    "gaussian",
    "offset_drift",
    "pgd",
    "requantization",
    "salt_and_pepper",
    "saturation",
    "truncation",
    "typing_errors",
    "uniform",
    "unknown_words",
]
