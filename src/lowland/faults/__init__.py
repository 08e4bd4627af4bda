"""Faults in the deployed codes."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.faults.bit_flips import apply_flips, draw_flips, random_flips
    from lowland.faults.dynamic_map import computed_flips, measure_code_vulnerability
    from lowland.faults.flip_map import MapSamples, ScoredTask, measure_vulnerability
    from lowland.faults.flip_map_options import RANKINGS, FlipMapOptions
    from lowland.faults.flip_sample import FlipSample, stratified_flips
    from lowland.faults.flip_sets import FlipDraw, Flips
    from lowland.faults.float_flips import apply_float_flips, draw_float_flips, random_float_flips
    from lowland.faults.measured_rows import Measure
    from lowland.faults.options import MemoryFaultOptions
    from lowland.faults.protection import (
        ProtectionPlan,
        needed_by_simulation,
        protection_plan,
        protection_simulator,
        triplicated_rate,
    )
    from lowland.faults.ranking import flip_scores, recall_at, worst_flips
    from lowland.faults.search import SearchResult, progressive_search
    from lowland.faults.secded import SecdedRates, secded_rates, secded_residual_rate
    from lowland.faults.sensitivity import SingleFlips, clean_metric, flip_sensitivity, single_flips
    from lowland.faults.stuck_at import apply_stuck_bits
    from lowland.faults.sweep import FaultSeries, fault_series
    from lowland.faults.targets import CodeBits
    from lowland.faults.transient import TransientFlips
    from lowland.faults.upsets import adjacent_flips, random_upsets
    from lowland.faults.vulnerability import Vulnerability
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = [
    "RANKINGS",
    "CodeBits",
    "FaultSeries",
    "FlipDraw",
    "FlipMapOptions",
    "FlipSample",
    "Flips",
    "MapSamples",
    "Measure",
    "MemoryFaultOptions",
    "ProtectionPlan",
    "ScoredTask",
    "SearchResult",
    "SecdedRates",
    "SingleFlips",
    "TransientFlips",
    "Vulnerability",
    "adjacent_flips",
    "apply_flips",
    "apply_float_flips",
    "apply_stuck_bits",
    "clean_metric",
    "computed_flips",
    "draw_flips",
    "draw_float_flips",
    "fault_series",
    "flip_scores",
    "flip_sensitivity",
    "measure_code_vulnerability",
    "measure_vulnerability",
    "needed_by_simulation",
    "progressive_search",
    "protection_plan",
    "protection_simulator",
    "random_flips",
    "random_float_flips",
    "random_upsets",
    "recall_at",
    "secded_rates",
    "secded_residual_rate",
    "single_flips",
    "stratified_flips",
    "triplicated_rate",
    "worst_flips",
]
