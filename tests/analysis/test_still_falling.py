"""A training that was stopped too early is told from one that had settled."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.still_falling import still_falling, still_falls
from tests.made_study.first_day import curves

EPOCHS = np.arange(60)


@pytest.mark.parametrize("scale, shift", [(1.0, 0.0), (1e-6, 0.0), (1e6, 0.0), (1.0, 1000.0), (1.0, -1000.0)])
def test_an_exponential_falls_until_a_twentieth_is_left(scale, shift):
    for times, falls in ((1, True), (2, True), (2.5, True), (4.5, False), (8, False)):
        losses = shift + scale * np.exp(-times * EPOCHS / EPOCHS[-1])
        assert still_falls(losses) == falls, times


def test_flat_overfitted_and_rising_curves_do_not_fall():
    assert not still_falls(np.ones(50))
    assert not still_falls(1 + (EPOCHS / 30 - 1) ** 2)
    assert not still_falls(1 + EPOCHS / 10)
    assert not still_falls(np.array([1.0]))
    assert not still_falls(np.array([]))
    assert not still_falls(np.array([1.0, np.nan, np.inf]))


def test_a_few_epochs_that_fall_fall():
    assert still_falls(np.array([1.0, 0.8])) and still_falls(np.array([1.0, 0.8, 0.7]))
    assert still_falls(np.array([1.0, np.nan, 0.7]))


def test_noise_around_a_settled_loss_is_rarely_taken_for_a_fall():
    rng = np.random.default_rng(0)
    settled = [np.exp(-8 * EPOCHS / 59) + rng.normal(0, 0.01, 60) for _ in range(300)]
    assert np.mean([still_falls(curve) for curve in settled]) < 0.05


def test_more_than_half_of_the_seeds_must_fall():
    falling, settled = 1 - EPOCHS / 100, np.exp(-9 * EPOCHS / 59)
    table = pd.concat(
        [
            curves("plain", falling, seeds=("s0", "s1")),
            curves("plain", settled, seeds=("s2",)),
            curves("clipping", falling, seeds=("s0",)),
            curves("clipping", settled, seeds=("s1", "s2")),
            curves("plain", falling, seeds=("s0", "s1"), precision="qat4"),
        ]
    )
    assert still_falling(table) == [
        {"recipe": "plain", "precision": "float"},
        {"recipe": "plain", "precision": "qat4"},
    ]
    shuffled = table.sample(frac=1, random_state=0)
    assert {tuple(entry.values()) for entry in still_falling(shuffled)} == {("plain", "float"), ("plain", "qat4")}


def test_without_curves_nothing_is_said():
    assert still_falling(None) == [] and still_falling(pd.DataFrame()) == []
