"""What one answer costs in multiplications, each weighed by the widths of what it multiplies."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from math import prod
from typing import Any

import torch
from torch import Tensor, nn

from lowland.quantization.dynamic.layers import CodedLayer
from lowland.quantization.graph.float_step import FloatStep
from lowland.quantization.graph.integer import FLOAT_BITS, IntegerNetwork
from lowland.quantization.graph.operations import TRANSPOSED, fan_in, geometry, weighted_kind
from lowland.quantization.graph.scan_step import Scan
from lowland.quantization.graph.step import INPUTS, Step
from lowland.quantization.graph.weighted_step import Weighted


def bit_operations(network: nn.Module, inputs: Tensor, *, float_from: str | None = None) -> float | None:
    r"""Bit operations of one row, :math:`\sum_l b^w_l b^a_l M_l` over the layers with weights.

    :math:`M_l` counts the multiplications of a layer, those by the zeros of paddings among them, :math:`b^w` and
    :math:`b^a` are the widths of its weights and of what it reads. Floats have 32 bits, so that a float network has
    1,024 for each multiplication. Additions, tables, poolings and normalisations do not count; layers of a sequence
    count at every place.

    Args:
        network: As it is deployed: in integers, with dynamic arithmetic, or a float network.
        inputs: Rows [rows, ...], of which the first is computed.
        float_from: Name of the layer from which on a float or dynamic network is not deployed and does not count.

    Returns:
        A whole number; ``None`` where the network has weights of which it is not known how often they multiply
        (attention, weights of a module of one's own).

    Source:
        Baskin et al., "UNIQ", ACM TOCS 37 (2021), section 4; there additions are counted, too.
    """
    if isinstance(network, IntegerNetwork):
        return _of_steps(network, inputs[:1])
    return _of_layers(network, inputs[:1], float_from)


def _of_steps(network: IntegerNetwork, inputs: Tensor) -> float | None:
    steps: dict[str, Step] = dict(network.steps.items())  # type: ignore[arg-type]  # ModuleDict forgets its kind
    floats = [step for step in steps.values() if isinstance(step, FloatStep)]
    if any(value.ndim > 1 for step in floats for value in step.float_words.values()):
        return None
    with torch.no_grad():
        values = {INPUTS: inputs} | network.float_values(inputs)
    total = 0
    for step in steps.values():
        if isinstance(step, Weighted):
            count = _multiplications(step.kind, step.sizes, values[step.inputs[0]], values[step.name])
            total += count * step.weight_bits * _width(step.inputs[0], steps)
        elif isinstance(step, Scan):
            total += sum(_of_body(step, steps, values))
    return float(total)


def _of_body(scan: Scan, steps: Mapping[str, Step], values: Mapping[str, Tensor]) -> Iterator[int]:
    """Those of the layers of a scan, which are linear, at all places."""
    body: dict[str, Step] = dict(scan.steps)

    def width(name: str) -> int:
        if name == INPUTS:
            return _width(scan.inputs[0], steps)
        if name in scan.loop.states:
            return width(scan.loop.states[name])
        return _own_width(body[name], width)

    for name, step in body.items():
        if isinstance(step, Weighted):
            outputs = values[f"{scan.name}.{name}"]
            yield _multiplications(step.kind, step.sizes, outputs, outputs) * step.weight_bits * width(step.inputs[0])


def _width(name: str, steps: Mapping[str, Step]) -> int:
    """Bits of the codes that a step hands on."""
    return FLOAT_BITS if name == INPUTS else _own_width(steps[name], lambda source: _width(source, steps))


def _own_width(step: Step, width: Callable[[str], int]) -> int:
    """Those that it rounds to, or the widest that it takes."""
    if isinstance(step, Scan):
        return _own_width(step.steps[step.loop.shown], lambda _: FLOAT_BITS)
    if step.result_codes is not None:
        return step.result_codes.bits
    return max(width(source) for source in step.inputs)


def _multiplications(kind: str, sizes: Mapping[str, Any], values: Tensor, outputs: Tensor) -> int:
    """Of a layer for one row that it reads and gives."""
    if kind in TRANSPOSED:
        return values.numel() * int(sizes["out_channels"] // sizes["groups"] * prod(sizes["kernel_size"]))
    return outputs.numel() * fan_in(kind, sizes)


def _of_layers(network: nn.Module, inputs: Tensor, float_from: str | None) -> float | None:
    """Those of a network of layers, some of which may have codes."""
    total, known = 0, True

    def count(layer: nn.Module, values: tuple[Any, ...], outputs: Any) -> None:
        nonlocal total
        if isinstance(layer, nn.LSTM | nn.GRU):
            places = values[0].numel() // values[0].shape[-1]  # of the only row, whichever dimension is first
            weights = sum(p.numel() for name, p in layer.named_parameters() if name.startswith("weight"))
            total += places * weights * FLOAT_BITS**2
            return
        kind, sizes, widths = _layer(layer)
        total += _multiplications(kind, sizes, values[0], outputs) * prod(widths)

    hooks = []
    for name, layer in network.named_modules():
        path = name.removeprefix("network.").removeprefix("layers.")
        if float_from is not None and f"{path}.".startswith(f"{float_from}."):
            break
        if isinstance(layer, CodedLayer | nn.LSTM | nn.GRU) or weighted_kind(layer) is not None:
            hooks.append(layer.register_forward_hook(count))
        elif not isinstance(layer, nn.Embedding):
            known = known and all(p.ndim < 2 for p in layer.parameters(recurse=False))
    try:
        if known:
            with torch.no_grad():
                network(inputs)
    finally:
        for hook in hooks:
            hook.remove()
    return float(total) if known else None


def _layer(layer: nn.Module) -> tuple[str, Mapping[str, Any], tuple[int, int]]:
    """Kind, sizes and widths (of weights, of what is read) of a layer with weights."""
    if isinstance(layer, CodedLayer):
        return layer.kind, layer.sizes, layer.widths
    kind = weighted_kind(layer)
    assert kind is not None  # of no others are hooks
    return kind, geometry(layer), (FLOAT_BITS, FLOAT_BITS)
