import numpy as np
import pytest
from scipy.optimize import linprog

from lowland.errors import LowlandError
from lowland.tasks.econ.emd import earth_movers_distances
from lowland.tasks.econ.hgcal import CELLS, cell_distances

DISTANCES = cell_distances()


def wafers(rows, seed, cells=CELLS, share=0.4):
    random = np.random.default_rng(seed)
    charges = random.exponential(size=(rows, cells)) * (random.random((rows, cells)) < share)
    charges[:, 0] += 0.1
    return charges


def programmed(true, predicted, distances):
    """The same distance as a linear programme over all flows."""
    cells = len(true)
    leaving, arriving = np.kron(np.eye(cells), np.ones(cells)), np.kron(np.ones(cells), np.eye(cells))
    margins = np.concatenate([true / true.sum(), predicted / predicted.sum()])
    found = linprog(distances.ravel(), A_eq=np.vstack([leaving, arriving]), b_eq=margins, method="highs")
    assert found.status == 0
    return found.fun


@pytest.mark.parametrize("share", [0.2, 1.0])
def test_distances_are_those_of_a_linear_programme(share):
    chosen = np.random.default_rng(0).choice(CELLS, 9, replace=False)
    distances = DISTANCES[np.ix_(chosen, chosen)]
    true, predicted = wafers(12, 1, 9, share), wafers(12, 2, 9, share)
    expected = [programmed(t, p, distances) for t, p in zip(true, predicted, strict=True)]
    np.testing.assert_allclose(earth_movers_distances(true, predicted, distances), expected, atol=1e-9)


def test_one_whole_wafer_is_that_of_a_linear_programme():
    true, predicted = wafers(1, 3), wafers(1, 4, share=1.0)
    expected = programmed(true[0], predicted[0], DISTANCES)
    np.testing.assert_allclose(earth_movers_distances(true, predicted, DISTANCES), [expected], atol=1e-9)


def test_equal_shapes_are_no_distance_apart_whatever_their_charge():
    true = wafers(20, 0)
    assert earth_movers_distances(true, 3.7 * true, DISTANCES).max() == 0


def test_distances_are_symmetric_and_keep_the_triangle_inequality():
    a, b, c = wafers(30, 0), wafers(30, 1), wafers(30, 2)
    ab, ba = earth_movers_distances(a, b, DISTANCES), earth_movers_distances(b, a, DISTANCES)
    np.testing.assert_allclose(ab, ba, atol=1e-12)
    assert (ab <= earth_movers_distances(a, c, DISTANCES) + earth_movers_distances(c, b, DISTANCES) + 1e-12).all()


def test_a_point_charge_moves_by_the_distance_of_the_cells():
    points = np.eye(CELLS)
    first, second = np.divmod(np.arange(0, CELLS * CELLS, 7), CELLS)
    np.testing.assert_allclose(
        earth_movers_distances(points[first], points[second], DISTANCES), DISTANCES[first, second], atol=1e-12
    )


def test_equal_rows_get_equal_distances_in_their_places():
    true, predicted = np.repeat(wafers(3, 0), 4, axis=0), np.repeat(wafers(3, 1), 4, axis=0)
    found = earth_movers_distances(true, predicted, DISTANCES).reshape(3, 4)
    assert (found == found[:, :1]).all() and len(set(found[:, 0])) == 3


@pytest.mark.parametrize("answer", [0.0, -1.0, np.nan, np.inf, -np.inf])
def test_no_charge_and_no_numbers_are_the_worst_there_is(answer):
    true = wafers(5, 0)
    predicted = wafers(5, 1)
    predicted[1] = answer
    predicted[3, 7] = np.nan
    found = earth_movers_distances(true, predicted, DISTANCES)
    farthest = [
        earth_movers_distances(true[row : row + 1].repeat(CELLS, 0), np.eye(CELLS), DISTANCES).max() for row in (1, 3)
    ]
    np.testing.assert_allclose(found[[1, 3]], farthest)
    assert (found[[0, 2, 4]] < found.max()).all() and np.isfinite(found).all()


def test_rows_without_numbers_alone_are_scored_too():
    true = wafers(2, 0)
    assert (earth_movers_distances(true, np.full_like(true, np.nan), DISTANCES) > 5).all()


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_the_size_of_the_charges_does_not_count(size):
    true, predicted = wafers(4, 0), wafers(4, 1)
    np.testing.assert_allclose(
        earth_movers_distances(true, size * predicted, DISTANCES),
        earth_movers_distances(true, predicted, DISTANCES),
        atol=1e-9,
    )


def test_an_empty_true_wafer_is_refused():
    true = wafers(3, 0)
    true[1] = 0
    with pytest.raises(LowlandError, match="true charges: row 1 has none"):
        earth_movers_distances(true, true, DISTANCES)
