"""The networks that foreign formats are tried on: chains and graphs, and what to skip without a compiler."""

from __future__ import annotations

import shutil
from functools import cache

import pytest
import torch
from torch import Tensor

from lowland.quantization import IntegerNetwork, freeze
from lowland.quantization.graph.affine_step import AffineStep
from lowland.quantization.graph.rounding_steps import PRODUCT_BITS, Quantize, Requantize
from lowland.quantization.graph.step import INPUTS
from tests.quantization.convolutions import CASES
from tests.quantization.graphs import GRAPHS

NAMES = [*CASES, *(name for name in GRAPHS if name != "attention")]
"""All but the one with floats inside."""

needs_gcc = pytest.mark.skipif(
    shutil.which("gcc") is None and shutil.which("cc") is None, reason="no gcc and no cc on this machine"
)


@cache
def network(name: str, bits: int) -> IntegerNetwork:
    return freeze(CASES[name].twin(bits)) if name in CASES else GRAPHS[name].network(bits)


def rows(name: str, count: int) -> Tensor:
    return CASES[name].rows(count, seed=7) * 2 if name in CASES else GRAPHS[name].rows(count, seed=7)


def edges() -> tuple[IntegerNetwork, Tensor]:
    """A network whose roundings meet ties, both signs, products near 2^62 and every shift; and rows for it."""
    draws = torch.Generator().manual_seed(0)
    channels = 4 * PRODUCT_BITS
    shift = torch.arange(1, 1 + PRODUCT_BITS).repeat(4)
    wide = torch.arange(channels) % 4 >= 2
    multiplier = torch.where(wide, torch.randint(2**12, 2**13, (channels,), generator=draws), 1)
    half = torch.where(wide, 2**40, torch.ones_like(shift) << (shift - 1).clamp(max=46))
    bias = half * torch.where(torch.arange(channels) % 2 == 0, 1, -1)
    affine = AffineStep(
        "wide",
        ("input",),
        sizes={"num_channels": channels, "dim": -1},
        weight=torch.ones(channels, dtype=torch.int8),
        weight_bits=2,
        weight_scale=torch.tensor(1.0),
        bias=bias,
        bias_bits=48,
        output_scale=torch.tensor(1.0),
        accumulator_bits=49,
    )
    last = Requantize(
        "last", ("wide",), bits=16, signed=True, scale=torch.tensor(1.0), multiplier=multiplier, shift=shift
    )
    steps = [Quantize("input", (INPUTS,), bits=8, signed=True, scale=torch.tensor(1.0)), affine, last]
    return IntegerNetwork(steps), torch.arange(-6.0, 7.0)[:, None].repeat(1, channels)
