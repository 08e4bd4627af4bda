"""Static calibration: every scale of a fake-quantized model from data, layer by layer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.quantization.admission import check_samples
from lowland.quantization.calibration.bias_room import with_room_for_bias
from lowland.quantization.calibration.methods import CALIBRATIONS
from lowland.quantization.fake_quantized.grid import on_grid
from lowland.quantization.fake_quantized.network import INPUT, QuantizedNetwork
from lowland.quantization.graph.operations import geometry, operation, weighted_kind


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
    calibration = CALIBRATIONS[quantized.precision.calibration](quantized.precision)
    with torch.no_grad():
        exact, values, scale = inputs, inputs, inputs.new_ones(())
        layer: Any
        for name, layer in quantized.layers.named_children():
            if (kind := weighted_kind(layer)) is not None:
                compute = operation(kind, geometry(layer))
                threshold = calibration.weights(layer, quantized.grid(name), values, exact)
                if layer.bias is not None:
                    threshold = with_room_for_bias(threshold, quantized.grid(name), layer.bias, scale)
                quantized.threshold(name).copy_(threshold)
                exact = _finite(name, compute(exact, layer.weight, layer.bias))
                if quantized.precision.bias_correction:
                    rounded = compute(values, on_grid(layer.weight, quantized.grid(name)), None)
                    layer.bias.copy_(_means(kind, exact) - _means(kind, rounded))
            elif name in quantized.bits:
                quantized.threshold(name).fill_(calibration.activations(values, quantized.grid(name)))
                exact = exact if name == INPUT else functional.relu(exact)
            else:
                exact = layer(exact)
            values, scale = quantized.compute(name, values, scale)
        quantized.calibrated.fill_(True)
    return quantized


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


def _means(kind: str, outputs: Tensor) -> Tensor:
    """The mean of each channel over samples and positions."""
    channel = outputs.ndim - 1 if kind == "linear" else 1
    return outputs.double().mean([dim for dim in range(outputs.ndim) if dim != channel])
