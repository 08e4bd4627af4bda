"""The grids of a fake-quantized model: thresholds that are learned, zero points that are not."""

from __future__ import annotations

from math import log2
from typing import Any

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range
from lowland.quantization.fake_quantized.grid import Grid
from lowland.quantization.precision import SMALLEST_THRESHOLD, Precision

_ROUNDING = 1e-4
"""Of logarithms of scales: what float32 adds to a power of two does not double it."""


class LearnedGrids(nn.Module):
    """Layers with Brevitas' quantizers, and the grids that these round to.

    Args:
        layers: By name; those of a scan in a dictionary of its name.
        precision: How scales are.
    """

    def __init__(self, layers: nn.ModuleDict, precision: Precision) -> None:
        super().__init__()
        self.layers = layers
        self.precision = precision
        self.bits: dict[str, int] = {}
        """Width of the codes of each layer that has a quantizer."""
        self.moved: set[str] = set()
        """Names of layers whose range of codes a zero point moves."""
        self._codes: dict[str, tuple[int, int]] = {}
        self._rectifying: set[str] = set()
        self.register_load_state_dict_post_hook(_read_zero_points)

    def layer(self, name: str) -> Any:
        """The module of this name, in bodies behind the scan's (``lstm.hidden``)."""
        return self.layers.get_submodule(name)

    def take_quantizer(self, name: str, *, rectifies: bool) -> None:
        """Notes width and range of a layer's quantizer, if it has one.

        Args:
            name: Of the layer.
            rectifies: Whether a range from 0 up is that of a rectifier.
        """
        quantizer = _quantizer(self.layer(name))
        if quantizer is None:
            return
        self.bits[name] = int(quantizer.msb_clamp_bit_width_impl())
        lowest, highest = code_range(self.bits[name], signed=quantizer.int_quant.signed)
        self._codes[name] = (lowest + quantizer.int_quant.narrow_range, highest)
        if hasattr(quantizer.int_quant, "lowest"):
            self.moved.add(name)
        elif lowest == 0 and rectifies:
            self._rectifying.add(name)

    def threshold(self, name: str) -> nn.Parameter:
        """The learned parameter of a layer's quantizer.

        Scale times the number of codes on its longer side; with scales that are powers of two, the logarithm to base 2
        of the scale times 2^bits (signed codes: 2^(bits-1)), which is rounded.
        """
        return _quantizer(self.layer(name)).scaling_impl.value

    def set_threshold(self, name: str, threshold: Tensor | float) -> None:
        """Sets the scale of a layer's quantizer; one that must be a power of two becomes the next one above.

        Args:
            name: Of the layer.
            threshold: Scale times the number of codes on the longer side, above 0, of the scale's shape.
        """
        parameter = self.threshold(name)
        with torch.no_grad():
            if self.precision.scale == "float":
                parameter.copy_(torch.as_tensor(threshold))
                return
            lowest, highest = self._codes[name]
            steps = torch.as_tensor(threshold, dtype=torch.float64) / max(-lowest, highest)
            exponent = (steps.log2() - _ROUNDING).ceil()
            parameter.copy_(exponent + log2(self._steps(name)))

    def move(self, name: str, zero_point: int) -> None:
        """Sets the zero point of a layer's quantizer: its codes less this are what is computed with.

        Args:
            name: Of the layer, one of ``moved``.
            zero_point: From 0 to 2^bits - 1.
        """
        _quantizer(self.layer(name)).int_quant.lowest.fill_(-zero_point)
        self._codes[name] = (-zero_point, 2 ** self.bits[name] - 1 - zero_point)

    def _steps(self, name: str) -> int:
        """How many steps a threshold covers."""
        lowest, highest = self._codes[name]
        if self.precision.scale == "float":
            return max(-lowest, highest)
        is_symmetric = lowest < 0 and name not in self.moved
        return int(2 ** (self.bits[name] - is_symmetric))

    def grid(self, name: str) -> Grid:
        """The grid of a layer's quantizer (of the weights, if it has any), differentiable by the threshold."""
        lowest, highest = self._codes[name]
        learned = self.threshold(name)
        threshold = learned.abs() if self.precision.scale == "float" else _power_of_two(learned)
        scale = threshold.clamp_min(SMALLEST_THRESHOLD) / self._steps(name)
        return Grid(scale, lowest, highest, rectifies=name in self._rectifying)

    def read_zero_points(self) -> None:
        """Takes the ranges of codes from the zero points in the modules: they come with a state."""
        for name in self.moved:
            self.move(name, -int(_quantizer(self.layer(name)).int_quant.lowest))


def _quantizer(layer: nn.Module) -> Any:
    """Brevitas' quantizer inside a layer: of the weights of one that has any, of the results of others."""
    brevitas_layer: Any = getattr(layer, "result", layer)
    if hasattr(brevitas_layer, "weight_quant"):
        return brevitas_layer.weight_quant.tensor_quant
    if not hasattr(brevitas_layer, "act_quant"):
        return None
    return brevitas_layer.act_quant.fused_activation_quant_proxy.tensor_quant


def _power_of_two(exponent: Tensor) -> Tensor:
    """2 to the power of an exponent that is rounded straight through."""
    # x - x is exactly zero and carries the derivative, so the rounded exponent stays a whole number.
    result: Tensor = 2.0 ** (exponent.detach().round() + (exponent - exponent.detach()))
    return result


def _read_zero_points(grids: LearnedGrids, *_: Any) -> None:
    """What is done whenever a state has been loaded."""
    grids.read_zero_points()
