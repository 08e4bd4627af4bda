"""From the fake-quantized model to the integer network."""

from __future__ import annotations

import copy
from collections import OrderedDict
from math import prod
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from lowland.coding.codes import code_range, signed_width, smallest_dtype
from lowland.errors import LowlandError
from lowland.quantization.admission import check_numbers
from lowland.quantization.calibration.bias_room import check_bias
from lowland.quantization.effective_weights import KINDS, pruned_tensors
from lowland.quantization.fake_quantized.grid import Grid, codes_on
from lowland.quantization.fake_quantized.network import QuantizedNetwork, check_calibrated
from lowland.quantization.graph.convolution_steps import Conv1d, Conv2d, ConvTranspose2d
from lowland.quantization.graph.float_island import FloatIsland
from lowland.quantization.graph.integer import IntegerNetwork
from lowland.quantization.graph.layer_specs import LAYERS, layer_settings
from lowland.quantization.graph.linear_step import Linear
from lowland.quantization.graph.operations import fan_in, geometry, weighted_kind
from lowland.quantization.graph.pooling_steps import AvgPool2d, MaxPool1d, MaxPool2d, pair
from lowland.quantization.graph.reshaping_steps import Flatten, Unflatten
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize, fixed_points
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted
from lowland.quantization.precision import BIAS_BITS

WEIGHTED: dict[str, type[Weighted]] = {step.kind: step for step in (Linear, Conv1d, Conv2d, ConvTranspose2d)}
PASSING: dict[str, type[Step]] = {step.kind: step for step in (MaxPool1d, MaxPool2d, AvgPool2d, Flatten, Unflatten)}


class _Flow(NamedTuple):
    """What a step hands on.

    Attributes:
        source: The step's name.
        scale: Step size of its integers, in a shape that multiplies them.
        exact: The same in float64: products of scales that are rounded to float32 would move one 12-bit code in 10,000.
        reach: The largest size that its integers can have, whatever bits flip.
        rounded: Whether they are codes of a quantizer and no accumulators.
    """

    source: str
    scale: Tensor
    exact: Tensor
    reach: int
    rounded: bool

    @property
    def bits(self) -> int:
        """Two's complement width that holds all its integers."""
        return 1 + self.reach.bit_length()


def freeze(quantized: QuantizedNetwork) -> IntegerNetwork:
    """The integer network that a fake-quantized model stands for; the model is left as it came.

    Args:
        quantized: Calibrated, trained or not.

    Raises:
        LowlandError: Not calibrated, weights or thresholds that are not finite, pruned weights that are not zero any
            more, a bias too large for its word, a float part that no spec can describe, or integers too wide for 64-bit
            products.
    """
    check_calibrated(quantized)
    check_numbers(quantized.layers)
    _check_pruned(quantized)
    steps: list[Step] = []
    flow = _Flow(INPUTS, torch.ones(()), torch.ones((), dtype=torch.float64), 0, rounded=True)
    with torch.no_grad():
        for name, layer in quantized.layers.named_children():
            step, flow = _step(quantized, name, layer, flow)
            _check_width(name, flow.bits, PRODUCT_BITS)
            steps.append(step)
    return IntegerNetwork(steps)


def _check_pruned(quantized: QuantizedNetwork) -> None:
    """Refuse weights that came pruned and were trained away from zero."""
    for name, parameter, mask in pruned_tensors(quantized.layers):
        if moved := int(parameter[mask == 0].count_nonzero()):
            raise LowlandError(
                f"{name} holds {moved} values other than 0 where pruning had put 0; expected the mask to be kept: "
                "train with lowland.training.train, or multiply by the mask after every step of your own optimizer"
            )


def _check_width(name: str, bits: int, most: int) -> None:
    """Refuse integers that the arithmetic could not hold."""
    if bits > most:
        raise LowlandError(
            f"integers of layer {name!r} need {bits} bits; expected at most {most}: use fewer weight_bits or "
            "activation_bits, or smaller pooling windows"
        )


