"""Steps with weights: products of integers, and a bias at the accumulator's scale."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from lowland.export.onnx_graph import OnnxGraph
from lowland.export.onnx_rules.registry import onnx_rule
from lowland.export.places import places_of_layer
from lowland.export.results import Site, stored_name
from lowland.quantization.graph.operations import weight_matrices
from lowland.quantization.graph.weighted_step import Weighted

_BYTE = 8
_SUM_BITS = 32


@onnx_rule("linear")
def linear(site: Site[Weighted], graph: OnnxGraph, name: str) -> str:
    """MatMulInteger of bytes, or MatMul of int64 where codes or sums are wider."""
    step = site.step
    if _fits_bytes(site):
        product = _of_bytes(site, graph, "MatMulInteger", name, step.weight.T)
    else:
        product = graph.node("MatMul", name, _wide(site, graph, "matrix", step.weight.T))
    return _biased(site, graph, product)


@onnx_rule("affine")
def affine(site: Site[Weighted], graph: OnnxGraph, name: str) -> str:
    """Products element by element."""
    step = site.step
    weight = step.weight.reshape(-1, *[1] * (-1 - step.sizes["dim"]))
    return _biased(site, graph, graph.node("Mul", name, _wide(site, graph, "factors", weight)))


@onnx_rule("conv1d", "conv2d")
def convolution(site: Site[Weighted], graph: OnnxGraph, name: str) -> str:
    """ConvInteger of bytes, or a product of matrices where codes or sums are wider."""
    step = site.step
    if not _fits_bytes(site):
        return gathered(site, graph, name)
    sizes = step.sizes
    product = _of_bytes(
        site,
        graph,
        "ConvInteger",
        name,
        step.weight,
        kernel_shape=list(sizes["kernel_size"]),
        strides=list(sizes["stride"]),
        dilations=list(sizes["dilation"]),
        pads=[*sizes["padding"], *sizes["padding"]],
        group=sizes["groups"],
    )
    return _biased(site, graph, product)


@onnx_rule("conv_transpose1d", "conv_transpose2d")
def gathered(site: Site[Weighted], graph: OnnxGraph, name: str) -> str:
    """The layer as a product of int64 matrices: what each output sees is gathered, then multiplied."""
    step, inputs = site.step, site.inputs[0]
    places = places_of_layer(step.kind, step.sizes, inputs.shape)
    matrices = weight_matrices(step.kind, step.sizes, step.weight).transpose(1, 2)
    patches = graph.gather(name, places, inputs)  # [rows, groups, positions, fan in]
    product = graph.node("MatMul", patches, _wide(site, graph, "matrices", matrices))
    by_channel = graph.node("Transpose", product, perm=[0, 1, 3, 2])
    return _biased(site, graph, graph.reshape(by_channel, site.result.shape))


def _fits_bytes(site: Site[Weighted]) -> bool:
    """Whether codes, weights and sums have the widths of the integer operators."""
    inputs, step = site.inputs[0], site.step
    narrow = 0 <= inputs.lowest <= inputs.highest < 2**_BYTE or inputs.reach <= 2 ** (_BYTE - 1) > inputs.highest
    return narrow and step.weight_bits <= _BYTE and step.accumulator_bits <= _SUM_BITS


def _of_bytes(
    site: Site[Weighted], graph: OnnxGraph, operator: str, name: str, weight: Tensor, **attributes: object
) -> str:
    """The product in unsigned bytes with zero points: kernels of signed ones saturate on some processors."""
    zero = 2 ** (_BYTE - 1)
    offset = zero if site.inputs[0].lowest < 0 else 0
    lifted = graph.node("Add", name, graph.constant(offset)) if offset else name
    words = (weight.to(torch.int64) + zero).to(torch.uint8)
    word = graph.word(stored_name(site.step, "weight"), f"{operator}_bytes", words)
    zeros = (graph.constant(np.array(value, np.uint8)) for value in (offset, zero))
    return graph.cast(graph.node(operator, graph.cast(lifted, np.uint8), word, *zeros, **attributes), np.int64)


def _wide(site: Site[Weighted], graph: OnnxGraph, form: str, weight: Tensor) -> str:
    """Weights as int64, which stand in the file as narrow as they are."""
    return graph.cast(graph.word(stored_name(site.step, "weight"), form, weight), np.int64)


def _biased(site: Site[Weighted], graph: OnnxGraph, product: str) -> str:
    """The product and the bias."""
    step = site.step
    if step.bias is None:
        return product
    behind = -1 - step.sizes["dim"] if step.kind == "affine" else step.weight.ndim - 2
    bias = step.bias.reshape(-1, *[1] * behind)
    word = graph.word(stored_name(step, "bias"), f"{behind}_behind", bias)
    return graph.node("Add", product, graph.cast(word, np.int64))
