"""Steps with weights: sums of products, and a bias at the accumulator's scale."""

from __future__ import annotations

from math import prod
from typing import Any

from lowland.export.c_program import Buffer, CProgram
from lowland.export.c_rules.registry import c_rule
from lowland.export.places import Axis, axes_of
from lowland.export.results import Site
from lowland.quantization.graph.weighted_step import Weighted

_ACCUMULATOR = 32
"""Width of the narrowest accumulator: what processors add."""


@c_rule("linear")
def linear(site: Site[Weighted], program: CProgram, codes: Buffer) -> Buffer:
    """A sum of products for every output."""
    features, outputs = site.inputs[0].shape[-1], site.result.shape[-1]
    return program.call(
        "linear.c.j2",
        [codes],
        program.buffer(site.result, at_least=_ACCUMULATOR),
        places=site.inputs[0].size // features,
        features=features,
        outputs=outputs,
        **words(site, program),
    )


@c_rule("conv1d", "conv2d")
def convolution(site: Site[Weighted], program: CProgram, codes: Buffer) -> Buffer:
    """The products of one weight after the other, over all places of the output that see its input."""
    axes = axes_of(site.step.sizes, site.inputs[0].shape[1:], site.result.shape[1:])
    return _convolution(site, program, codes, axes, transposed=False)


@c_rule("conv_transpose1d", "conv_transpose2d")
def transposed_convolution(site: Site[Weighted], program: CProgram, codes: Buffer) -> Buffer:
    """The same with input and output in turned roles."""
    axes = axes_of(site.step.sizes, site.result.shape[1:], site.inputs[0].shape[1:])
    return _convolution(site, program, codes, axes, transposed=True)


def _convolution(
    site: Site[Weighted], program: CProgram, codes: Buffer, axes: tuple[Axis, ...], *, transposed: bool
) -> Buffer:
    sizes = site.step.sizes
    height, width = axes if len(axes) == 2 else (Axis(1, 1, 1, 1, 0, 1), *axes)
    reaches: dict[str, Any] = {}
    for name, axis in (("y", height), ("x", width)):
        seeing = [axis.seeing(offset) for offset in range(axis.kernel)]
        reaches[f"first_{name}"] = program.table(f"first_{name}", [windows.start for windows in seeing])
        reaches[f"end_{name}"] = program.table(f"end_{name}", [windows.stop for windows in seeing])
    return program.call(
        "convolution.c.j2",
        [codes],
        program.buffer(site.result, at_least=_ACCUMULATOR),
        height=height,
        width=width,
        transposed=transposed,
        groups=sizes["groups"],
        seen=sizes["in_channels"] // sizes["groups"],
        made=sizes["out_channels"] // sizes["groups"],
        **reaches,
        **words(site, program),
    )


@c_rule("affine")
def affine(site: Site[Weighted], program: CProgram, codes: Buffer) -> Buffer:
    """A product and a sum for every element."""
    shape, dim = site.result.shape, site.step.sizes["dim"]
    if site.step.weight.numel() == 1:  # for all channels
        shape, dim = (prod(shape), 1), -1
    return program.call(
        "affine.c.j2",
        [codes],
        program.buffer(site.result, at_least=_ACCUMULATOR),
        outer=prod(shape[:dim]),
        channels=shape[dim],
        inner=prod(shape[len(shape) + dim + 1 :]),
        **words(site, program),
    )


def words(site: Site[Weighted], program: CProgram) -> dict[str, Any]:
    """Names of the stored words of a step; ``None`` for a bias that it has not."""
    step = site.step
    bias = None if step.bias is None else program.word(step, "bias")
    return {"weight": program.word(step, "weight"), "bias": bias}
