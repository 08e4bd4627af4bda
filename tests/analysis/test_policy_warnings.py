"""Warnings of the worst policy on made tables: what was planted is found, and chance finds no more than it may."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from lowland.analysis.policy_warnings import COLUMNS, policy_warnings
from lowland.analysis.warning_signs import warning_signs
from lowland.estimate import Estimate
from lowland.measurements import Cell, Measurement, table

PRECISIONS = {"fp32": ("float", 32), "qat8": ("qat", 8), "qat4": ("qat", 4)}


def made(seed, *, planted=0.0, accuracy=0.0, recipes=8, tasks=("jets",), seeds=2):
    """A long table in which a recipe's Hessian trace and accuracy push its worst drop, on top of chance."""
    source = np.random.default_rng(seed)
    frames = []
    for task in tasks:
        for recipe in range(recipes):
            trace, skill, own = source.normal(size=3)
            for name, (method, bits) in PRECISIONS.items():
                for number in range(seeds):
                    cell = Cell(
                        task=task,
                        recipe=f"r{recipe}",
                        seed=f"s{number}",
                        precision=name,
                        method=method,
                        weight_bits=bits,
                        activation_bits=bits,
                    )
                    luck = source.normal(size=4)
                    score = 0.8 + 0.02 * (skill + 0.1 * luck[0])
                    drop = 0.1 * bits + 0.05 * (planted * trace + accuracy * skill + own + 0.2 * luck[1])
                    sharp = np.exp(trace + accuracy * skill + 0.1 * luck[2])
                    frames.append(table(cell, rows_of(score, drop, sharp, luck[3])))
    return pd.concat(frames, ignore_index=True)


def rows_of(score, drop, sharp, crest):
    yield Measurement("landscape", "hessian_trace", Estimate(sharp))
    for split in ("selection", "test"):
        yield Measurement("performance", "accuracy", Estimate(score), split=split)
        yield Measurement("worst_case", "policy_drop", Estimate(drop), level=5.0, split=split)
        for layer, more in (("layers.0", 1.0), ("layers.2", 3.0)):
            yield Measurement("worst_case", "activation_crest", Estimate(more + crest), target=layer, split=split)
            yield Measurement("worst_case", "layer_drop", Estimate(more * drop), target=layer, level=2.0, split=split)


def of(frame, predictor, precision="", task="jets"):
    return frame[(frame.predictor == predictor) & (frame.precision == precision) & (frame.task == task)].iloc[0]


def test_a_planted_relation_is_found_also_among_all_signs():
    found = policy_warnings(made(1, planted=3.0, recipes=12), num_resamples=400)
    row = of(found, "hessian_trace")
    assert row.value > 0.8 and row.low > 0.4 and row.family_chance < 0.05 and not row.descriptive
    assert (row.num_recipes, row.num_cells, row.num_strata, row.status) == (12, 72, 3, "ok")
    assert tuple(found.columns) == COLUMNS
    alone = of(found, "hessian_trace", "qat4")
    assert alone.value > 0.7 and (alone.num_strata, alone.num_cells) == (1, 24)
    assert of(found, "largest_layer_drop").value > 0.95  # planted as three times the drop


def test_the_combined_value_is_the_partial_correlation_of_ranks_inside_each_precision():
    measurements = made(2, planted=1.0)
    row = of(policy_warnings(measurements, num_resamples=10), "hessian_trace")
    test = measurements[measurements.split != "selection"]
    columns = []
    for measure in ("hessian_trace", "policy_drop", "accuracy"):
        values = test[test.measure == measure].set_index(["precision", "recipe", "seed"]).value.sort_index()
        ranks = values.groupby("precision").rank()
        columns.append(ranks - ranks.groupby("precision").transform("mean"))
    x, y, z = (column.to_numpy() for column in columns)
    rest = [each - z * (each @ z) / (z @ z) for each in (x, y)]
    assert row.value == pytest.approx(np.corrcoef(*rest)[0, 1])
    assert row.without_accuracy == pytest.approx(x @ y / np.sqrt(x @ x * (y @ y)))


