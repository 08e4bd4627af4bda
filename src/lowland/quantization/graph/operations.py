"""Layers with weights as functions of values, weight and bias: the same for floats, codes and quantized weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from math import prod
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.coding.patches import patches_of, spread_out
from lowland.errors import LowlandError
from lowland.quantization.graph.affine import affine
from lowland.quantization.graph.layer_specs import LAYERS, layer_settings

Operation = Callable[[Tensor, Tensor, Tensor | None], Tensor]

OPERATIONS: dict[str, Callable[..., Tensor]] = {
    "linear": functional.linear,
    "conv1d": functional.conv1d,
    "conv2d": functional.conv2d,
    "conv_transpose1d": functional.conv_transpose1d,
    "conv_transpose2d": functional.conv_transpose2d,
    "affine": affine,
}
"""The kinds of layers with weights that can be quantized."""

TRANSPOSED = ("conv_transpose1d", "conv_transpose2d")
"""Kinds whose weights are [inputs, outputs / groups, ...]."""

_MOVING = ("stride", "padding", "output_padding", "dilation", "groups", "dim")


def weighted_kind(layer: nn.Module) -> str | None:
    """Key of ``OPERATIONS`` for a layer, torch's own or derived from it; ``None`` for all others."""
    return next((kind for kind in OPERATIONS if isinstance(layer, LAYERS[kind][0])), None)


def own_kind(layer: nn.Module) -> str | None:
    """The same for torch's own layers alone: those of derived classes do more with their weights."""
    return next((kind for kind in OPERATIONS if type(layer) is LAYERS[kind][0]), None)


def geometry(layer: nn.Module) -> dict[str, Any]:
    """Sizes of a layer with weights, as its constructor wants them, jsonable; padding in numbers.

    Args:
        layer: Of a kind in ``OPERATIONS``.

    Raises:
        LowlandError: A convolution that is not padded symmetrically by zeros.
    """
    kind = weighted_kind(layer)
    if kind is None:
        raise LowlandError(f"layer is {type(layer).__name__}; expected one with weights: {', '.join(OPERATIONS)}")
    sizes = layer_settings(layer, kind)
    if getattr(layer, "padding_mode", "zeros") != "zeros":
        raise LowlandError(f"padding_mode of {layer!r} is {layer.padding_mode!r}; expected 'zeros'")
    if isinstance(sizes.get("padding"), str):
        reach = [step * (size - 1) for size, step in zip(sizes["kernel_size"], sizes["dilation"], strict=True)]
        same = sizes["padding"] == "same"
        if same and any(r % 2 for r in reach):
            raise LowlandError(f"padding 'same' of {layer!r} is not symmetric; expected kernels of odd size")
        sizes["padding"] = [r // 2 if same else 0 for r in reach]
    return sizes


def operation(kind: str, sizes: Mapping[str, Any]) -> Operation:
    """The function of values, weight and bias that a layer of these sizes computes."""
    return partial(OPERATIONS[kind], **{name: sizes[name] for name in _MOVING if name in sizes})


def fan_in(kind: str, sizes: Mapping[str, Any]) -> int:
    """The largest number of products that one output can sum."""
    if kind == "affine":
        return 1
    if kind == "linear":
        return int(sizes["in_features"])
    return int(sizes["in_channels"] // sizes["groups"] * prod(sizes["kernel_size"]))


def num_channels(kind: str, sizes: Mapping[str, Any]) -> int:
    """Number of output channels or features."""
    return int(sizes[{"linear": "out_features", "affine": "num_channels"}.get(kind, "out_channels")])


def weight_shape(kind: str, sizes: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of the weight tensor."""
    if kind == "affine":
        return (sizes["num_channels"],)
    if kind == "linear":
        return sizes["out_features"], sizes["in_features"]
    ends = [sizes["out_channels"], sizes["in_channels"]]
    if kind in TRANSPOSED:
        ends.reverse()
    return ends[0], ends[1] // sizes["groups"], *sizes["kernel_size"]


def patches(kind: str, sizes: Mapping[str, Any], values: Tensor) -> Tensor:
    """What each output is a product of, one row an output position, so that layers become matrix products.

    Args:
        kind: Key of ``OPERATIONS``.
        sizes: From ``geometry``.
        values: Inputs of the layer, [samples, ...].

    Returns:
        [groups, samples * positions, fan_in], to be multiplied with ``weight_matrices``.
    """
    if kind == "affine":
        return values.movedim(sizes["dim"], 0).reshape(sizes["num_channels"], -1, 1)
    if kind == "linear":
        return values.reshape(1, -1, values.shape[-1])
    names = ("kernel_size", "stride", "padding", "dilation")
    kernel, stride, padding, dilation = (tuple(sizes[name]) for name in names)
    before = after = padding
    if kind in TRANSPOSED:
        values, stride = spread_out(values, stride), (1,) * len(kernel)
        before = tuple(d * (k - 1) - p for k, p, d in zip(kernel, padding, dilation, strict=True))
        after = tuple(b + extra for b, extra in zip(before, sizes["output_padding"], strict=True))
    pads = [end for ends in zip(reversed(before), reversed(after), strict=True) for end in ends]  # last axis first
    columns = patches_of(functional.pad(values, pads), kernel, stride=stride, dilation=dilation)
    groups = sizes["groups"]
    return columns.reshape(len(values), groups, -1, columns.shape[-1]).permute(1, 0, 3, 2).flatten(1, 2)


def weight_matrices(kind: str, sizes: Mapping[str, Any], weight: Tensor) -> Tensor:
    """Weights as [groups, channels a group, fan_in], to be multiplied with ``patches``."""
    if kind == "affine":
        return weight[:, None, None]
    if kind == "linear":
        return weight[None]
    groups = sizes["groups"]
    if kind in TRANSPOSED:
        by_group = weight.reshape(groups, -1, *weight.shape[1:]).transpose(1, 2)
        return torch.flip(by_group, tuple(range(3, by_group.ndim))).flatten(2)
    return weight.reshape(groups, len(weight) // groups, -1)
