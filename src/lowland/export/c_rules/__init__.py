"""How every kind of step is told in C: one rule a kind, each in the file of its like, and the templates they fill."""

from lowland.export.c_rules import combining, lookup, moving, pooling, rounding, scan, weighted
from lowland.export.c_rules.registry import C_RULES, tell_steps

__all__ = ["C_RULES", "combining", "lookup", "moving", "pooling", "rounding", "scan", "tell_steps", "weighted"]
