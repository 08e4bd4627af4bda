"""Landscape measures and baselines of every cell."""

import pandas as pd
import pytest

from lowland.analysis.predictors import predictors


def test_pairs_are_averaged_and_given_to_every_seed(tables):
    found = predictors(tables.measurements)
    cka = found[(found.predictor == "cka") & (found.recipe == "plain") & (found.precision == "qat4")]
    m = tables.measurements
    pairs = m[(m.measure == "cka") & (m.recipe == "plain") & (m.precision == "qat4")]
    assert len(pairs) == 2
    assert cka.value.to_numpy() == pytest.approx(pairs.value.mean())
    assert len(cka) == 3


def test_pairs_in_their_own_namespace_are_no_cells(small):
    moved = small.copy()
    moved.loc[moved.measure == "cka", "seed"] = "pairs"
    found = predictors(moved)
    assert set(found.seed) == {"s0", "s1"}
    assert len(found[found.predictor == "cka"]) == 12


def test_float_networks_have_no_codes_to_flip(tables):
    found = predictors(tables.measurements)
    assert "fp32" not in set(found[found.predictor == "flip_curvature"].precision)
    assert "fp32" in set(found[found.predictor == "input_curvature"].precision)


def test_baselines_are_told_from_landscape(tables):
    found = predictors(tables.measurements)
    assert set(found[found.kind == "baseline"].predictor) == {
        "weight_bits",
        "mean_squared_flip",
        "weight_norm",
        "clean_accuracy",
        "clean_loss",
    }
    assert (found[found.predictor == "weight_bits"].value == found[found.predictor == "weight_bits"].weight_bits).all()


def test_a_cell_that_lacks_a_measure_failed(small):
    at = small.index[(small.measure == "hessian_trace") & (small.precision == "qat4")][0]
    found = predictors(small.drop(index=at))
    assert (found[found.predictor == "hessian_trace"].status == "failed").sum() == 1


def test_what_is_undefined_for_a_precision_is_no_failure(small):
    floats = small[(small.precision == "fp32") & (small.measure == "hessian_trace")]
    undefined = floats.assign(measure="flip_curvature", value=float("nan"), status="undefined")
    found = predictors(pd.concat([small, undefined], ignore_index=True))
    assert "fp32" not in set(found[found.predictor == "flip_curvature"].precision)
    assert (found.status == "ok").all()


def test_two_levels_are_two_predictors(small):
    twice = small[small.measure == "input_curvature"].assign(level=20.0)
    names = set(predictors(pd.concat([small, twice], ignore_index=True)).predictor)
    assert {"input_curvature (gaussian 10)", "input_curvature (gaussian 20)"} <= names
