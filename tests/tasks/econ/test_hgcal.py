import json

import numpy as np
import pytest

from lowland.tasks.econ.hgcal import (
    CELL_OF_PIXEL,
    CELLS,
    PIXEL_OF_CELL,
    SIDE,
    TRIGGER_CELL,
    VALID_PIXEL,
    cell_coordinates,
    cell_distances,
    images,
    supercells,
)
from lowland.tasks.econ.telescope import LEVELS
from tests.real_data import real


@pytest.fixture(scope="module")
def published():
    return json.loads(real("hgcal/geometry.json").read_text())


def test_every_cell_has_its_nearest_neighbours_one_trigger_cell_or_a_seam_away():
    distances = cell_distances() + np.diag(np.full(CELLS, np.inf))
    seam = np.hypot(1.5, 1.0)  # across the edge of two rhombi, whose lattices do not continue each other
    nearest = distances.min(1)
    assert np.all(np.isclose(nearest, TRIGGER_CELL) | np.isclose(nearest, seam))
    for start in range(0, CELLS, 16):
        within = distances[start : start + 16, start : start + 16]
        np.testing.assert_allclose(within.min(1), TRIGGER_CELL)


def test_a_third_of_a_turn_maps_the_wafer_onto_itself():
    places = cell_coordinates()
    turn = np.exp(2j * np.pi / 3)
    turned = (places[:, 0] + 1j * places[:, 1]) * turn
    np.testing.assert_allclose(np.stack([turned.real, turned.imag], 1), np.roll(places, -16, axis=0), atol=1e-12)
    np.testing.assert_allclose(places.mean(0), 0, atol=1e-12)


def test_distances_are_a_metric():
    distances = cell_distances()
    assert np.array_equal(distances, distances.T) and not distances.diagonal().any()
    assert (distances[:, :, None] + distances[None] >= distances[:, None] - 1e-12).all()


def test_every_cell_has_one_valid_pixel_and_the_last_quarter_repeats_the_third_rhombus():
    assert sorted(CELL_OF_PIXEL[VALID_PIXEL]) == list(range(CELLS))
    assert sorted(CELL_OF_PIXEL[~VALID_PIXEL]) == list(range(32, CELLS))
    assert np.array_equal(CELL_OF_PIXEL[PIXEL_OF_CELL], np.arange(CELLS)) and VALID_PIXEL[PIXEL_OF_CELL].all()


def test_an_image_shows_every_charge_once():
    charges = np.arange(1, 2 * CELLS + 1, dtype=np.float32).reshape(2, CELLS)
    shown = images(charges)
    assert shown.shape == (2, 1, SIDE, SIDE) and shown.dtype == np.float32
    assert np.array_equal(shown.reshape(2, -1)[:, PIXEL_OF_CELL], charges)
    assert shown.sum() == charges.sum()


def test_squares_are_four_close_cells_and_weigh_what_their_cells_lack():
    squares, weights = supercells()
    assert len({frozenset(square) for square in squares.tolist()}) == len(squares) == 36
    widest = [cell_distances()[np.ix_(square, square)].max() for square in squares]
    assert max(widest) < 2.5 * TRIGGER_CELL
    times = np.bincount(squares.ravel(), minlength=CELLS)
    assert sorted(set(times.tolist())) == [1, 2, 3, 4] and (times == 1).sum() == 3 and (times == 3).sum() == 3
    for square, weight in zip(squares, weights, strict=True):
        assert weight == pytest.approx(sum({1: 1, 2: 1 / 2, 3: 7 / 12, 4: 1 / 4}[n] for n in times[square]) / 4)


def test_rules_give_the_published_geometry(published):
    places = np.array(published["cell_coordinates"]) / 1.20840075  # published to 7 digits
    ours = cell_coordinates()
    np.testing.assert_allclose(ours - ours[0], places - places[0], atol=2e-5)
    assert CELL_OF_PIXEL.tolist() == published["image_8x8"]["cell_at_pixel"]
    assert VALID_PIXEL.astype(int).tolist() == published["image_8x8"]["valid_pixel"]
    assert PIXEL_OF_CELL.tolist() == published["pixel_of_cell"]


def test_rules_give_the_published_telescope(published):
    telescope = published["telescope"]
    expected = {frozenset(square["cells"]): square["weight"] for square in telescope["supercells_36"]}
    squares, weights = supercells()
    assert {frozenset(square) for square in squares.tolist()} == set(expected)
    for square, weight in zip(squares.tolist(), weights, strict=True):
        assert weight == pytest.approx(expected[frozenset(square)], abs=1e-8)
    assert telescope["levels"].startswith("{:g}*L48 + {:g}*L36 + L3".format(*LEVELS)) and LEVELS[2] == 1
    quarters = np.array(telescope["supercells_12"]).reshape(3, 16)  # four make a rhombus
    assert np.array_equal(np.sort(quarters, axis=1), np.arange(CELLS).reshape(3, 16))
