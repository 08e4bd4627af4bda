"""Faults in the deployed codes."""

from lowland.faults.bit_flips import apply_flips, draw_flips, random_flips
from lowland.faults.flip_sets import FlipDraw, Flips
from lowland.faults.float_flips import apply_float_flips, draw_float_flips, random_float_flips
from lowland.faults.options import BitFlipOptions
from lowland.faults.search import SearchResult, progressive_search
from lowland.faults.secded import SecdedRates, scrubbed_rate, secded_rates, secded_residual_rate
from lowland.faults.stuck_at import apply_stuck_bits
from lowland.faults.sweep import flipped_networks
from lowland.faults.transient import TransientFlips
from lowland.faults.upsets import adjacent_flips, random_upsets

__all__ = [
    "BitFlipOptions",
    "FlipDraw",
    "Flips",
    "SearchResult",
    "SecdedRates",
    "TransientFlips",
    "adjacent_flips",
    "apply_flips",
    "apply_float_flips",
    "apply_stuck_bits",
    "draw_flips",
    "draw_float_flips",
    "flipped_networks",
    "progressive_search",
    "random_flips",
    "random_float_flips",
    "random_upsets",
    "scrubbed_rate",
    "secded_rates",
    "secded_residual_rate",
]
