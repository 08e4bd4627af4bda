"""Integers carried in floats are the same integers."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from lowland.quantization import IntegerNetwork, freeze
from lowland.quantization.graph.rounding_steps import Requantize, fixed_point
from lowland.quantization.graph.step import INPUTS
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network, rows


def _network(name: str) -> tuple[IntegerNetwork, torch.Tensor]:
    if name in CASES:
        return freeze(CASES[name].twin(4, steps=5)), CASES[name].rows(12, seed=9)
    return integer_network(int(name)), rows(300)[0]


@pytest.mark.parametrize("name", ["2", "4", "8", "12", *CASES])
def test_every_step_gives_the_same_integers(name):
    network, inputs = _network(name)
    expected = network.integer_values(inputs)
    values = {INPUTS: inputs}
    for step in network.steps.values():
        values[step.name] = step.carried(*(values[source] for source in step.inputs))
        assert torch.equal(values[step.name].double(), expected[step.name].double()), step.name
    outputs = network.forward_integer(inputs).to(network.output_scale.dtype) * network.output_scale
    assert torch.equal(network.deployed_outputs(inputs), outputs)


@settings(max_examples=200, deadline=None)
@given(
    ratio=st.floats(1e-6, 4.0),
    bits=st.integers(2, 16),
    signed=st.booleans(),
    accumulator_bits=st.integers(10, 40),
    seed=st.integers(0, 1000),
)
def test_roundings_are_the_same_on_ties_too(ratio, bits, signed, accumulator_bits, seed):
    multiplier, shift = fixed_point(ratio, accumulator_bits=accumulator_bits)
    step = Requantize("1", ("0",), bits=bits, signed=signed, scale=torch.ones(()), multiplier=multiplier, shift=shift)
    high = 2 ** (accumulator_bits - 1)
    draws = torch.Generator().manual_seed(seed)
    spread = torch.randint(-high, high, (200,), generator=draws)
    halves = ((torch.arange(-100, 100).double() + 0.5) / ratio).round().long().clamp(-high, high - 1)
    for values in (spread, halves):
        assert torch.equal(step.carried(values.double()).long(), step.integer(values))


def test_exact_ties_go_to_even():
    step = Requantize(
        "1", ("0",), bits=4, signed=True, scale=torch.ones(()), multiplier=torch.tensor(1), shift=torch.tensor(1)
    )
    assert step.carried(torch.tensor([-3.0, -1.0, 1.0, 3.0, 5.0])).tolist() == [-2, 0, 0, 2, 2]