def test_what_only_goes_with_accuracy_is_no_warning_at_equal_accuracy():
    values = []
    for seed in range(6):
        row = of(policy_warnings(made(seed, accuracy=3.0, recipes=20, seeds=1), num_resamples=50), "hessian_trace")
        values.append((row.value, row.without_accuracy))
    assert np.mean(values, axis=0)[1] > 0.8 and abs(np.mean(values, axis=0)[0]) < 0.25


def test_where_nothing_is_planted_nothing_is_found_more_often_than_by_chance():
    """One sign at its level, and any sign of the family at the level of the family."""
    alone, family, studies = 0, 0, 20
    for seed in range(studies):
        measurements = made(100 + seed, seeds=1)
        measurements = measurements[measurements.measure != "layer_drop"]  # it is the drop itself here
        found = policy_warnings(measurements, num_resamples=200)
        combined = found[found.precision == ""]
        alone += of(found, "hessian_trace").chance < 0.05
        family += (combined.family_chance < 0.05).any()
    most = stats.binom.ppf(0.999, studies, 0.05)
    assert alone <= most and family <= most


def test_drops_that_are_handed_to_other_recipes_are_told_by_nothing():
    measurements = made(5, planted=3.0, recipes=12)
    source = np.random.default_rng(0)
    chances = []
    for _ in range(20):
        names = sorted(measurements.recipe.unique())
        handed = dict(zip(names, source.permutation(names), strict=True))
        drops = measurements.measure.isin(["policy_drop"])
        shuffled = measurements.assign(recipe=measurements.recipe.where(~drops, measurements.recipe.map(handed)))
        chances.append(of(policy_warnings(shuffled, num_resamples=200), "hessian_trace").chance)
    assert (np.array(chances) < 0.05).sum() <= stats.binom.ppf(0.999, 20, 0.05)


def test_several_tasks_are_also_taken_together():
    measurements = made(3, planted=3.0, tasks=("jets", "digits"))
    found = policy_warnings(measurements, num_resamples=200)
    both = of(found, "hessian_trace", task="")
    assert both.value > 0.7 and (both.num_strata, both.num_cells) == (6, 96)
    assert set(found.task) == {"", "jets", "digits"}


def test_signs_are_of_selection_rows_and_drops_of_test_rows():
    measurements = made(4, planted=3.0)
    spoiled = measurements.copy()
    of_signs = measurements.measure.isin(["activation_crest", "layer_drop"]) & (measurements.split == "test")
    of_drops = (measurements.measure == "policy_drop") & (measurements.split == "selection")
    spoiled.loc[of_signs | of_drops, "value"] = -1.0
    pd.testing.assert_frame_equal(
        policy_warnings(spoiled, num_resamples=20), policy_warnings(measurements, num_resamples=20)
    )


def test_few_recipes_are_said_to_be_few_and_two_give_nothing():
    assert of(policy_warnings(made(6, recipes=5), num_resamples=20), "hessian_trace").descriptive
    row = of(policy_warnings(made(6, recipes=2), num_resamples=20), "hessian_trace")
    assert row.status == "undefined" and np.isnan(row.value)
    assert policy_warnings(made(6).query("measure != 'policy_drop'")).empty


def test_signs_of_layers_are_the_largest_and_the_quantization_drop_is_against_the_own_float_network():
    measurements = made(7).query("split != 'test'")
    signs = warning_signs(measurements)
    cell = signs[(signs.recipe == "r1") & (signs.seed == "s0") & (signs.precision == "qat4")].set_index("predictor")
    own = measurements[(measurements.recipe == "r1") & (measurements.seed == "s0")]
    crests = own[(own.precision == "qat4") & (own.measure == "activation_crest")].value
    assert cell.value["highest_crest"] == crests.max() and cell.kind["highest_crest"] == "layers"
    scores = own[own.measure == "accuracy"].set_index("precision").value
    assert cell.value["quantization_drop"] == pytest.approx(scores["fp32"] - scores["qat4"])
    assert not (signs[signs.precision == "fp32"].predictor == "quantization_drop").any()
