from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from functools import cache

import pytest
import torch
from torch import Tensor

from lowland.errors import LowlandError
from lowland.faults import Flips, apply_flips, random_flips
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.scale_words import scale_words
from lowland.quantization import IntegerNetwork, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network, rows

Build = Callable[[], IntegerNetwork]
PER_CHANNEL = "one scale a channel"
mlp = cache(integer_network)


@cache
def convolutions() -> IntegerNetwork:
    return freeze(CASES[PER_CHANNEL].twin(4))


def inputs_of(network: IntegerNetwork) -> Tensor:
    return CASES[PER_CHANNEL].rows(6, seed=1) if network is convolutions() else rows(12, seed=1)[0]


def one_flip(name: str, element: int, position: int) -> Flips:
    return Flips({name: (torch.tensor([element]), torch.tensor([position]))})


def single_flips(network: IntegerNetwork) -> list[Flips]:
    return [
        one_flip(name, words.numel() - 1, position)
        for name, (words, bits) in scale_words(network).items()
        for position in range(bits)
    ]


def test_words_are_what_the_deployed_arithmetic_reads() -> None:
    found = scale_words(mlp(4))
    assert {name: bits for name, (_, bits) in found.items()} == {
        "input.scale": 32,
        "1.multiplier": 32,
        "1.shift": 6,
        "3.multiplier": 32,
        "3.shift": 6,
        "4.output_scale": 32,
    }
    for name, (words, bits) in found.items():
        assert words.dtype == torch.int64 and 0 <= int(words.min()) <= int(words.max()) < 2**bits, name
    assert stored_sizes(mlp(4), ("scales",)) == {name: (1, bits) for name, (_, bits) in found.items()}
    assert any(words.numel() > 1 for words, _ in scale_words(convolutions()).values())


def requantized(accumulators: Tensor, multiplier: Tensor, shift: Tensor, highest: int) -> Tensor:
    """Python fractions, rounded half to even."""
    size = accumulators.shape
    factors = torch.broadcast_to(multiplier, size[1:]).expand(size).flatten().tolist()
    shifts = torch.broadcast_to(shift, size[1:]).expand(size).flatten().tolist()
    products = zip(accumulators.flatten().tolist(), factors, shifts, strict=True)
    return torch.tensor([min(max(round(Fraction(a * m, 2**s)), 0), highest) for a, m, s in products]).reshape(size)


@pytest.mark.parametrize("build", [lambda: mlp(4), lambda: mlp(8), convolutions])
def test_every_single_flip_of_a_requantization_computes_with_the_flipped_word(build: Build) -> None:
    network = build()
    inputs = inputs_of(network)[:4]
    clean = network.integer_values(inputs)
    for flips in single_flips(network):
        (name,) = flips.bits
        step, kind = name.split(".")
        if kind not in ("multiplier", "shift"):
            continue
        flipped = apply_flips(network, flips)
        before = network.steps[step].inputs[0]
        words = {key: words for key, (words, _) in scale_words(flipped).items()}
        highest = 2 ** network.activation_bits[step] - 1
        expected = requantized(clean[before], words[f"{step}.multiplier"], words[f"{step}.shift"], highest)
        assert torch.equal(flipped.integer_values(inputs)[step], expected)
        carried = flipped.steps[step].carried(clean[before].double())
        assert torch.equal(carried.to(torch.int64), expected)


