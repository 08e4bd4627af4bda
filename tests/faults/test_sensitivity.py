from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pandas as pd
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from lowland.errors import LowlandError
from lowland.faults import Flips, apply_flips, clean_metric, flip_sensitivity, layer_flips, measured_rows, single_flips
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from tests.quantization.convolutions import CASES
from tests.quantization.networks import integer_network, rows


def scores(outputs: Tensor, targets: Tensor) -> Tensor:
    """Accuracy and cross-entropy of each row, of outputs of any shape."""
    flat = outputs.flatten(1)
    labels = targets % flat.shape[1]
    right = (flat.argmax(1) == labels).to(flat.dtype)
    return torch.stack([right, functional.cross_entropy(flat, labels, reduction="none")], 1)


def one_by_one(network: IntegerNetwork, inputs: Tensor, targets: Tensor, places: Tensor) -> Tensor:
    """Flips, runs in integers and measures, for these places among all bits."""
    names = [name for name, codes in network.codes.items() for _ in range(codes.numel() * network.bits[name])]
    starts = {name: names.index(name) for name in network.codes}
    means = []
    for place in places.tolist():
        name = names[place]
        element, bit = divmod(place - starts[name], network.bits[name])
        flipped = apply_flips(network, Flips({name: (torch.tensor([element]), torch.tensor([bit]))}))
        outputs = flipped.forward_integer(inputs).to(flipped.output_scale.dtype) * flipped.output_scale
        means.append(scores(outputs, targets).double().mean(0))
    return torch.stack(means)


def perceptron(bits: int) -> IntegerNetwork:
    network: IntegerNetwork = integer_network(bits)
    return network


NETWORKS = {f"mlp{bits}": (lambda bits=bits: (perceptron(bits), None)) for bits in (2, 4, 8)}
NETWORKS |= {name: (lambda case=case: (freeze(case.twin(4, steps=5)), case)) for name, case in CASES.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_map_equals_flipping_one_by_one(name, monkeypatch):
    """300 bits of small networks, fewer of larger ones; batches, blocks and chunks do not matter."""
    network, case = NETWORKS[name]()
    small = network.size < 20_000
    if small:
        monkeypatch.setattr(measured_rows, "ITEMS", 50)
        monkeypatch.setattr(layer_flips, "ACCUMULATORS", 2**10)
        monkeypatch.setattr(layer_flips, "SIGHTS", 2**10)
    draws = torch.Generator().manual_seed(2)
    features = next(iter(network.codes.values())).shape[1]
    inputs = case.rows(4, seed=5) if case else torch.randn(12, features, generator=draws)
    targets = torch.randint(0, 4, (len(inputs),), generator=draws)
    found = flip_sensitivity(network, scores, [(inputs[:3], targets[:3]), (inputs[3:], targets[3:])])
    assert {n: tuple(v.shape) for n, v in found.items()} == {
        n: (*codes.shape, network.bits[n], 2) for n, codes in network.codes.items()
    }
    values = torch.cat([part.flatten(0, -2) for part in found.values()])
    places = torch.randperm(len(values), generator=draws)[: 300 if small else 30]
    torch.testing.assert_close(values[places], one_by_one(network, inputs, targets, places), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("encoding", ["sign_magnitude", "offset_binary"])
def test_other_encodings(encoding):
    network = perceptron(4)
    inputs, targets = rows(20)
    chosen = flip_sensitivity(network, scores, [(inputs, targets)], targets=("weights",), encoding=encoding)
    assert set(chosen) == {name for name in network.codes if name.endswith("weight")}
    draws = torch.Generator().manual_seed(1)
    for name in chosen:
        bits = network.bits[name]
        for place in torch.randint(network.codes[name].numel() * bits, (20,), generator=draws).tolist():
            flips = Flips({name: (torch.tensor([place // bits]), torch.tensor([place % bits]))})
            outputs = apply_flips(network, flips, encoding=encoding).deployed_outputs(inputs)
            expected = scores(outputs, targets).double().mean(0)
            torch.testing.assert_close(chosen[name].flatten(0, -2)[place], expected, rtol=1e-6, atol=1e-6)


def test_mistakes_are_told():
    network, batch = perceptron(2), rows(5)
    with pytest.raises(LowlandError, match="batches: got no samples"):
        flip_sensitivity(network, scores, [])
    with pytest.raises(LowlandError, match=r"metric: gave shape \(\) for 5 samples; expected one value a sample"):
        flip_sensitivity(network, functional.cross_entropy, [batch])
    with pytest.raises(LowlandError, match=r"targets are \['scales'\]; none of the tensors"):
        flip_sensitivity(network, scores, [batch], targets=("scales",))
    with pytest.raises(LowlandError, match="encoding: got 'gray'; expected one of"):
        flip_sensitivity(network, scores, [batch], encoding="gray")


def test_the_clean_metric_is_that_of_the_deployed_arithmetic():
    network, (inputs, targets) = perceptron(8), rows(30)
    expected = scores(network.deployed_outputs(inputs), targets).double().mean(0)
    torch.testing.assert_close(clean_metric(network, scores, [(inputs, targets)]), expected)


def test_the_map_of_the_jets_network_equals_500_random_flips_one_by_one():
    raw = pd.read_parquet(Path(__file__).parents[2] / "data/01_raw/jets.parquet")
    features = torch.tensor(raw.select_dtypes("number").iloc[:2000, :16].to_numpy(), dtype=torch.float32)
    features = (features - features.mean(0)) / features.std(0)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        sizes = [16, 64, 32, 32]
        layers = [layer for a, b in pairwise(sizes) for layer in (nn.Linear(a, b), nn.ReLU())]
        network = nn.Sequential(*layers, nn.Linear(32, 5))
    twin = build_quantized(network, Precision(method="ptq", weight_bits=8, activation_bits=8), input_bits=8)
    calibrate(twin, features)
    deployed, inputs = freeze(twin), features[:100]
    targets = torch.arange(100) % 5
    found = flip_sensitivity(deployed, scores, [(inputs, targets)])
    flat = torch.cat([values.flatten(0, -2) for values in found.values()])
    places = torch.randperm(len(flat), generator=torch.Generator().manual_seed(0))[:500]
    torch.testing.assert_close(flat[places], one_by_one(deployed, inputs, targets, places), rtol=0, atol=1e-6)


@pytest.mark.parametrize("name", ["mlp4", "classifier", "upsampling"])
def test_what_all_flips_do_to_a_row_is_the_sum_of_the_map_over_that_row(name):
    network, case = NETWORKS[name]()
    features = next(iter(network.codes.values())).shape[1]
    inputs = case.rows(3, seed=5) if case else torch.randn(3, features, generator=torch.Generator().manual_seed(2))
    targets = torch.arange(3) % 4
    found = single_flips(network, scores, [(inputs[:2], targets[:2]), (inputs[2:], targets[2:])])
    for row in range(3):
        alone = [(inputs[row : row + 1], targets[row : row + 1])]
        clean = clean_metric(network, scores, alone)
        drops = sum(
            (clean - values).flatten(0, -2).sum(0) for values in flip_sensitivity(network, scores, alone).values()
        )
        torch.testing.assert_close(found.sample_drops[row], drops)
