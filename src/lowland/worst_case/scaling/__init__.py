"""Channels of a float network rescaled without changing its function: an attack on dynamic scales, and its inverse."""

from typing import TYPE_CHECKING

from lowland.lazy import lazy_names

if TYPE_CHECKING:
    from lowland.worst_case.scaling.drowning import drowned_network
    from lowland.worst_case.scaling.float_network import equalized_network
else:
    __getattr__, __dir__ = lazy_names(__name__)

__all__ = ["drowned_network", "equalized_network"]
