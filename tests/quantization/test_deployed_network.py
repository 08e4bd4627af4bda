"""What can be asked of every deployed network."""

import inspect

import pytest
import torch
from torch import nn

from lowland.quantization import (
    DeployedNetwork,
    DynamicNetwork,
    IntegerNetwork,
    Precision,
    build_quantized,
    calibrate,
    freeze,
    quantize_dynamically,
)


def made(method: str) -> tuple[nn.Module, torch.Tensor]:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(5, 6), nn.ReLU(), nn.Linear(6, 3)).eval()
    inputs = torch.randn(40, 5, generator=torch.Generator().manual_seed(1))
    precision = Precision(method=method, weight_bits=5, activation_bits=32 if method == "weight_only" else 5)
    if method == "ptq":
        return freeze(calibrate(build_quantized(network, precision, input_bits=8), inputs)), inputs
    return quantize_dynamically(network, precision), inputs


@pytest.mark.parametrize("kind", [IntegerNetwork, DynamicNetwork])
def test_both_have_all_of_the_protocol(kind):
    for name, member in inspect.getmembers(DeployedNetwork):
        if not name.startswith("_"):
            assert isinstance(getattr(kind, name), type(member)), name
            if callable(member):
                assert inspect.signature(getattr(kind, name)).parameters == inspect.signature(member).parameters


@pytest.mark.parametrize("method", ["ptq", "dynamic", "weight_only"])
def test_words_are_what_is_computed_with(method):
    network, inputs = made(method)
    before, words = network(inputs), network.words
    weights = [name for name in words if name.endswith("weight")]
    assert len(weights) == 2
    for name in weights:
        stored = words[name]
        assert stored.encoding == "codes" and stored.bits == 5
        assert int(stored.values.min()) >= -16 and int(stored.values.max()) <= 15
        assert not torch.equal(network.with_words({name: 0 * stored.values})(inputs), before)
    assert torch.equal(network.with_words({name: stored.values for name, stored in words.items()})(inputs), before)
    assert torch.allclose(network.dequantized()(inputs), before, atol=1e-5)
    counted = {name: stored for name, stored in words.items() if not name.endswith("scale")}
    assert network.size == sum(stored.values.numel() * stored.bits for stored in counted.values())
