from __future__ import annotations

import math

import pytest
import torch

from lowland.errors import LowlandError
from lowland.faults import flip_sensitivity
from lowland.faults.flip_sample import FlipSample, stratified_flips
from lowland.faults.flip_sets import Flips
from tests.faults.test_sensitivity import scores
from tests.quantization.graphs import GRAPHS
from tests.quantization.networks import integer_network, rows


def test_a_sample_of_all_bits_is_the_map() -> None:
    network, batch = integer_network(4), rows(20)
    whole = flip_sensitivity(network, scores, [batch])
    sample = stratified_flips(network, network.size)
    assert len(sample.flips) == sample.num_bits == network.size
    found = flip_sensitivity(network, scores, [batch], flips=sample.flips)
    estimate = sample.mean({name: values[:, 1] for name, values in found.items()})
    exact = torch.cat([values[..., 1].flatten() for values in whole.values()]).mean()
    assert estimate.value == pytest.approx(float(exact), rel=1e-12)
    assert estimate.standard_error == 0 and estimate.num_samples == network.size


def test_the_mean_over_samples_is_unbiased_and_its_error_is_told() -> None:
    network, batch = integer_network(8), rows(15)
    whole = flip_sensitivity(network, scores, [batch])
    exact = float(torch.cat([values[..., 1].flatten() for values in whole.values()]).mean())
    found = []
    for number in range(200):
        sample = stratified_flips(network, 200, key=("draw", number))
        values = {
            name: whole[name].flatten(0, -3)[elements, positions][:, 1]
            for name, (elements, positions) in sample.flips.bits.items()
        }
        found.append(sample.mean(values))
    means = torch.tensor([estimate.value for estimate in found], dtype=torch.float64)
    errors = torch.tensor([estimate.standard_error for estimate in found], dtype=torch.float64)
    spread = float(means.std())
    assert abs(float(means.mean()) - exact) < 4 * spread / math.sqrt(200)
    assert spread == pytest.approx(float(errors.square().mean().sqrt()), rel=0.2)
    # Bits differ most by their place: at equal numbers, drawing from all of them alike is worse.
    every = torch.cat([values[..., 1].flatten() for values in whole.values()])
    assert spread < 0.8 * float(every.std()) / math.sqrt(len(sample.flips))


def test_every_tensor_and_place_is_drawn_from_and_samples_nest() -> None:
    network = GRAPHS["tables"].network(4)
    kinds = ("weights", "biases", "tables")
    small, large = (stratified_flips(network, count, targets=kinds) for count in (60, 300))
    assert set(small.sizes) == {(name, bit) for name in network.codes for bit in range(network.bits[name])}
    for (name, bit), size in small.sizes.items():
        few, many = (
            set(sample.flips.bits[name][0][sample.flips.bits[name][1] == bit].tolist()) for sample in (small, large)
        )
        assert 2 <= len(few) <= size and few <= many
    assert 60 <= len(small.flips) < 100 and 300 <= len(large.flips) < 360


def test_strata_count_by_their_size() -> None:
    sample = FlipSample(
        Flips({"a": (torch.tensor([0, 1, 0, 1]), torch.tensor([0, 0, 1, 1]))}), {("a", 0): 10, ("a", 1): 2}
    )
    estimate = sample.mean({"a": torch.tensor([1.0, 3.0, 10.0, 20.0])})
    assert estimate.value == pytest.approx((10 * 2 + 2 * 15) / 12)
    assert estimate.standard_error == pytest.approx(10 / 12 * math.sqrt((1 - 2 / 10) * 2 / 2))


def test_mistakes_are_told() -> None:
    with pytest.raises(LowlandError, match="count is 1; expected at least 2 flips"):
        stratified_flips(integer_network(4), 1)
    with pytest.raises(LowlandError, match=r"targets are \['tables'\]; none of the tensors"):
        stratified_flips(integer_network(4), 10, targets=("tables",))
