"""Static calibration: every scale of a fake-quantized model from data, layer by layer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.admission import check_samples
from lowland.quantization.calibration.bias_room import with_room_for_bias
from lowland.quantization.calibration.methods import CALIBRATIONS, Calibration
from lowland.quantization.fake_quantized.grid import on_grid
from lowland.quantization.fake_quantized.network import INPUT, QuantizedNetwork
from lowland.quantization.graph.operations import geometry, operation, weighted_kind
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.traced_network import last_uses


def calibrate(quantized: QuantizedNetwork, inputs: Tensor) -> QuantizedNetwork:
    """Set every scale of a fake-quantized model, layer by layer, and correct its biases, as its precision asks for.

    The first time, the layers are compared in float with the network that they were read off, whose ``forward`` may do
    more than they.

    Each layer is fed what the layers before it deliver, quantized and corrected. Weights that are tiny beside their
    bias get a scale that leaves the bias a code. With bias correction (Nagel et al. 2019, arXiv:1906.04721, section 4.2
    and appendix D) a bias becomes what makes the mean over samples and positions of each output channel that of the
    float network, up to half a step of the accumulator: b = E[W x + b] - E[Q x'], x' what the quantized network feeds
    the layer.

    Args:
        quantized: From ``build_quantized``; changed in place.
        inputs: Training samples [samples, ...], finite float32.

    Returns:
        The model itself.

    Raises:
        LowlandError: No samples, values that are not finite or no float32, negative ones where the model has unsigned
            inputs, a layer whose outputs overflow, or layers that do not compute what the network does that they were
            read off.
    """
    _check(quantized, inputs)
    if quantized.given is not None:
        quantized.given.check(inputs)
        quantized.given = None  # from now on the weights are the model's own
    walk = _Calibration(quantized, CALIBRATIONS[quantized.precision.calibration](quantized.precision))
    inputs_of = {name: node.inputs for name, node in quantized.nodes.items()}
    with torch.no_grad():
        values = {INPUTS: _Values(inputs, inputs, inputs.new_ones(()))}
        done = last_uses(inputs_of)
        for name in inputs_of:
            values[name] = walk.calibrated(name, values)
            for source in done.get(name, ()):
                del values[source]
        quantized.calibrated.fill_(True)
    return quantized


class _Values(NamedTuple):
    """What a node gives.

    Attributes:
        exact: In the float network.
        values: In the quantized one.
        scale: Step size of the integers that they stand for.
    """

    exact: Tensor
    values: Tensor
    scale: Tensor


class _Calibration:
    """The walk through a model, node by node."""

    def __init__(self, quantized: QuantizedNetwork, calibration: Calibration) -> None:
        self._quantized, self._calibration = quantized, calibration
        self._set: set[str] = set()

    def calibrated(self, name: str, values: Mapping[str, _Values]) -> _Values:
        """A node's result, its scale set and its bias corrected.

        Args:
            name: Of the node.
            values: What the nodes before it give.
        """
        quantized, node = self._quantized, self._quantized.nodes[name]
        layer: Any = quantized.layers[node.layer]
        operands = [values[source] for source in node.inputs]
        exact = operands[0].exact
        if node.role == "weighted":
            exact = self._weighted(node.layer, layer, operands[0])
        elif node.role == "table":
            exact = layer.function(exact)
            self._round(node.layer, [layer.function(operands[0].values)])
        elif node.layer in quantized.bits:
            exact = functional.relu(exact) if node.role == "rectifier" else exact
            if node.layer not in self._set:  # operands of a sum have one scale, and are there when the first is rounded
                sharing = [other for other in quantized.nodes.values() if other.layer == node.layer]
                self._round(node.layer, [values[other.inputs[0]].values for other in sharing])
        else:
            exact = _finite(name, layer(*(operand.exact for operand in operands)))
        rounded, scale = quantized.compute(name, [(operand.values, operand.scale) for operand in operands])
        return _Values(exact, rounded, scale)

    def _round(self, layer: str, rounded: Sequence[Tensor]) -> None:
        """Sets the scale of a quantizer from what it rounds."""
        values = rounded[0] if len(rounded) == 1 else torch.cat([tensor.flatten() for tensor in rounded])
        grid = self._quantized.grid(layer)
        self._quantized.threshold(layer).fill_(self._calibration.activations(values, grid))
        self._set.add(layer)

    def _weighted(self, name: str, layer: Any, given: _Values) -> Tensor:
        """Sets the scale of a layer's weights and corrects its bias; what it gives in the float network."""
        quantized, kind = self._quantized, str(weighted_kind(layer))
        compute = operation(kind, geometry(layer))
        threshold = self._calibration.weights(layer, quantized.grid(name), given.values, given.exact)
        if layer.bias is not None:
            threshold = with_room_for_bias(threshold, quantized.grid(name), layer.bias, given.scale)
        quantized.threshold(name).copy_(threshold)
        exact = _finite(name, compute(given.exact, layer.weight, layer.bias))
        if quantized.precision.bias_correction:
            rounded = compute(given.values, on_grid(layer.weight, quantized.grid(name)), None)
            layer.bias.copy_(_means(layer, exact) - _means(layer, rounded))
        return exact


def _check(quantized: QuantizedNetwork, inputs: Tensor) -> None:
    """Refuse samples that no scale can come from."""
    check_samples(inputs)
    if quantized.grid(INPUT).lowest == 0 and bool((inputs < 0).any()):
        raise LowlandError(
            f"calibration inputs go down to {float(inputs.min()):g}; expected none below 0: build the model with "
            "input_signed=True"
        )


def _finite(name: str, outputs: Tensor) -> Tensor:
    """The outputs of a layer of the float network, unless float32 cannot hold them."""
    if not outputs.isfinite().all():
        raise LowlandError(
            f"outputs of layer {name} overflow on the calibration inputs; expected finite float32: rescale the inputs "
            "or the weights"
        )
    return outputs


def _means(layer: Any, outputs: Tensor) -> Tensor:
    """The mean of each channel over samples and positions."""
    if layer.bias is not None and len(layer.bias) == 1:  # one for all channels, however many there are
        return outputs.double().mean().reshape(1)
    dim = {"linear": -1, "affine": getattr(layer, "dim", -1)}.get(str(weighted_kind(layer)), 1)
    channel = dim % outputs.ndim
    return outputs.double().mean([dim for dim in range(outputs.ndim) if dim != channel])
