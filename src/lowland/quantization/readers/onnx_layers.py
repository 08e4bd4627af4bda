"""Layers and pooling of QONNX files."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch

from lowland.quantization.readers.flow import Codes, Flow, Layer, NotInteger
from lowland.quantization.readers.onnx_constants import Coded, Context, constant_of, exact
from lowland.quantization.readers.onnx_graph import OnnxNode


def _codes(value: Any, channel: int) -> Codes:
    """A constant as the weights of a layer, with one scale or one along its channels.

    Args:
        value: The constant.
        channel: Its dimension of output channels.
    """
    if isinstance(value, Flow):
        raise NotInteger("multiplies two values that both depend on the data")
    if not isinstance(value, Coded):
        raise NotInteger("has weights that nobody quantizes: expected a Quant node before them")
    codes = torch.from_numpy(np.array(value.codes))
    scale = torch.from_numpy(np.array(value.scale, dtype=np.float32))
    if bool((scale == scale.flatten()[0]).all()):
        return Codes(codes, scale.flatten()[0].clone(), value.bits)
    view = tuple(slice(None) if dim == channel else slice(1) for dim in range(codes.ndim))
    one = scale[view]
    if not bool((one == scale).all()):
        raise NotInteger("has weights with scales that differ within a channel: expected one a tensor or a channel")
    return Codes(codes, one.clone(), value.bits)


def _linear(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any, *, transposed: bool) -> Flow:
    if not isinstance(value, Flow):
        raise NotInteger("multiplies constants by values: expected values first")
    origin = weight
    if isinstance(weight, Coded):
        if weight.codes.ndim != 2:
            raise NotInteger(f"multiplies by a constant of shape {weight.codes.shape}: expected a matrix")
        if not transposed:
            weight = Coded(weight.codes.T, weight.scale.T, weight.bits)
    codes = _codes(weight, 0)
    outputs, inputs = codes.codes.shape
    layer = Layer(node.name, "linear", {"in_features": int(inputs), "out_features": int(outputs)}, codes, origin)
    summand = None if bias is None else exact(constant_of(bias, "biases")).flatten().expand(outputs)
    return context.assembler.weighted(value, layer, summand)


def matmul(context: Context, node: OnnxNode, value: Any, weight: Any) -> Flow:
    """A product with a matrix of weights, inputs first."""
    return _linear(context, node, value, weight, None, transposed=False)


def gemm(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any = None) -> Flow:
    """The same with a bias."""
    given = node.attributes
    if given.get("transA", 0) or given.get("alpha", 1.0) != 1 or (bias is not None and given.get("beta", 1.0) != 1):
        raise NotInteger("has transA, alpha or beta: expected none of them")
    return _linear(context, node, value, weight, bias, transposed=bool(given.get("transB", 0)))


def _pads(node: OnnxNode, sizes: int) -> list[int]:
    """Padding of each dimension, equal on both sides."""
    if node.attributes.get("auto_pad", "NOTSET") not in ("NOTSET", "VALID"):
        raise NotInteger(f"is padded by {node.attributes['auto_pad']}: expected pads in numbers")
    pads = list(node.attributes.get("pads", [0] * 2 * sizes))
    if pads[:sizes] != pads[sizes:]:
        raise NotInteger(f"is padded by {pads}: expected as much at both ends")
    return pads[:sizes]


def convolution(context: Context, node: OnnxNode, value: Any, weight: Any, bias: Any = None) -> Flow:
    """A convolution, transposed or not, along one or two dimensions."""
    transposed = node.kind == "ConvTranspose"
    if not isinstance(value, Flow):
        raise NotInteger("has inputs that are constants")
    codes = _codes(weight, 1 if transposed else 0)
    count = codes.codes.ndim - 2
    groups = int(node.attributes.get("group", 1))
    if count not in (1, 2):
        raise NotInteger(f"moves along {count} dimensions: expected 1 or 2")
    if transposed and (groups > 1 or node.attributes.get("output_shape")):
        raise NotInteger("is transposed and has groups or an output_shape: expected neither")
    first, second, *kernel = (int(size) for size in codes.codes.shape)
    sizes: dict[str, Any] = {
        "in_channels": first if transposed else second * groups,
        "out_channels": second if transposed else first,
        "kernel_size": kernel,
        "stride": list(node.attributes.get("strides", [1] * count)),
        "padding": _pads(node, count),
        "dilation": list(node.attributes.get("dilations", [1] * count)),
        "groups": groups,
    }
    if transposed:
        sizes["output_padding"] = list(node.attributes.get("output_padding", [0] * count))
    kind = f"conv{'_transpose' if transposed else ''}{count}d"
    summand = None if bias is None else exact(constant_of(bias, "biases")).flatten()
    return context.assembler.weighted(value, Layer(node.name, kind, sizes, codes, weight), summand)


def pool(context: Context, node: OnnxNode, value: Flow) -> Flow:
    """The largest or the mean of each window."""
    given = node.attributes
    kernel = [int(size) for size in given["kernel_shape"]]
    padding = _pads(node, len(kernel))
    sizes: dict[str, Any] = {
        "kernel_size": kernel,
        "stride": list(given.get("strides", [1] * len(kernel))),
        "padding": padding,
    }
    ceil = bool(given.get("ceil_mode", 0))
    if len(kernel) not in (1, 2):
        raise NotInteger(f"moves along {len(kernel)} dimensions: expected 1 or 2")
    if node.kind == "MaxPool":
        sizes |= {"dilation": list(given.get("dilations", [1] * len(kernel))), "ceil_mode": ceil}
        return context.assembler.passing(value, f"max_pool{len(kernel)}d", node.name, **sizes)
    if ceil or (any(padding) and not given.get("count_include_pad", 0)):
        raise NotInteger("divides by changing numbers: expected count_include_pad and no ceil_mode")
    sizes |= {"ceil_mode": False, "count_include_pad": True}
    if len(kernel) == 2:
        sizes["divisor_override"] = None
    return context.assembler.passing(value, f"avg_pool{len(kernel)}d", node.name, **sizes)


def mean(context: Context, node: OnnxNode, value: Flow, axes: Any = None) -> Flow:
    """A mean over dimensions of a row."""
    shape = context.assembler.shape(value)
    if node.kind == "GlobalAveragePool":
        dims, keep = list(range(2, len(shape) + 1)), True
    else:
        chosen = node.attributes.get("axes") if axes is None else np.asarray(axes).flatten().tolist()
        dims = [int(axis) % (len(shape) + 1) for axis in (chosen or [0])]
        keep = bool(node.attributes.get("keepdims", 1))
    if 0 in dims:
        raise NotInteger("takes the mean over rows")
    count = int(np.prod([shape[dim - 1] for dim in dims]))
    ends = [dim - len(shape) - 1 for dim in dims]
    return context.assembler.passing(value, "mean", node.name, dims=ends, keepdim=keep, count=count)
