"""Flips in networks that store codes of weights beside float32 words."""

import copy

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.faults import (
    Flips,
    MemoryFaultOptions,
    apply_flips,
    apply_stuck_bits,
    draw_flips,
    fault_series,
    flip_sensitivity,
    random_flips,
    random_upsets,
)
from lowland.quantization import Precision, quantize_dynamically


def subject(runtime: str = "torchao", **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 8), nn.ReLU(), nn.Linear(8, 4)).eval()
    precision = Precision(method="dynamic", weight_bits=6, activation_bits=8, runtime=runtime, **options)
    return quantize_dynamically(network, precision), torch.randn(30, 6, generator=torch.Generator().manual_seed(1))


def at(name: str, element: int, bit: int) -> Flips:
    return Flips({name: (torch.tensor([element]), torch.tensor([bit]))})


def test_one_flip_changes_one_word():
    network, _ = subject()
    words = network.words
    flipped = apply_flips(network, at("0.weight", 5, 5)).words  # the sign of 6 bits
    apart = flipped["0.weight"].values.int() - words["0.weight"].values.int()
    assert apart.count_nonzero() == 1 and int(apart.flatten()[5].abs()) == 32
    for name in ("0.bias", "2.scale"):
        flipped = apply_flips(network, at(name, 1, 31)).words  # the sign of float32
        expected = words[name].values.clone()
        expected.view(-1)[1] *= -1
        assert torch.equal(flipped[name].values, expected)
        assert all(torch.equal(flipped[other].values, words[other].values) for other in words if other != name)


@pytest.mark.parametrize("encoding", ["twos_complement", "offset_binary"])
def test_flipping_twice_restores_the_network(encoding):
    network, inputs = subject()
    before = copy.deepcopy(network.state_dict())
    flips = random_flips(network, bit_error_rate=0.1, targets=("weights", "biases", "scales"))
    flipped = apply_flips(network, flips, encoding=encoding)
    assert not torch.equal(flipped(inputs), network(inputs))
    back = apply_flips(flipped, flips, encoding=encoding)
    assert all(torch.equal(back.state_dict()[name], values) for name, values in before.items())
    assert all(torch.equal(network.state_dict()[name], values) for name, values in before.items())


def test_what_can_flip_is_what_is_stored():
    network, _ = subject()
    assert len(draw_flips(network).uniforms) == 6 * (48 + 32) + 32 * (8 + 4)
    assert len(draw_flips(network, targets=("scales",)).uniforms) == 32 * (8 + 4)
    assert len(draw_flips(network, targets=("weights",), layers=("2",)).uniforms) == 6 * 32
    with pytest.raises(LowlandError, match=r"layers are .*expected names of steps of the network: 0, 2"):
        draw_flips(network, layers=("1",))
    with pytest.raises(LowlandError, match=r"flips name tensor '9\.weight'"):
        apply_flips(network, at("9.weight", 0, 0))


def test_stuck_bits_and_upsets():
    network, _ = subject()
    stuck = apply_stuck_bits(network, Flips({"0.bias": (torch.arange(8), torch.full((8,), 31))}), value=0)
    assert torch.equal(stuck.words["0.bias"].values, network.words["0.bias"].values.abs())
    upsets = random_upsets(network, length=3, count=10, key=("upsets",))
    assert len(upsets) == 30
    apply_flips(network, upsets)


LEVELS = {"counts": (3,), "bit_error_rates": (0.01,), "draws": 2}


def test_a_study_has_every_fault_of_stored_words_and_says_which_are_float32():
    network, inputs = subject()
    asked = {name: LEVELS for name in ("codes", "weights", "biases", "scales", "stuck_at_0", "stuck_at_1")}
    options = MemoryFaultOptions(
        encoding="twos_complement",
        **asked,
        upsets={**LEVELS, "length": 2},
        ranked={"counts": (3,)},
        activations={"bit_error_rates": (0.01,)},
    )
    found = {(one.condition, one.target): one for one in fault_series(network, options, key=("toy",))}
    assert set(found) == {
        (condition, target)
        for target in ("", "weights", "float32_biases", "scales")
        for condition in ("flips", "bit_error_rate")
    } | {(f"{kind}{by}", "") for kind in ("stuck_at_0", "stuck_at_1") for by in ("", "_rate")} | {
        ("upsets", ""),
        ("upset_rate", ""),
    }
    for (_, target), series in found.items():
        disturbed = series.draws[0](series.levels[0])
        changed = {
            name.rpartition(".")[2]
            for name, stored in disturbed.words.items()
            if not torch.equal(stored.values, network.words[name].values)
        }
        assert changed <= {"": {"weight", "bias"}, "weights": {"weight"}, "scales": {"scale"}}.get(target, {"bias"})
        assert disturbed(inputs).shape == (30, 4)


def test_a_map_of_flips_needs_integers():
    network, inputs = subject()
    with pytest.raises(LowlandError, match="expected a network in integers alone: use method ptq or qat"):
        flip_sensitivity(network, lambda outputs, targets: outputs.argmax(1) == targets, [(inputs, torch.zeros(30))])
