"""Values of torch and of Brevitas: what layers that neither weigh nor round do to either."""

from __future__ import annotations

import copy
from collections import OrderedDict
from collections.abc import Sequence
from typing import Any

from brevitas.quant_tensor import IntQuantTensor, QuantTensor
from torch import Tensor, nn

from lowland.quantization.graph.step import Step


def unquantized(layer: nn.Module) -> nn.Module:
    """A copy of a layer that neither weighs nor rounds; the same object may stand in several places."""
    return FloatPart(copy.deepcopy(layer)._modules) if isinstance(layer, nn.Sequential) else copy.deepcopy(layer)


class FloatPart(nn.Sequential):
    """Layers that stay float.

    Args:
        layers: By name.
    """

    def __init__(self, layers: Any) -> None:
        super().__init__(OrderedDict(layers))


def value_of(tensor: Any) -> Tensor:
    """The floats of a tensor of torch or Brevitas."""
    return tensor.value if isinstance(tensor, QuantTensor) else tensor


def handed_on(layer: nn.Module, step: Step, operands: Sequence[Any]) -> Any:
    """The result of a layer that neither weighs nor rounds, on tensors of Brevitas.

    Brevitas' own average pooling truncates its sums, and it knows few other layers: values are the layer's, the step
    size is the step's.

    Args:
        layer: On floats.
        step: What it becomes.
        operands: What it takes; with step sizes where they are integers.
    """
    values = layer(*map(value_of, operands))
    if not all(isinstance(operand, IntQuantTensor) for operand in operands):
        return values
    return operands[0].set(value=values, scale=step.result_scale(*(operand.scale for operand in operands)))
