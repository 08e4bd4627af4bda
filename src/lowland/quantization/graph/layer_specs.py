"""Layers of torch as plain values and back: what the spec of a deployed network says about its parts."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Any

import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization.graph.affine import Affine
from lowland.quantization.graph.attention import DotProductAttention

_CONVOLUTION = ("in_channels", "out_channels", "kernel_size", "stride", "padding", "dilation", "groups")
_MAX_POOL = ("kernel_size", "stride", "padding", "dilation", "ceil_mode")
_AVG_POOL = ("kernel_size", "stride", "padding", "ceil_mode", "count_include_pad")
_BATCH_NORM = ("num_features", "eps", "momentum", "affine", "track_running_stats")

LAYERS: dict[str, tuple[type[nn.Module], tuple[str, ...]]] = {
    "linear": (nn.Linear, ("in_features", "out_features")),
    "conv1d": (nn.Conv1d, _CONVOLUTION),
    "conv2d": (nn.Conv2d, _CONVOLUTION),
    "conv_transpose1d": (nn.ConvTranspose1d, (*_CONVOLUTION, "output_padding")),
    "conv_transpose2d": (nn.ConvTranspose2d, (*_CONVOLUTION, "output_padding")),
    "batch_norm1d": (nn.BatchNorm1d, _BATCH_NORM),
    "batch_norm2d": (nn.BatchNorm2d, _BATCH_NORM),
    "max_pool1d": (nn.MaxPool1d, _MAX_POOL),
    "max_pool2d": (nn.MaxPool2d, _MAX_POOL),
    "avg_pool1d": (nn.AvgPool1d, _AVG_POOL),
    "avg_pool2d": (nn.AvgPool2d, (*_AVG_POOL, "divisor_override")),
    "flatten": (nn.Flatten, ("start_dim", "end_dim")),
    "unflatten": (nn.Unflatten, ("dim", "unflattened_size")),
    "upsample": (nn.Upsample, ("size", "scale_factor", "mode", "align_corners")),
    "dropout": (nn.Dropout, ("p",)),
    "identity": (nn.Identity, ()),
    "relu": (nn.ReLU, ()),
    "leaky_relu": (nn.LeakyReLU, ("negative_slope",)),
    "hardtanh": (nn.Hardtanh, ("min_val", "max_val")),
    "sigmoid": (nn.Sigmoid, ()),
    "tanh": (nn.Tanh, ()),
    "gelu": (nn.GELU, ("approximate",)),
    "softplus": (nn.Softplus, ("beta", "threshold")),
    "affine": (Affine, ("num_channels", "dim")),
    "layer_norm": (nn.LayerNorm, ("normalized_shape", "eps", "elementwise_affine")),
    "group_norm": (nn.GroupNorm, ("num_groups", "num_channels", "eps", "affine")),
    "instance_norm1d": (nn.InstanceNorm1d, _BATCH_NORM),
    "instance_norm2d": (nn.InstanceNorm2d, _BATCH_NORM),
    "rms_norm": (nn.RMSNorm, ("normalized_shape", "eps", "elementwise_affine")),
    "softmax": (nn.Softmax, ("dim",)),
    "log_softmax": (nn.LogSoftmax, ("dim",)),
    "multihead_attention": (
        nn.MultiheadAttention,
        ("embed_dim", "num_heads", "dropout", "add_zero_attn", "kdim", "vdim", "batch_first"),
    ),
    "dot_product_attention": (DotProductAttention, ("is_causal", "scale")),
}
"""Class and constructor arguments of each kind of layer; weights come with ``bias`` as well."""

_BIASED = {
    "linear": "bias",
    "conv1d": "bias",
    "conv2d": "bias",
    "conv_transpose1d": "bias",
    "conv_transpose2d": "bias",
    "affine": "bias",
    "layer_norm": "bias",
    "multihead_attention": "in_proj_bias",
}
"""Kinds whose constructor takes ``bias``, and the parameter that tells of it."""


def layer_settings(layer: nn.Module, kind: str) -> dict[str, Any]:
    """The constructor arguments of a layer, jsonable; without ``bias``.

    Args:
        layer: Of the class of this kind or derived from it.
        kind: Key of ``LAYERS``.
    """
    found = {name: getattr(layer, name) for name in LAYERS[kind][1]}
    return {name: list(value) if isinstance(value, tuple) else value for name, value in found.items()}


def layer_spec(layer: nn.Module) -> dict[str, Any]:
    """What ``layer_from_spec`` needs to build a layer or an ``nn.Sequential`` of layers, jsonable.

    Args:
        layer: One of ``LAYERS``, or a sequential of such.

    Raises:
        LowlandError: Another kind of layer, or padding by anything but zeros.
    """
    if type(layer).forward is nn.Sequential.forward:
        return {
            "kind": "sequential",
            "layers": [[name, layer_spec(part)] for name, part in layer._modules.items() if part],
        }
    kind = next((kind for kind, (layer_type, _) in LAYERS.items() if type(layer) is layer_type), None)
    attends = isinstance(layer, nn.MultiheadAttention) and layer.bias_k is not None
    if kind is None or attends or getattr(layer, "padding_mode", "zeros") != "zeros":
        raise LowlandError(
            f"layer {layer!r} cannot be rebuilt from a spec; expected an nn.Sequential of {', '.join(LAYERS)} "
            "(convolutions padded with zeros, attention without add_bias_kv)"
        )
    spec = {"kind": kind, **layer_settings(layer, kind)}
    return {**spec, "bias": getattr(layer, _BIASED[kind]) is not None} if kind in _BIASED else spec


def layer_from_spec(spec: Mapping[str, Any]) -> nn.Module:
    """The layer that ``layer_spec`` described; its tensors, on the meta device, wait for ``load_state_dict``.

    Args:
        spec: Kind and constructor arguments.

    Raises:
        LowlandError: An unknown kind of layer.
    """
    settings = dict(spec)
    kind = settings.pop("kind")
    if kind == "sequential":
        return nn.Sequential(OrderedDict((name, layer_from_spec(part)) for name, part in settings["layers"]))
    if kind not in LAYERS:
        raise LowlandError(f"layer kind is {kind!r}; expected one of {', '.join(LAYERS)}")
    with torch.device("meta"):  # initial weights would advance torch's global generator
        return LAYERS[kind][0](**settings)
