"""Intervals under random flips: what they hold of, and that they cover."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lowland.certification.deployed import Share, Upsets, accuracy_at_rates, floor_at_rates
from lowland.errors import LowlandError
from lowland.faults import apply_flips, draw_flips
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from tests.quantization.networks import CLASSES, FEATURES, rows

RATE, ROWS, DRAWS = 0.02, 80, 300


@cache
def network() -> IntegerNetwork:
    """One layer that knows the centres of its classes."""
    layer = nn.Linear(FEATURES, CLASSES)
    centres = torch.linspace(-1.5, 1.5, CLASSES * FEATURES).sin().reshape(CLASSES, FEATURES) * 2
    with torch.no_grad():
        layer.weight.copy_(centres)
        layer.bias.copy_(-(centres**2).sum(1) / 2)
    twin = build_quantized(layer, Precision(method="ptq", weight_bits=8, activation_bits=8), input_bits=8)
    calibrate(twin, rows(256)[0])
    return freeze(twin)


@cache
def right() -> np.ndarray:
    """Whether each row is right under each draw [draws, rows]: here the population of draws."""
    inputs, labels = rows(ROWS, seed=4)
    found = []
    for number in range(DRAWS):
        flips = draw_flips(network(), key=("population", number)).below(RATE)
        found.append(apply_flips(network(), flips).forward_integer(inputs).argmax(1) == labels)
    return torch.stack(found).numpy()


def test_a_fresh_set_for_each_row_covers_and_draws_times_rows_do_not() -> None:
    """The truth is known: draws are taken from a population that was run whole."""
    population, source = right(), np.random.default_rng(0)
    truth = population.mean()
    own, trials, repeats = 0, 0, 400
    for _ in range(repeats):
        fresh = population[source.integers(DRAWS, size=ROWS), np.arange(ROWS)]
        share = Share.of(int(fresh.sum()), ROWS)
        own += share.lower <= truth <= share.upper
        shared = population[source.integers(DRAWS, size=20)]
        wrong = Share.of(int(shared.sum()), shared.size)
        trials += wrong.lower <= truth <= wrong.upper
    assert own / repeats >= 0.95
    assert trials / repeats <= 0.6, "rows under one set of flips are no independent trials"


def test_the_probability_of_a_floor_covers() -> None:
    population, source = right(), np.random.default_rng(1)
    held = population.mean(1) >= np.median(population.mean(1))
    covered = 0
    for _ in range(400):
        share = Share.of(int(held[source.integers(DRAWS, size=30)].sum()), 30)
        covered += share.lower <= held.mean() <= share.upper
    assert covered / 400 >= 0.95


def flipped_answer(inputs: Tensor, rate: float, *key: object) -> Tensor:
    flips = draw_flips(network(), key=key).below(rate)
    return apply_flips(network(), flips).forward_integer(inputs).argmax(1)


def test_every_row_has_a_set_of_its_own() -> None:
    inputs, labels = rows(40, seed=4)
    rates = (0.0, 0.01, 0.2)
    found = accuracy_at_rates(network(), (inputs, labels), rates, key=("own",))
    for rate, share in zip(rates, found, strict=True):
        answers = [flipped_answer(inputs[row : row + 1], rate, "own", row) for row in range(40)]
        assert share == Share.of(int((torch.cat(answers) == labels).sum()), 40, levels=3)
    clean = network().forward_integer(inputs).argmax(1) == labels
    assert found[0].successes == int(clean.sum()) > found[2].successes


def test_a_floor_is_held_by_draws_on_all_rows() -> None:
    inputs, labels = rows(60, seed=4)
    rates = (0.001, 0.05)
    found = floor_at_rates(network(), (inputs, labels), rates, floor=0.8, draws=25, key=("floor",))
    for rate, share in zip(rates, found, strict=True):
        accuracies = [(flipped_answer(inputs, rate, "floor", number) == labels).double().mean() for number in range(25)]
        assert share == Share.of(sum(float(value) >= 0.8 for value in accuracies), 25, levels=2)
    assert found[0].successes > found[1].successes


def test_mistakes() -> None:
    samples = rows(5)
    with pytest.raises(LowlandError, match=r"rates is 2.0; expected 0 to 1"):
        accuracy_at_rates(network(), samples, (2.0,))
    with pytest.raises(LowlandError, match="got 0 rows and 1 rates"):
        accuracy_at_rates(network(), (samples[0][:0], samples[1][:0]), (0.1,))
    with pytest.raises(LowlandError, match=r"upsets are of activations .*use TransientFlips"):
        accuracy_at_rates(network(), samples, (0.1,), upsets=Upsets(("activations",)))
    with pytest.raises(LowlandError, match=r"draws is 0 and floor 0.5"):
        floor_at_rates(network(), samples, (0.1,), floor=0.5, draws=0)
