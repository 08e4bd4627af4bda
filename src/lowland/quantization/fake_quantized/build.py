"""From a float network to its fake-quantized model."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from lowland.errors import LowlandError
from lowland.quantization.calibration.equalization import equalized
from lowland.quantization.fake_quantized.bit_policy import CodedLayers, layer_widths
from lowland.quantization.fake_quantized.network import QuantizedNetwork
from lowland.quantization.fake_quantized.placement import placed
from lowland.quantization.fake_quantized.quantized_nodes import INPUT, Placement, Role
from lowland.quantization.graph.trace import traced
from lowland.quantization.precision import Precision, check_bits
from lowland.quantization.same_function import GivenNetwork


def build_quantized(
    network: nn.Module,
    precision: Precision,
    *,
    input_bits: int,
    input_signed: bool = True,
    float_from: str | None = None,
    example: Tensor | None = None,
) -> QuantizedNetwork:
    """A float network with fake quantizers, carrying its weights; ``calibrate`` it before use.

    The network's graph is read off its ``forward``. Batch-norm is folded first, then layers are equalized where the
    precision asks for it. Weights are signed and narrow-range, activations unsigned where they cannot be negative,
    each tensor with one scale that is a parameter (weights with one an output channel, if the precision says so); the
    inputs' scale is fixed by calibration and not trained, and so are zero points of asymmetric activations. Biases
    are quantized at the accumulator's scale; with bias correction every layer has one. The outputs are the last
    accumulators, not requantized.

    Weights are those that a layer computes with, whatever prunes, normalises or parametrizes them. Frozen ones
    (``requires_grad=False``) stay frozen and so does their scale; a bias that is frozen is moved by bias correction
    alone.

    Args:
        network: Any module that ``torch.fx`` can trace to layers and operations that can be quantized, see ``traced``;
            left as it came.
        precision: Method ``qat`` or ``ptq``.
        input_bits: Width of the input codes, 2 to 16.
        input_signed: Whether inputs can be negative; if not, no bit is spent on a sign and what lies below 0 becomes 0.
        float_from: Name of the layer (or nested module) from which on the network stays float, such as ``decoder``; by
            default nothing does.
        example: Inputs [rows, ...] that tell sizes; needed only where ``forward`` computes with shapes.

    Raises:
        LowlandError: Method ``float``, a width out of range, a pattern of bits without a layer, operations that cannot
            be quantized, or batch-norm in training mode.
    """
    # Here and not above: whoever only runs integer networks need not wait for Brevitas.
    from lowland.quantization.fake_quantized import quantizers

    if precision.method not in ("qat", "ptq"):
        raise LowlandError(
            f"precision method is {precision.method!r}; expected 'qat' or 'ptq', the methods with fake quantizers"
        )
    check_bits("input_bits", input_bits)
    graph = traced(network, float_from=float_from, example=example)
    given = GivenNetwork(network, graph)
    if precision.equalization:
        graph = equalized(graph)
    placement = placed(
        graph,
        input_signed=input_signed,
        per_channel=bool(precision.per_channel),
        biased=bool(precision.bias_correction),
    )
    bodies = [node for body in placement.bodies.values() for node in body.nodes]
    roles: dict[str, Role] = {node.layer: node.role for node in (*placement.nodes, *bodies)}
    widths = {INPUT: input_bits, **layer_widths(precision, _coded_layers(placement, roles))}
    modules = nn.ModuleDict()
    with torch.random.fork_rng(devices=[]):  # Brevitas' layers draw initial weights before they get the network's
        for name, layer in placement.layers.items():
            signed, role = name not in placement.unsigned, roles[name]
            if role == "scan":
                continue  # its body has been made
            module: nn.Module
            if layer is None:
                make = quantizers.rectifying if role == "rectifier" else quantizers.rounding
                module = make(widths[name], precision, signed=signed)
            elif role == "weighted":
                if precision.per_channel and isinstance(layer, nn.ConvTranspose2d) and layer.groups > 1:
                    raise LowlandError(f"layer {name} is transposed and has groups; expected per_channel=False for it")
                module = quantizers.quantized_layer(layer, widths[name], precision)
            elif isinstance(layer, nn.Embedding):
                module = quantizers.quantized_embedding(layer, widths[name], precision)
            elif role == "table":
                module = quantizers.Table(layer, widths[name], precision, signed=signed)
            else:
                module = quantizers.unquantized(layer)
            scan, _, own = name.rpartition(".")
            if scan and scan not in modules:
                modules[scan] = nn.ModuleDict()
            owner: Any = modules[scan] if scan else modules
            owner[own] = module
    quantized = QuantizedNetwork(placement.nodes, modules, precision, given, placement.bodies)
    if INPUT in modules:
        quantized.threshold(INPUT).requires_grad_(False)
    for name, parameter in quantized.stored.items():
        owner_name, _, kind = name.rpartition(".")
        if kind == "weight":  # the scale of frozen weights is a part of them
            quantized.threshold(owner_name).requires_grad_(parameter.requires_grad)
    return quantized


def _coded_layers(placement: Placement, roles: dict[str, Role]) -> CodedLayers:
    """The layers that have codes, by what they do."""
    return CodedLayers(
        weighted=[name for name, role in roles.items() if role in ("weighted", "embedding")],
        quantizers=[
            name
            for name, role in roles.items()
            if role in ("quantizer", "rectifier", "table") and name not in placement.looked_up
        ],
        looked_up=[name for name in roles if name in placement.looked_up],
        states=[name for name in roles if name in placement.wide],
    )
