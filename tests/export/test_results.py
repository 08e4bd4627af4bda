"""Shapes and ranges of what steps hand on."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from lowland.errors import LowlandError
from lowland.export.results import check_finite, deployed
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.moving_steps import Reshape
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.steps import STEPS
from tests.export.networks import NAMES, network, rows
from tests.export.random_graphs import RandomGraph
from tests.quantization.graphs import GRAPHS


@settings(deadline=None, max_examples=40)
@given(st.integers(0, 2**31), st.sampled_from([(5,), (2, 6), (2, 5, 6)]))
def test_integers_stay_in_their_ranges_whatever_comes_in(seed, shape):
    graph = RandomGraph(seed, shape)
    given = graph.network(8)
    inputs = graph.rows(8) * 100
    values = given.integer_values(inputs)
    for site in deployed(given, inputs).sites:
        value = values[site.step.name]
        assert tuple(value.shape[1:]) == site.result.shape
        assert site.result.lowest <= int(value.min()) <= int(value.max()) <= site.result.highest


@pytest.mark.parametrize("name", NAMES)
def test_the_output_and_its_scale_are_those_of_the_network(name):
    given, inputs = network(name, 8), rows(name, 4)
    part = deployed(given, inputs)
    integers = part.integers(inputs)
    assert tuple(integers.shape[1:]) == part.result.shape
    if part.output == list(given.steps)[-1]:
        assert torch.equal(integers, given.forward_integer(inputs)) and torch.equal(part.scale, given.output_scale)
    else:
        assert torch.equal(given.steps["decoder"].network(integers * part.scale), given(inputs))


def test_every_kind_tells_its_range():
    wide = {site.step.kind for name in NAMES for site in deployed(network(name, 4), rows(name, 1)).sites
            if site.result.highest >= 2**61}  # fmt: skip
    assert not wide and len(STEPS) > 20


@pytest.mark.parametrize(
    "given, example, message",
    [
        (nn.Linear(2, 2), torch.zeros(1, 2), "network is a Linear; expected an IntegerNetwork"),
        ("tied", torch.zeros(0, 6), "at least one row"),
        ("tied", torch.zeros(6), "expected a tensor of inputs"),
        ("tied", [[0.0] * 6], "example is list"),
    ],
)
def test_what_is_no_network_or_no_rows_is_refused(given, example, message):
    with pytest.raises(LowlandError, match=message):
        deployed(network(given, 4) if isinstance(given, str) else given, example)


def test_a_step_that_mixes_rows_is_refused():
    class Mixing(Reshape):
        @staticmethod
        def function(*values, shape):
            return values[0].reshape(1, -1)

    first = Quantize("input", (INPUTS,), bits=8, signed=True, scale=torch.tensor(0.1))
    with pytest.raises(LowlandError, match="step 'mixed' makes"):
        deployed(IntegerNetwork([first, Mixing("mixed", ("input",), shape=[])]), torch.zeros(3, 4))


def test_tokens_may_be_whole_numbers():
    given, tokens = GRAPHS["tokens"].network(), GRAPHS["tokens"].rows(3)
    assert torch.equal(deployed(given, tokens.long()).integers(tokens.long()), given.forward_integer(tokens))


def test_numbers_without_a_code_are_refused():
    for number in (torch.nan, torch.inf):
        with pytest.raises(LowlandError, match="NaN or Inf"):
            check_finite(torch.tensor([[0.0, number]]))
