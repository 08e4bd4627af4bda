"""How every kind of step is told in ONNX: one rule a kind, each in the file of its like."""

from lowland.export.onnx_rules import combining, floats, lookup, moving, pooling, rounding, scan, weighted
from lowland.export.onnx_rules.registry import ONNX_RULES, tell_steps

__all__ = [
    "ONNX_RULES",
    "combining",
    "floats",
    "lookup",
    "moving",
    "pooling",
    "rounding",
    "scan",
    "tell_steps",
    "weighted",
]