@pytest.mark.parametrize("build", [lambda: mlp(4), convolutions])
def test_both_arithmetics_agree_under_every_single_flip_and_twice_restores(build: Build) -> None:
    network = build()
    inputs = inputs_of(network)
    outputs, words = network.deployed_outputs(inputs), scale_words(network)
    for flips in single_flips(network):
        (name,) = flips.bits
        flipped = apply_flips(network, flips)
        for other, (now, _) in scale_words(flipped).items():
            difference = (now ^ words[other][0]).flatten().tolist()
            assert sum(d.bit_count() for d in difference) == (other == name)
        for other, codes in flipped.codes.items():
            assert codes.data_ptr() == network.codes[other].data_ptr()
        disturbed = flipped.deployed_outputs(inputs)
        if disturbed.isfinite().all():
            integers = flipped.forward_integer(inputs)
            assert torch.equal(flipped.scaled(integers), disturbed)
            floats = flipped(inputs)
            near = torch.isclose(floats, disturbed, rtol=1e-4, atol=1e-5 * float(disturbed.abs().max()))
            assert near.flatten(1).all(1).double().mean() >= 0.6  # but for rows with ties, which either may round up
            assert torch.equal(flipped.dequantized()(inputs).isnan(), floats.isnan())
        restored = apply_flips(flipped, flips)
        assert torch.equal(restored.deployed_outputs(inputs), outputs)
        assert all(torch.equal(now, words[other][0]) for other, (now, _) in scale_words(restored).items())


def test_a_flipped_output_scale_multiplies_the_same_accumulators() -> None:
    network = mlp(4)
    inputs = inputs_of(network)
    for position in range(32):
        flipped = apply_flips(network, one_flip("4.output_scale", 0, position))
        assert torch.equal(flipped.forward_integer(inputs), network.forward_integer(inputs))
        scale = (scale_words(network)["4.output_scale"][0] ^ 1 << position).to(torch.int32).view(torch.float32)
        assert torch.equal(flipped.output_scale, scale.reshape(()))
        assert torch.equal(flipped.deployed_outputs(inputs), network.forward_integer(inputs) * scale)


def test_non_finite_outputs_are_shown() -> None:
    network = mlp(4)
    inputs = inputs_of(network)
    for name in ("input.scale", "4.output_scale"):
        exponent = scale_words(network)[name][0] >> 23 & 255
        zeros = torch.tensor([23 + bit for bit in range(8) if not int(exponent) >> bit & 1])
        fraction = torch.cat([zeros, torch.tensor([0])])
        flipped = apply_flips(network, Flips({name: (torch.zeros_like(fraction), fraction)}))
        for outputs in (flipped(inputs), flipped.deployed_outputs(inputs)):
            assert not outputs.isfinite().any()
        if name == "input.scale":  # integers have no NaN
            assert torch.equal(flipped.integer_values(inputs)["input"], torch.zeros(inputs.shape, dtype=torch.int64))


def test_flips_of_scales_are_drawn_with_those_of_codes() -> None:
    network = mlp(4)
    sizes = stored_sizes(network, ("weights", "biases", "scales"))
    total = sum(size * bits for size, bits in sizes.values())
    flips = random_flips(network, count=total, targets=("weights", "biases", "scales"))
    assert len(flips) == total and set(flips.bits) == set(sizes)
    flipped = apply_flips(network, flips)
    assert torch.equal(scale_words(flipped)["1.shift"][0], 63 - network.steps["1"].shift)
    mask = 2 ** network.bits["0.weight"] - 1
    assert torch.equal(flipped.codes["0.weight"].long() & mask, ~network.codes["0.weight"].long() & mask)
    here = random_flips(network, count=5, targets=("scales",), layers=("3",))
    assert set(here.bits) <= {"3.multiplier", "3.shift"}
    coarse, fine = (random_flips(mlp(bits), count=20, targets=("scales",)) for bits in (2, 8))
    assert coarse.bits.keys() == fine.bits.keys()
    assert all(torch.equal(coarse.bits[name][1], fine.bits[name][1]) for name in fine.bits)


def test_misread_networks_are_not_saved() -> None:
    for name in ("input.scale", "1.shift", "4.output_scale"):
        flipped = apply_flips(mlp(4), one_flip(name, 0, 0))
        with pytest.raises(LowlandError, match="reads a wrong scale and has no spec"):
            _ = flipped.spec
    with pytest.raises(LowlandError, match=r"flips reach beyond 1\.shift: 1 elements of 6 bits"):
        apply_flips(mlp(4), one_flip("1.shift", 0, 6))
