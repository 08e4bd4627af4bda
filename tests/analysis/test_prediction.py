"""Predicted against measured: exact where it must be, and broken where it breaks."""

import numpy as np
import pytest
from scipy import stats

from lowland.analysis.prediction import EVERY, WITHIN, prediction_fits
from lowland.analysis.prediction_points import prediction_points
from lowland.analysis.prediction_verdicts import prediction_verdicts
from tests.made_study.study import Planted, study


def _row(fits, predictor, condition="flips", level=None, scope=EVERY):
    at = fits.level.isna() if level is None else fits.level == level
    rows = fits[(fits.predictor == predictor) & (fits.condition == condition) & at & (fits.scope == scope)]
    assert len(rows) == 1
    return rows.iloc[0]


def test_the_prediction_has_no_fitted_constant(small):
    points = prediction_points(small).set_index(["recipe", "seed", "precision", "condition", "level"])
    cell = ("plain", "s1", "qat4")
    value = (
        small[(small.recipe == "plain") & (small.seed == "s1") & (small.precision == "qat4")].set_index("measure").value
    )
    assert points.loc[(*cell, "flips", 20.0), "predicted"] == pytest.approx(20 * value["flip_curvature"])
    assert points.loc[(*cell, "bit_error_rate", 1e-3), "predicted"] == pytest.approx(
        1e-3 * value["size"] * value["flip_curvature"]
    )
    assert points.loc[(*cell, "gaussian", 30.0), "predicted"] == pytest.approx(9 * value["input_curvature"])
    assert "fp32" not in points.xs("flips", level="condition").index.get_level_values("precision")
    assert "fp32" in points.xs("gaussian", level="condition").index.get_level_values("precision")
    assert (points.status == "ok").all()


def test_input_curvature_from_another_level_is_brought_to_ten_per_cent(small):
    other = small.copy()
    at = other.measure == "input_curvature"
    other.loc[at, "level"] = 20.0
    other.loc[at, "value"] *= 4
    a, b = (prediction_points(m).query("condition == 'gaussian'").predicted for m in (small, other))
    np.testing.assert_allclose(a, b)


def test_a_perfect_prediction(tables):
    perfect = tables.points.assign(measured=tables.points.predicted, standard_error=0.0)
    row = _row(prediction_fits(perfect, num_resamples=5), "flip_curvature")
    assert (row.slope, row.r_squared, row.one_to_one, row.median_ratio, row.spearman, row.ceiling) == pytest.approx(
        (1,) * 6
    )


def test_a_constant_factor_is_not_forgiven_by_the_line(tables):
    points = tables.points.query("condition == 'flips' and level < 10")
    doubled = points.assign(measured=2 * points.predicted)
    row = _row(prediction_fits(doubled, num_resamples=5), "flip_curvature")
    assert (row.slope, row.r_squared, row.median_ratio) == pytest.approx((1, 1, 2))
    assert row.one_to_one < 0.9


def test_one_level_is_an_ordinary_regression(tables):
    points = tables.points.query("condition == 'flips' and level == 20")
    row = _row(tables.fits, "mean_squared_flip", level=20.0)
    line = stats.linregress(np.log(points.mean_squared_flip), np.log(points.measured))
    assert (row.slope, row.r_squared) == pytest.approx((line.slope, line.rvalue**2))
    assert row.spearman == pytest.approx(stats.spearmanr(points.mean_squared_flip, points.measured).statistic)
    assert row.num_points == len(points)


def test_within_precision_every_precision_has_its_own_intercept(tables):
    points = tables.points.query("condition == 'flips' and level == 20")
    factor = points.precision.map({p: 10.0**i for i, p in enumerate(points.precision.unique())})
    moved = prediction_fits(points.assign(measured=points.measured * factor), num_resamples=5)
    a, b = (_row(f, "flip_curvature", level=20.0, scope=WITHIN) for f in (tables.fits, moved))
    assert (a.slope, a.r_squared, a.spearman) == pytest.approx((b.slope, b.r_squared, b.spearman))


def test_planted_curvature_predicts_and_says_where_it_fails(tables):
    matched = _row(tables.fits, "flip_curvature")
    assert matched.r_squared > 0.9
    for name in ("mean_squared_flip", "weight_bits", "hessian_trace", "weight_norm"):
        baseline = _row(tables.fits, name)
        assert baseline.r_squared < 0.75
        assert baseline.num_points == matched.num_points
    # The made-up loss flattens out: the more flips, the further behind the prediction.
    ratios = [_row(tables.fits, "flip_curvature", level=n).median_ratio for n in (1.0, 10.0, 100.0)]
    assert ratios[0] == pytest.approx(1, abs=0.1)
    assert ratios[0] > ratios[1] > ratios[2]
    verdict = next(v for v in prediction_verdicts(tables.fits) if v["condition"] == "flips")
    assert verdict["worst_level"]["level"] == 100
    assert verdict["worst_precision"]["scope"] in set(tables.measurements.precision)
    assert verdict["baseline"]["predictor"] == "mean_squared_flip"


def test_nothing_planted_does_not_predict():
    points = prediction_points(study(planted=Planted(flips=False, noise=False)))
    fits = prediction_fits(points.query("condition == 'flips' and level < 10"), num_resamples=5)
    assert _row(fits, "flip_curvature", scope=WITHIN).r_squared < 0.4
    assert _row(fits, "flip_curvature", scope=WITHIN).one_to_one < 0


def test_a_lowered_loss_is_counted_and_kept_in_the_ranks(small):
    points = prediction_points(small)
    at = points.index[(points.condition == "gaussian") & (points.level == 5)][:3]
    points.loc[at, "measured"] = -0.001
    row = _row(prediction_fits(points, num_resamples=5), "input_curvature", condition="gaussian", level=5.0)
    assert row.num_not_positive == 3
    assert row.num_points == 9
    ok = points.query("condition == 'gaussian' and level == 5")
    assert row.spearman == pytest.approx(stats.spearmanr(ok.predicted, ok.measured).statistic)


def test_what_is_not_ok_is_counted(small):
    broken = small.copy()
    broken.loc[
        (broken.measure == "flip_curvature") & (broken.seed == "s0") & (broken.precision == "qat4"), "status"
    ] = "failed"
    row = _row(prediction_fits(prediction_points(broken), num_resamples=5), "flip_curvature", level=1.0)
    assert row.num_not_ok == 2
    assert row.num_points == 6


def test_without_disturbances_there_is_nothing(small):
    points = prediction_points(small[small.family == "landscape"])
    assert points.empty
    assert prediction_fits(points).empty
