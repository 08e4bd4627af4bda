import numpy as np
import pytest

from lowland.tasks.standardisation import Preparation, Standardiser


def test_standardiser_uses_training_statistics_and_survives_constant_features():
    training = np.array([[1.0, 5.0], [3.0, 5.0]])
    rows = Standardiser(training).rows(np.array([[1.0, 5.0], [5.0, 6.0]]), np.array([0, 1]))
    assert rows.inputs.tolist() == [[-1.0, 0.0], [3.0, 1.0]]


def test_features_are_cut_off_filled_and_standardised_as_the_training_rows_say():
    training = np.array([[0.0, 7.0, 0.0], [2.0, 7.0, np.nan], [4.0, 7.0, 2.0], [1000.0, 7.0, 4.0]])
    plain = Preparation(training, clip_quantile=0)
    filled = np.where(np.isnan(training), 2.0, training)
    labels = np.arange(4)
    assert np.allclose(plain.rows(training, labels).inputs, Standardiser(filled).rows(filled, labels).inputs)
    assert plain.rows(np.array([[0.0, 8.0, np.nan]]), labels[:1]).inputs[0, 1:].tolist() == [0.0, 0.0]
    assert plain.zero[1] == 0 and plain.zero[2] == plain.rows(training, labels).inputs[0, 2]
    cut = Preparation(training, clip_quantile=0.25)
    assert cut.ends[:, 0].tolist() == [1.5, 253.0]
    inputs = cut.rows(np.array([[-5.0, 7.0, 2.0], [1.5, 7.0, 2.0]]), labels[:2]).inputs
    assert inputs[0, 0] == inputs[1, 0] == cut.rows(np.array([[1.5, 7.0, 2.0]]), labels[:1]).inputs[0, 0]


def test_zero_is_where_the_sensor_reads_nothing_though_no_row_is_let_there():
    training = np.array([[50.0, 7.0], [52.0, 7.0], [54.0, 7.0], [56.0, 7.0], [900.0, 7.0]])
    cut = Preparation(training, clip_quantile=0.25)
    mean, scale = cut.standardiser.mean[0], cut.standardiser.scale[0]
    assert cut.zero.tolist() == pytest.approx([-mean / scale, 0.0])
    inputs = cut.rows(np.array([[53.0, 7.0]]), np.zeros(1, np.int64)).inputs
    halved = cut.zero + 0.5 * (inputs - cut.zero)  # half the gain
    assert float(halved[0, 0]) * scale + mean == pytest.approx(26.5, rel=1e-5)
