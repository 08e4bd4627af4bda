"""Intervals under random flips: what they hold of, and that they cover."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cache, reduce

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from lowland.certification.deployed import Exposure, Share, Upsets, accuracy_at_rates, floor_at_rates
from lowland.errors import LowlandError
from lowland.faults import apply_flips, draw_flips
from lowland.faults.bit_flips import stored_sizes
from lowland.faults.flip_sets import draw_rare_bits
from lowland.quantization import IntegerNetwork, Precision, build_quantized, calibrate, freeze
from tests.quantization.networks import CLASSES, FEATURES, rows

RATE, ROWS, DRAWS = 0.02, 500, 200


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


def coverage(chances: np.ndarray, trials: int, truth: float) -> float:
    """How often the interval holds the truth, from the probabilities of 0, 1, 2 ... successes."""
    shares = [Share.of(count, trials) for count in range(trials + 1)]
    return float(
        sum(chance for chance, share in zip(chances, shares, strict=True) if share.lower <= truth <= share.upper)
    )


def sums(parts: Iterable[np.ndarray]) -> np.ndarray:
    """Probabilities of the sum of independent counts."""
    return reduce(np.convolve, parts)


def test_a_fresh_set_for_each_row_covers_and_draws_times_rows_do_not() -> None:
    """Exactly, where draws are taken from a population that was run whole."""
    population, truth = right(), right().mean()
    assert 0.5 < truth < 0.95
    own = sums(np.array([1 - chance, chance]) for chance in population.mean(0))
    assert coverage(own, ROWS, truth) >= 0.95
    counts = np.bincount(population.sum(1), minlength=ROWS + 1) / DRAWS
    shared = coverage(sums([counts] * 20), 20 * ROWS, truth)
    assert shared <= 0.3, "rows under one set of flips are no independent trials"


def test_the_probability_of_a_floor_covers() -> None:
    accuracies = right().mean(1)
    for floor in np.quantile(accuracies, [0.1, 0.5, 0.9]):
        held = (accuracies >= floor).mean()
        assert coverage(sums([np.array([1 - held, held])] * 30), 30, held) >= 0.95


def flipped_answer(inputs: Tensor, rate: float, most: float, *key: str | int) -> Tensor:
    sizes = stored_sizes(network(), ("weights", "biases"))
    flips = draw_rare_bits(sizes, key, rate=most).below(rate)
    return apply_flips(network(), flips).forward_integer(inputs).argmax(1)


def test_every_row_has_a_set_of_its_own() -> None:
    inputs, labels = rows(40, seed=4)
    rates = (0.0, 0.01, 0.2)
    found = accuracy_at_rates(network(), (inputs, labels), Exposure(rates, key=("own",)))
    for rate, share in zip(rates, found, strict=True):
        answers = [flipped_answer(inputs[row : row + 1], rate, 0.2, "own", row) for row in range(40)]
        assert share == Share.of(int((torch.cat(answers) == labels).sum()), 40, levels=3)
    clean = network().forward_integer(inputs).argmax(1) == labels
    assert found[0].successes == int(clean.sum()) > found[2].successes


def test_a_floor_is_held_by_draws_on_all_rows() -> None:
    inputs, labels = rows(60, seed=4)
    rates = (0.001, 0.05)
    found = floor_at_rates(network(), (inputs, labels), Exposure(rates, key=("floor",)), floor=0.8, draws=25)
    for rate, share in zip(rates, found, strict=True):
        accuracies = [
            (flipped_answer(inputs, rate, 0.05, "floor", number) == labels).double().mean() for number in range(25)
        ]
        assert share == Share.of(sum(float(value) >= 0.8 for value in accuracies), 25, levels=2)
    assert found[0].successes > found[1].successes


def test_mistakes() -> None:
    (inputs, labels), known = rows(5), Exposure((0.1,))
    with pytest.raises(LowlandError, match=r"rates is 2.0; expected 0 to 1"):
        Exposure((2.0,))
    with pytest.raises(LowlandError, match=r"rates are empty; expected at least one"):
        Exposure(())
    with pytest.raises(LowlandError, match=r"upsets are of activations .*use TransientFlips"):
        Exposure((0.1,), Upsets(("activations",)))
    with pytest.raises(LowlandError, match="samples have no rows"):
        accuracy_at_rates(network(), (inputs[:0], labels[:0]), known)
    with pytest.raises(LowlandError, match="samples have no rows"):
        floor_at_rates(network(), (inputs[:0], labels[:0]), known, floor=0.5, draws=2)
    with pytest.raises(LowlandError, match=r"draws is 0 and floor 0.5"):
        floor_at_rates(network(), (inputs, labels), known, floor=0.5, draws=0)
