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
        self._steps = steps = tuple(steps)
        self._inputs: dict[str, tuple[str, ...]] = {}
        for step in steps:
            module = step.dequantized()
            if isinstance(step, Weighted) and step.tied_to is not None:
                owner = self.get_submodule(step.tied_to)
                for parameter in {"weight", "bias"} & set(step.borrowed):
                    setattr(module, parameter, getattr(owner, parameter))
            self.add_module(step.name, module)
            self._inputs[step.name] = step.inputs

    @property
    def spec(self) -> dict[str, Any]:
        """What it can be made of again; networks that read wrong scales have none, and only those who ask are told."""
        return graph_spec(self._steps) | {"kind": "dequantized"}

    def forward(self, inputs: Tensor) -> Tensor:
        """Outputs [samples, ...] of inputs [samples, ...]."""
        values = {INPUTS: inputs}
        for name, module in self.named_children():
            values[name] = result = module(*(values[key] for key in self._inputs[name]))
        return result
