import numpy as np
import pytest

from lowland.tasks.preprocessing import Classes
from lowland.tasks.standardisation import standardisation

ANSWER = Classes(names=("a", "b"))
LABELS = np.arange(4)


def fitted(training, **options):
    return standardisation(training, dict.fromkeys("xyz"[: training.shape[1]]), ANSWER, **options)


def test_training_rows_have_zero_mean_and_unit_spread_and_constant_features_are_zero():
    training = np.array([[1.0, 5.0], [3.0, 5.0]])
    rows = fitted(training).samples(np.array([[1.0, 5.0], [5.0, 6.0]]), np.array([0, 1]))
    assert rows.inputs.tolist() == [[-1.0, 0.0], [3.0, 0.0]]
    assert rows.targets.tolist() == [0, 1]


def test_a_constant_whose_mean_is_rounded_is_a_constant_still():
    training = np.full((7, 1), 0.1)  # numpy: a mean beside 0.1 and a spread above 0
    assert fitted(training).apply(np.array([[1e9]])).tolist() == [[0.0]]


def test_features_are_cut_off_filled_and_standardised_as_the_training_rows_say():
    training = np.array([[0.0, 7.0, 0.0], [2.0, 7.0, np.nan], [4.0, 7.0, 2.0], [1000.0, 7.0, 4.0]])
    plain = fitted(training, fill_gaps=True)
    filled = np.where(np.isnan(training), 2.0, training)
    assert np.allclose(plain.samples(training, LABELS).inputs, fitted(filled).samples(filled, LABELS).inputs)
    assert plain.apply(np.array([[0.0, 8.0, np.nan]]))[0, 1:].tolist() == [0.0, 0.0]
    assert plain.zero[1] == 0 and plain.zero[2] == plain.apply(training)[0, 2]
    cut = fitted(training, clip_quantile=0.25, fill_gaps=True)
    assert (cut.features[0].lowest, cut.features[0].highest) == (1.5, 253.0)
    inputs = cut.apply(np.array([[-5.0, 7.0, 2.0], [1.5, 7.0, 2.0]]))
    assert inputs[0, 0] == inputs[1, 0] == cut.apply(np.array([[1.5, 7.0, 2.0]]))[0, 0]


def test_zero_is_where_the_sensor_reads_nothing_though_no_row_is_let_there():
    training = np.array([[50.0, 7.0], [52.0, 7.0], [54.0, 7.0], [56.0, 7.0], [900.0, 7.0]])
    cut = fitted(training, clip_quantile=0.25)
    mean, scale = cut.features[0].mean, cut.features[0].scale
    assert cut.zero.tolist() == pytest.approx([-mean / scale, 0.0])
    inputs = cut.apply(np.array([[53.0, 7.0]]))
    halved = cut.zero + 0.5 * (inputs - cut.zero)  # half the gain
    assert float(halved[0, 0]) * scale + mean == pytest.approx(26.5, rel=1e-5)


def test_units_of_any_size_standardise_alike():
    plain = fitted(np.array([[1.0, 1.0], [2.0, -1.0], [4.0, 5.0]]))
    huge = fitted(np.array([[1.0, 1e200], [2.0, -1e200], [4.0, 5e200]]))
    assert huge.features[1].scale == pytest.approx(1e200 * plain.features[1].scale, rel=1e-12)
    assert huge.features[1].mean == pytest.approx(1e200 * plain.features[1].mean, rel=1e-12)
