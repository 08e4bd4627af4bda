import numpy as np

from lowland.tasks.econ.hgcal import CELLS, cell_coordinates
from lowland.tasks.econ.pads import trigger_cells


def test_the_middle_of_a_trigger_cell_lies_in_it():
    assert np.array_equal(trigger_cells(*cell_coordinates().T), np.arange(CELLS))


def test_every_trigger_cell_is_four_pads_wide():
    points = np.random.default_rng(0).uniform(-11, 11, (200_000, 2))
    cells = trigger_cells(*points.T)
    areas = np.bincount(cells[cells >= 0], minlength=CELLS) * 22**2 / len(points)
    pad = np.sqrt(3) / 2  # a hexagon whose neighbours are 1 away
    assert abs(areas.sum() / (4 * CELLS * pad) - 1) < 0.02
    assert np.abs(areas / (4 * pad) - 1).max() < 0.2  # the rhombi's rims share the seams


def test_no_point_is_far_from_its_cell_and_those_outside_have_none():
    points = np.random.default_rng(1).uniform(-20, 20, (20_000, 2))
    cells, radius = trigger_cells(*points.T), np.hypot(*points.T)
    inside = cells >= 0
    off = np.linalg.norm(points[inside] - cell_coordinates()[cells[inside]], axis=1)
    assert off.max() < 2.3
    assert inside[radius < 6].all() and not inside[radius > 10].any()


def test_a_third_of_a_turn_leads_to_the_same_cell_of_the_next_rhombus():
    points = np.random.default_rng(2).uniform(-9, 9, (5_000, 2))
    turned = (points[:, 0] + 1j * points[:, 1]) * np.exp(2j * np.pi / 3)
    cells, next_cells = trigger_cells(*points.T), trigger_cells(turned.real, turned.imag)
    inside = cells >= 0
    assert np.array_equal((cells[inside] + 16) % CELLS, next_cells[inside])
