"""Codes of weights: what the scales are, and what fits."""

import pytest
import torch

from lowland.quantization.dynamic.arithmetic import ARITHMETICS, WEIGHT_ONLY
from lowland.quantization.dynamic.weight_codes import code_weights

CODINGS = {name: each.weights for name, each in (ARITHMETICS | {"weight_only": WEIGHT_ONLY}).items()}


def weights() -> torch.Tensor:
    return torch.randn(6, 11, generator=torch.Generator().manual_seed(0)) * torch.arange(1, 7)[:, None]


@pytest.mark.parametrize("axis", [None, 0])
@pytest.mark.parametrize("bits", [2, 4, 6, 8])
@pytest.mark.parametrize("name", CODINGS)
def test_codes_are_the_nearest_and_reach_the_end(name, bits, axis):
    coded = code_weights(weights(), CODINGS[name], bits=bits, axis=axis)
    assert coded.scale.shape == (() if axis is None else (6, 1))
    assert coded.codes.dtype == torch.int8
    highest = 2 ** (bits - 1) - 1
    lowest = -highest if CODINGS[name].narrow else -highest - 1
    assert lowest <= int(coded.codes.min()) and int(coded.codes.max()) <= highest
    sizes = coded.codes.int().abs()
    tops = sizes.amax(1) if axis == 0 else sizes.amax()[None]
    assert int(tops.min()) >= highest
    apart = (coded.codes * coded.scale - weights()).abs() / coded.scale
    assert float(apart.max()) <= 0.5 + 1e-5  # half a step, at the ends too


@pytest.mark.parametrize("name", CODINGS)
def test_a_channel_of_zeros_has_a_scale(name):
    silent = weights()
    silent[2] = 0.0
    coded = code_weights(silent, CODINGS[name], bits=8, axis=0)
    assert coded.codes[2].count_nonzero() == 0 and float(coded.scale[2]) > 0


def test_scales_follow_the_unit_but_for_the_floor_of_torchao():
    for name, coding in CODINGS.items():
        large, small = (code_weights(weights() * 2.0**power, coding, bits=8, axis=0) for power in (20, -60))
        assert torch.equal(large.codes, small.codes) == (name != "torchao")
