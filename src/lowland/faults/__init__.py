"""Faults in the deployed codes."""

from lowland.faults.bit_flips import (
    FlipDraw,
    Flips,
    apply_flips,
    apply_float_flips,
    draw_flips,
    draw_float_flips,
    random_flips,
    random_float_flips,
)
from lowland.faults.options import BitFlipOptions
from lowland.faults.sweep import flipped_networks

__all__ = [
    "BitFlipOptions",
    "FlipDraw",
    "Flips",
    "apply_flips",
    "apply_float_flips",
    "draw_flips",
    "draw_float_flips",
    "flipped_networks",
    "random_flips",
    "random_float_flips",
]
