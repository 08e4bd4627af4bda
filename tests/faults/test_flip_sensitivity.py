from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.nn import functional

from lowland.faults import Flips, apply_flips
from lowland.faults import flip_sensitivity as module
from lowland.faults.flip_sensitivity import flip_sensitivity
from lowland.quantization import IntegerNetwork, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network


def scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """Accuracy and cross-entropy of each row, of outputs of any shape."""
    flat = outputs.flatten(1)
    labels = targets % flat.shape[1]
    right = (flat.argmax(1) == labels).to(flat.dtype)
    return torch.stack([right, functional.cross_entropy(flat, labels, reduction="none")], 1)


def one_by_one(network: IntegerNetwork, inputs: Tensor, targets: Tensor) -> dict[str, Tensor]:
    """Flips, runs in integers and measures, for every bit."""
    found = {}
    for name, codes in network.codes.items():
        bits = network.bits[name]
        means = []
        for place in range(codes.numel() * bits):
            flips = Flips({name: (torch.tensor([place // bits]), torch.tensor([place % bits]))})
            flipped = apply_flips(network, flips)
            outputs = flipped.forward_integer(inputs).to(torch.float32) * flipped.output_scale
            means.append(scores(outputs, targets).double().mean(0))
        found[name] = torch.stack(means).reshape(*codes.shape, bits, 2)
    return found


def perceptron(bits: int) -> IntegerNetwork:
    network: IntegerNetwork = integer_network(bits)
    return network


NETWORKS = {f"mlp{bits}": (lambda bits=bits: (perceptron(bits), None)) for bits in (2, 4, 8)}
NETWORKS |= {name: (lambda case=case: (freeze(case.twin(4, steps=5)), case)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_map_equals_flipping_one_by_one(name, monkeypatch):
    monkeypatch.setattr(module, "ITEMS", 7)
    monkeypatch.setattr(module, "ACCUMULATORS", 2**9)
    network, case = NETWORKS[name]()
    size = sum(codes.numel() * network.bits[n] for n, codes in network.codes.items())
    draws = torch.Generator().manual_seed(2)
    features = next(iter(network.codes.values())).shape[1]
    inputs = case.rows(4, seed=5) if case else torch.randn(12, features, generator=draws)
    targets = torch.randint(0, 4, (len(inputs),), generator=draws)
    if size > 4000:
        pytest.skip("too many bits to flip one by one")
    found = flip_sensitivity(network, scores, [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])])
    expected = one_by_one(network, inputs, targets)
    assert found.keys() == expected.keys()
    for key, values in expected.items():
        torch.testing.assert_close(found[key], values, rtol=1e-6, atol=1e-6)
