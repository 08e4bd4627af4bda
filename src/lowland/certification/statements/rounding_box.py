"""The boxes that rounding to a grid leaves weights and biases in: half a step around each float number."""

from __future__ import annotations

import torch
from torch import Tensor

from lowland.certification.real_network import RealNetwork
from lowland.certification.weight_box import WeightBox
from lowland.errors import LowlandError
from lowland.quantization.graph.integer import IntegerNetwork

ROUNDING_ERROR = 1e-6
"""By which half steps are widened: scales are float32, so that a tie can lie beyond half a step by its last bits."""


def half_steps(network: IntegerNetwork, real: RealNetwork) -> dict[str, Tensor]:
    """Half a step of every stored weight and bias, by the float network's names; what stays float does not move.

    Args:
        network: What is deployed.
        real: Its float network.

    Raises:
        LowlandError: A float parameter that is stored in another shape, or none that is stored at all.
    """
    scales, found = network.scales, {}
    for name, value in real.parameters.items():
        codes = network.codes.get(name)
        if codes is None:
            continue
        if codes.shape != value.shape:
            raise LowlandError(
                f"{name} is stored in shape {list(codes.shape)}; expected {list(value.shape)}, as it is in the float "
                "network"
            )
        steps = torch.ones_like(value) * scales[name].to(torch.float64)
        found[name] = steps / 2 * (1 + ROUNDING_ERROR)
    if not found:
        raise LowlandError("the network stores no weight or bias of this float network under its name")
    return found


def half_steps_at(real: RealNetwork, bits: int) -> dict[str, Tensor]:
    """Half a step of a symmetric grid of so many bits over the range of each weight or bias tensor.

    Args:
        real: The float network.
        bits: At least 2.
    """
    found = {}
    for name, value in real.parameters.items():
        largest = float(value.abs().max())
        if largest:  # a tensor of zeros is rounded to itself
            found[name] = torch.full_like(value, largest / (2 ** (bits - 1) - 1) / 2)
    return found


def box_use(network: IntegerNetwork, real: RealNetwork) -> float:
    """How much of the box of half steps the stored weights and biases use: at most 1 where they were rounded alone.

    Args:
        network: What is deployed.
        real: Its float network.

    Raises:
        LowlandError: As ``half_steps``.
    """
    radii = half_steps(network, real)
    scales = network.scales
    stored = {
        name: network.codes[name].to(torch.float64) * scales[name].to(torch.float64) if name in radii else value
        for name, value in real.parameters.items()
    }
    return WeightBox.around(real, radii).used_by(real, stored)
