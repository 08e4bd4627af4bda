"""Weights with their lowest bit left out: what the codes of a bit less at twice the scale stand for."""

import pytest
import torch

from lowland.architectures import MLP
from lowland.quantization import (
    Precision,
    QuantizationOptions,
    build_calibrated,
    freeze,
    quantize_dynamically,
    with_a_bit_less,
)

INPUTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(0))


def network() -> MLP:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return MLP(inputs=6, outputs=3, hidden=(12, 8)).eval()


def integers(bits: int):
    how = QuantizationOptions(input_bits=8, calibration_rows=40)
    precision = Precision(method="ptq", weight_bits=bits, activation_bits=8)
    return freeze(build_calibrated(network(), precision, how, INPUTS).eval())


@pytest.mark.parametrize("bits", [3, 4, 8])
def test_codes_of_integers_are_even_and_as_near_as_even_ones_can_be(bits: int) -> None:
    own = integers(bits)
    before = {name: codes.clone() for name, codes in own.codes.items()}
    fewer = with_a_bit_less(own)
    assert fewer is not None
    for name, codes in fewer.codes.items():
        if not name.endswith(".weight"):
            assert torch.equal(codes, before[name])
            continue
        for code, old in zip(codes.flatten().tolist(), before[name].flatten().tolist(), strict=True):
            evens = [even for even in range(-(2 ** (bits - 1)), 2 ** (bits - 1) - 1, 2)]
            nearest = min(abs(even - old) for even in evens)
            assert code in evens and abs(code - old) == nearest
    assert all(torch.equal(codes, before[name]) for name, codes in own.codes.items())


def test_dynamic_and_weight_only_networks_have_one_too() -> None:
    for given in (
        {"method": "dynamic", "weight_bits": 4, "activation_bits": 8},
        {"method": "weight_only", "weight_bits": 4, "activation_bits": 32},
    ):
        own = quantize_dynamically(network(), Precision.model_validate(given))
        fewer = with_a_bit_less(own)
        assert fewer is not None
        codes = [each.values for each in fewer.words.values() if each.encoding == "codes"]
        assert codes and not any((each % 2).any() for each in codes)
        assert not torch.equal(fewer(INPUTS), own(INPUTS))


def test_two_bits_are_the_fewest_and_floats_have_no_codes() -> None:
    assert with_a_bit_less(integers(2)) is None
    assert with_a_bit_less(network()) is None
