"""ECON-T: the autoencoder that compresses wafers of a calorimeter."""

from lowland.tasks.econ.task import Econ, EconOptions

__all__ = ["Econ", "EconOptions"]
