"""What other runtimes answer is what the integers say."""

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.export import runtime_outputs
from lowland.quantization import freeze
from tests.quantization.networks import rows, twin


@pytest.mark.parametrize("runtime", ["onnxruntime", "c"])
def test_outputs_are_the_integers_at_their_scale(runtime):
    if runtime == "onnxruntime":
        pytest.importorskip("onnxruntime")
    network, inputs = freeze(twin(4)), rows(300)[0]
    found = runtime_outputs(network, inputs, runtime)
    assert torch.equal(found, network.forward_integer(inputs).double() * network.output_scale.double())
    torch.testing.assert_close(found, network(inputs).detach().double(), rtol=1e-4, atol=1e-4)


def test_a_network_of_floats_is_told():
    with pytest.raises(LowlandError, match="network is a Linear with a float part; expected integers to the outputs"):
        runtime_outputs(nn.Linear(3, 2), torch.zeros(4, 3), "c")
