"""Linear layers with ReLU between them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

from torch import Tensor, nn


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