def _step(quantized: QuantizedNetwork, name: str, layer: nn.Module, flow: _Flow) -> tuple[Step, _Flow]:
    """The step of one layer of a fake-quantized model, and what it hands on."""
    step: Step
    if name not in quantized.bits:
        step, reach = _passing(name, layer, flow)
        return step, _Flow(name, step.result_scale(flow.scale), step.result_scale(flow.exact), reach, flow.rounded)
    own, bits = quantized.grid(name), quantized.bits[name]
    own = own._replace(scale=own.scale.clone())
    if (kind := weighted_kind(layer)) is not None:
        step, reach = _weighted(kind, name, layer, own, bits, flow)
        scale = step.result_scale(flow.scale)
        exact = own.scale.double().flatten().reshape(scale.shape) * flow.exact
        return step, _Flow(name, scale, exact, reach, rounded=False)
    signed = own.lowest < 0
    if flow.rounded:
        step = Quantize(name, (flow.source,), bits=bits, signed=signed, scale=own.scale)
    else:
        _check_width(flow.source, flow.bits, PRODUCT_BITS - bits - 1)  # the multiplier must be finer than the codes
        ratios = flow.exact / own.scale.double()
        multiplier, shift = fixed_points(ratios, accumulator_bits=flow.bits)
        step = Requantize(
            name, (flow.source,), bits=bits, signed=signed, scale=own.scale, multiplier=multiplier, shift=shift
        )
    return step, _Flow(name, own.scale, own.scale.double(), max(-own.lowest, own.highest), rounded=True)


def _passing(name: str, layer: nn.Module, flow: _Flow) -> tuple[Step, int]:
    """The step of a layer that does not quantize, and its largest integer."""
    if isinstance(layer, nn.Sequential):
        network = nn.Sequential(OrderedDict(copy.deepcopy(layer)._modules))
        for part in network.modules():  # masks have done their work, and no spec knows them
            for kind in KINDS:
                part._buffers.pop(f"{kind}_mask", None)
        return FloatIsland(name, (flow.source,), network=network, input_scale=flow.scale.clone()), 0
    kind = next(kind for kind in PASSING if isinstance(layer, LAYERS[kind][0]))
    if flow.scale.ndim and kind in ("flatten", "unflatten"):
        raise LowlandError(
            f"layer {name!r} reshapes accumulators with one scale per channel; expected ReLU before it, or "
            "per_channel=False"
        )
    settings = layer_settings(layer, kind)
    window = prod(pair(settings["kernel_size"])) if kind == "avg_pool2d" else 1
    return PASSING[kind].empty(name, (flow.source,), **settings), flow.reach * window


def _weighted(kind: str, name: str, layer: Any, own: Grid, bits: int, flow: _Flow) -> tuple[Step, int]:
    """The step of a layer with weights, and its largest accumulator."""
    sizes = geometry(layer)
    accumulator = (own.scale.flatten() if own.scale.ndim else own.scale) * flow.scale
    reach = flow.reach * 2 ** (bits - 1) * fan_in(kind, sizes)
    bias, bias_bits = None, 0
    if layer.bias is not None:
        check_bias(name, layer.bias, accumulator)
        codes = codes_on(layer.bias, Grid(accumulator, *code_range(BIAS_BITS, signed=True)))
        bias_bits = signed_width(codes)
        bias = codes.to(smallest_dtype(bias_bits))
        reach += 2 ** (bias_bits - 1)
    step = WEIGHTED[kind](
        name,
        (flow.source,),
        sizes=sizes,
        weight=codes_on(layer.weight, own).to(smallest_dtype(bits)),
        weight_bits=bits,
        weight_scale=own.scale,
        bias=bias,
        bias_bits=bias_bits,
        output_scale=accumulator,
        accumulator_bits=1 + reach.bit_length(),
    )
    return step, reach
