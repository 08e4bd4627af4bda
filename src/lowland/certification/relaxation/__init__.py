"""Bounds of a network's results for all weights, biases and inputs of boxes at once: intervals and linear bounds."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.certification.relaxation.enclosure import Enclosure
    from lowland.certification.relaxation.interval import Interval
    from lowland.certification.relaxation.intervals import interval_bounds
    from lowland.certification.relaxation.linear_bounds import Method, enclose, smallest
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["Enclosure", "Interval", "Method", "enclose", "interval_bounds", "smallest"]
