"""The graph that a file tells: it names every tensor once, and refuses what the steps do not do."""

import pytest
import torch

from lowland.errors import LowlandError
from lowland.quantization import IntegerNetwork, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network


@pytest.mark.parametrize("case", CASES)
def test_every_tensor_of_the_state_is_named_by_one_step(case):
    network = freeze(CASES[case].twin(4))
    named = [name for step in network.spec["steps"] for name in step["tensors"].values()]
    assert sorted(named) == sorted(network.state_dict())


@pytest.mark.parametrize("case", CASES)
def test_words_are_the_codes_with_their_widths_and_scales(case):
    network = freeze(CASES[case].twin(4))
    state, words = network.state_dict(), network.spec["words"]
    assert list(words) == [f"steps.{name}" for name in network.codes]
    assert sum(word["bits"] * state[name].numel() for name, word in words.items()) == network.size
    for name, scale in network.scales.items():
        assert torch.equal(state[words[f"steps.{name}"]["scale"]], scale)


def test_what_stays_float_is_not_deployed():
    spec = freeze(CASES["autoencoder"].twin(4)).spec
    assert spec["off_device"] == ["decoder"]
    assert spec["output"]["step"] == spec["steps"][-2]["name"]
    assert not any("decoder" in name for name in spec["words"])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"rounding": "half_up"}, "rounding of the network is 'half_up'; expected 'half_even'"),
        ({"overflow": "wrap"}, "overflow of the network is 'wrap'"),
        ({"encoding": "sign_magnitude"}, "encoding of the network is 'sign_magnitude'"),
    ],
)
def test_other_conventions_are_refused(change, message):
    with pytest.raises(LowlandError, match=message):
        IntegerNetwork.from_spec(integer_network(4).spec | change)


def test_a_step_that_reads_another_steps_tensor_is_refused():
    spec = integer_network(4).spec
    spec["steps"][3]["tensors"]["weight"] = "steps.0.weight"
    with pytest.raises(LowlandError, match=r"step '2' reads the tensors .*; expected its own"):
        IntegerNetwork.from_spec(spec)
