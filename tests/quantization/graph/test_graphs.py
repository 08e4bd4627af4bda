"""Networks of all kinds of steps: the same function in floats, in integers, in carried integers and differentiably."""

from __future__ import annotations

import copy
import json

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork
from lowland.quantization.graph.rounding_steps import Quantize
from lowland.quantization.graph.step import INPUTS
from lowland.quantization.graph.steps import STEPS
from tests.quantization.graphs import GRAPHS

BITS = [3, 4, 8]


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", GRAPHS)
def test_integers_times_scale_are_the_floats(name: str, bits: int) -> None:
    network = GRAPHS[name].network(bits)
    inputs = GRAPHS[name].rows(100, seed=1)
    integers, floats = network.integer_values(inputs), network.float_values(inputs)
    for step, codes in network.activation_codes.items():
        found = (floats[step] / codes.scale).round().long()
        apart = (found - integers[step]).abs()
        assert int(apart.max()) <= 1 and float((apart > 0).double().mean()) < 0.01, step
        assert int(integers[step].min()) >= codes.lowest
        assert int(integers[step].max()) <= codes.highest
        assert len(integers[step].unique()) > 1, step  # something is computed
    outputs = network.forward_integer(inputs) * network.output_scale
    assert float((outputs - network(inputs)).abs().mean()) < 0.02 * float(outputs.std())


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("name", GRAPHS)
def test_carried_integers_are_the_same(name: str, bits: int) -> None:
    network = GRAPHS[name].network(bits)
    inputs = GRAPHS[name].rows(60, seed=2)
    expected = network.integer_values(inputs)
    values = {INPUTS: inputs}
    for step_name, step in network.steps.items():
        values[step_name] = step.carried(*(values[source] for source in step.inputs))
        assert torch.equal(values[step_name].double(), expected[step_name].double()), step_name
    assert torch.equal(network.deployed_outputs(inputs), network.scaled(network.forward_integer(inputs)))


@pytest.mark.parametrize("name", GRAPHS)
def test_networks_survive_json_and_their_state(name: str) -> None:
    network = GRAPHS[name].network()
    state = network.state_dict()
    again = IntegerNetwork.from_spec(json.loads(json.dumps(network.spec)))
    again.load_state_dict({key: tensor.clone() for key, tensor in state.items()}, assign=True)
    inputs = GRAPHS[name].rows(30, seed=3)
    assert again.spec == network.spec
    assert again.state_dict().keys() == state.keys()
    assert all(again.codes[key].dtype == codes.dtype for key, codes in network.codes.items())
    assert torch.equal(again(inputs), network(inputs))
    assert torch.equal(again.forward_integer(inputs), network.forward_integer(inputs))
    named = {tensor for step in network.spec["steps"] for tensor in step["tensors"].values()}
    assert named == set(state)
    words = network.spec["words"]
    assert sum(word["bits"] * state[key].numel() for key, word in words.items()) == network.size
    assert {key for key, word in words.items() if word["scale"]} == {f"steps.{key}" for key in network.codes}
    for key, scale in network.scales.items():
        assert torch.equal(state[words[f"steps.{key}"]["scale"]], scale)


@pytest.mark.parametrize("name", GRAPHS)
def test_the_dequantized_twin_computes_the_same(name: str) -> None:
    network = GRAPHS[name].network()
    inputs = GRAPHS[name].rows(50, seed=4)
    smooth = network.dequantized()
    torch.testing.assert_close(smooth(inputs), network(inputs), rtol=1e-5, atol=1e-6)
    parameters = dict(smooth.named_parameters())
    codes = {key: value for key, value in network.codes.items() if not key.endswith(".table")}
    assert [key for key in parameters if key in codes] == list(codes)
    for key, value in codes.items():
        assert torch.equal(parameters[key].detach(), value * network.scales[key])
    smooth(inputs).square().sum().backward()
    assert all(float(parameters[key].grad.abs().sum()) > 0 for key in codes if key.endswith("weight"))


def test_all_kinds_of_steps_are_here_in_the_chains_or_recurrent() -> None:
    chains = {"conv_transpose2d", "max_pool1d", "max_pool2d", "flatten", "unflatten", "float_island", "scan"}
    kinds = {step["kind"] for graph in GRAPHS.values() for step in graph.network().spec["steps"]}
    assert kinds | chains == set(STEPS)


@pytest.mark.parametrize("name", GRAPHS)
def test_copies_are_copies(name: str) -> None:
    network = GRAPHS[name].network()
    inputs = GRAPHS[name].rows(10)
    before = network(inputs)
    other = copy.deepcopy(network)
    with torch.no_grad():
        for tensor in other.state_dict().values():
            tensor.zero_()
    assert torch.equal(network(inputs), before)
    assert not torch.equal(other.forward_integer(inputs), network.forward_integer(inputs))


def test_steps_take_what_comes_before_them() -> None:
    first = Quantize("a", ("b",), bits=4, signed=True, scale=torch.ones(()))
    second = Quantize("b", (INPUTS,), bits=4, signed=True, scale=torch.ones(()))
    with pytest.raises(LowlandError, match="step 'a' takes 'b'; expected steps before it: inputs"):
        IntegerNetwork([first, second])


def test_float_parameters_are_words_of_32_bits() -> None:
    network = GRAPHS["attention"].network()
    words = network.float_words
    assert {"norm.weight", "norm.bias", "attend.in_proj_weight"} < set(words)
    coded = sum(codes.numel() * network.bits[key] for key, codes in network.codes.items())
    assert network.size == coded + 32 * sum(value.numel() for value in words.values())
    assert network.spec["words"]["steps.norm.layer.weight"] == {"bits": 32, "scale": None, "encoding": "float32"}
    other = network.with_float_words({"norm.weight": torch.zeros(4)})
    assert torch.equal(other.float_words["norm.weight"], torch.zeros(4))
    assert torch.equal(network.float_words["norm.weight"], torch.ones(4))
    inputs = GRAPHS["attention"].rows(20)
    assert not torch.equal(other.forward_integer(inputs), network.forward_integer(inputs))
    assert other.float_values(inputs)["norm"].abs().max() == 0
