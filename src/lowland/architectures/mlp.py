"""Linear layers with an activation between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, Literal

from torch import Tensor, nn

Activation = Literal["relu", "linear", "leaky_relu", "hardtanh"]
ACTIVATIONS: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "linear": nn.Identity,
    "leaky_relu": nn.LeakyReLU,
    "hardtanh": nn.Hardtanh,
}


class MLP(nn.Module):
    """Linear layers with an activation between them.

    Args:
        inputs: Number of features.
        hidden: Width of each hidden layer.
        outputs: Number of outputs.
        activation: Between the layers; ``linear`` is none.
    """

    def __init__(self, *, inputs: int, hidden: Sequence[int], outputs: int, activation: Activation = "relu") -> None:
        super().__init__()
        self.spec: dict[str, Any] = {"kind": "mlp", "inputs": inputs, "hidden": list(hidden), "outputs": outputs}
        if activation != "relu":
            self.spec["activation"] = activation
        layers: list[nn.Module] = []
        for before, after in pairwise((inputs, *hidden)):
            layers += [nn.Linear(before, after), ACTIVATIONS[activation]()]
        self.layers = nn.Sequential(*layers, nn.Linear((inputs, *hidden)[-1], outputs))

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [n, outputs] of inputs [n, inputs]."""
        return self.layers(inputs)
