"""The differentiable copy of a deployed network, which landscapes are measured of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from torch import Tensor, nn

from lowland.quantization.graph.graph_spec import graph_spec
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted


class DequantizedNetwork(nn.Module):
    """A differentiable copy of an integer network, same outputs: one submodule a step, named like the step.

    Restore one with ``IntegerNetwork.from_spec(spec).dequantized()`` and ``load_state_dict(state, assign=True)``.

    Args:
        steps: In order of computation.
    """

    def __init__(self, steps: Iterable[Step]) -> None:
        super().__init__()
        steps = tuple(steps)
        self.spec: dict[str, Any] = graph_spec(steps) | {"kind": "dequantized"}
        self._inputs: dict[str, tuple[str, ...]] = {}
        for step in steps:
            module = step.dequantized()
            if isinstance(step, Weighted) and step.tied_to is not None:
                owner = self.get_submodule(step.tied_to)
                for parameter in {"weight", "bias"} & set(step.borrowed):
                    setattr(module, parameter, getattr(owner, parameter))
            self.add_module(step.name, module)
            self._inputs[step.name] = step.inputs

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...]."""
        values = {INPUTS: inputs}
        for name, module in self.named_children():
            values[name] = result = module(*(values[key] for key in self._inputs[name]))
        return result
