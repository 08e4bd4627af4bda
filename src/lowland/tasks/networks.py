"""Float networks that rebuild themselves from a recipe of plain values."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.randomness import Key, seed_of


class MLP(nn.Module):
    """Linear layers with ReLU between them.

    Args:
        inputs: Number of features.
        hidden: Width of each hidden layer.
        outputs: Number of outputs.
    """

    def __init__(self, *, inputs: int, hidden: Sequence[int], outputs: int) -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "mlp", "inputs": inputs, "hidden": list(hidden), "outputs": outputs}
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [nn.Linear(before, after), nn.ReLU()]
        self.layers = nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of inputs [n, inputs]."""
        return self.layers(inputs)


NETWORKS: dict[str, Callable[..., nn.Module]] = {"mlp": MLP}


def build_network(spec: dict[str, Any]) -> nn.Module:
    """A freshly initialised network from its recipe.

    Raises:
        LowlandError: An unknown kind of network.
    """
    arguments = dict(spec)
    kind = arguments.pop("kind", None)
    if kind not in NETWORKS:
        raise LowlandError(f"network kind is {kind!r}; expected one of {', '.join(NETWORKS)}")
    return NETWORKS[kind](**arguments)


def initialised_network(spec: dict[str, Any], *, key: tuple[Key, ...]) -> nn.Module:
    """A network with weights drawn by a key, leaving torch's global generator as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed_of(*key, "initialisation"))
        return build_network(spec)
