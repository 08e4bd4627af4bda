"""How far every weight and bias may move: a box around a float network's folded parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from lowland.certification.real_network import RealNetwork
from lowland.errors import LowlandError


@dataclass(frozen=True, eq=False)
class WeightBox:
    """Every parameter within a radius of its value: {theta + delta : |delta_i| <= radius_i}.

    Attributes:
        radii: By name of the parameter (``<operation>.weight``), in float64 and the parameter's shape, nowhere
            negative; parameters that are not named do not move. Those of a layer that is called on several values stand
            under each of its operations, with the same radius.
    """

    radii: Mapping[str, Tensor]

    @classmethod
    def around(cls, network: RealNetwork, epsilon: float | Mapping[str, float | Tensor]) -> WeightBox:
        """The box of a network.

        Args:
            network: Whose parameters move.
            epsilon: The radius of all parameters, above 0; or one number or one tensor for some of them by name.

        Raises:
            LowlandError: A radius that is not above 0 (or a tensor that is negative, or 0 everywhere), not finite or of
                another shape, or a name that no parameter has.
        """
        parameters, tied = network.parameters, network.tied
        parameters = {name: tensor for name, tensor in parameters.items() if name not in tied}
        if not isinstance(epsilon, Mapping):
            epsilon = dict.fromkeys(parameters, epsilon)
        if missing := [name for name in epsilon if name not in parameters]:
            raise LowlandError(f"epsilon names {', '.join(missing)}; expected some of {', '.join(parameters)}")
        radii = {name: _radius(name, given, parameters[name]) for name, given in epsilon.items()}
        return cls(radii | {name: radii[owner] for name, owner in tied.items() if owner in radii})

    def radius(self, name: str, like: Tensor) -> Tensor:
        """The radius of every element of a parameter; 0 where the box does not name it."""
        found = self.radii.get(name)
        return torch.zeros_like(like) if found is None else found

    def used_by(self, network: RealNetwork, parameters: Mapping[str, Tensor]) -> float:
        """How much of the box other parameters use: max |theta' - theta| / radius; at most 1 means they lie in it.

        Args:
            network: Around whose parameters the box lies.
            parameters: Others of the same names, as those of a quantized copy.

        Returns:
            Infinity where a parameter moved that the box keeps still.
        """
        share = 0.0
        for name, value in network.parameters.items():
            moved = (parameters[name].to(torch.float64) - value).abs()
            radius = self.radius(name, value)
            ratio = torch.where(moved == 0, 0.0, moved / radius)
            share = max(share, float(ratio.max()))
        return share


def _radius(name: str, given: float | Tensor, parameter: Tensor) -> Tensor:
    if not isinstance(given, Tensor):
        if not 0 < given < float("inf"):
            raise LowlandError(f"epsilon of {name} is {given}; expected a number above 0")
        return torch.full_like(parameter, given)
    if given.shape != parameter.shape:
        raise LowlandError(
            f"epsilon of {name} has shape {list(given.shape)}; expected {list(parameter.shape)}, the parameter's"
        )
    radius = given.detach().to(torch.float64)
    if not bool(radius.isfinite().all()) or bool((radius < 0).any()) or not bool((radius > 0).any()):
        raise LowlandError(
            f"epsilon of {name} is {float(radius.min()):.6g} to {float(radius.max()):.6g}; expected no negative "
            "numbers and at least one above 0"
        )
    return radius
