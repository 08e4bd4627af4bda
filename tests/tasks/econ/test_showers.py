import numpy as np
import pytest

from lowland.tasks.econ.hgcal import CELLS, TRIGGER_CELL, cell_distances
from lowland.tasks.econ.showers import LEAST_COUNTS, SCENARIOS, simulated_wafers


def test_wafers_are_integers_over_the_threshold_and_none_is_empty():
    charges = simulated_wafers(SCENARIOS["electron"], 300, key=("test",))
    assert charges.shape == (300, CELLS) and charges.dtype == np.int64
    assert charges.any(1).all() and charges[charges > 0].min() >= LEAST_COUNTS


def test_equal_keys_give_equal_wafers_and_more_of_them_begin_alike():
    scenario = SCENARIOS["jets"]
    first = simulated_wafers(scenario, 200, key=("a", 1))
    assert np.array_equal(simulated_wafers(scenario, 500, key=("a", 1))[:200], first)
    assert not np.array_equal(simulated_wafers(scenario, 200, key=("a", 2)), first)


@pytest.mark.parametrize(
    "name, hits, charge",
    [
        ("nominal", (13, 23), (300, 600)),
        ("electron", (1, 2.5), (2, 8)),
        ("ttbar", (1.5, 4), (4, 30)),
        ("jets", (1, 2.5), (2, 8)),
        ("high_occupancy", (43, 48), (1200, 3000)),
    ],
)
def test_occupancy_and_charge_are_near_those_of_the_real_sets(name, hits, charge):
    charges = simulated_wafers(SCENARIOS[name], 400, key=("test", name))
    assert hits[0] < (charges > 0).sum(1).mean() < hits[1]
    assert charge[0] <= np.median(charges.sum(1)) <= charge[1]


def test_charge_spreads_evenly_over_the_rhombi_and_to_neighbours():
    charges = simulated_wafers(SCENARIOS["nominal"], 1500, key=("even",))
    occupancy = (charges > 0).mean(0).reshape(3, 16).mean(1)
    assert occupancy.max() / occupancy.min() < 1.15
    distances, likeness = cell_distances(), np.corrcoef(np.log1p(charges).T)
    near = (distances > 0) & (distances < 1.05 * TRIGGER_CELL)
    assert likeness[near].mean() > 1.2 * likeness[(distances > 0) & ~near].mean()
