"""The page about certificates: its numbers are those of the table, for a study with float and deployed cells."""

import json

import numpy as np
import pandas as pd
import pytest

from scripts.certification_tables import by_recipe, relations, rounding_by_recipe
from scripts.describe_certification import page, study
from tests.made_study.certificates import certificates
from tests.made_study.study import study as made_study


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    data = tmp_path_factory.mktemp("described") / "plane"
    (data / "08_reporting").mkdir(parents=True)
    measured = made_study(recipes=("plain", "clipping"))
    table = pd.concat([measured, certificates(("plain", "clipping")), certificates(("plain",), task="jets_linear")])
    table.to_parquet(data / "08_reporting" / "measurements.parquet")
    certificate = {"statements": {"status": "ok", "upsets": {"seconds": 1.25}}}
    (data / "one.certificate.json").write_text(json.dumps(certificate))
    return data


def test_every_recipe_has_its_row_and_every_number_is_the_tables(folder):
    told = page([study(folder)])
    assert "**plane**, up to 500 test rows a cell:" in told
    row = next(line for line in told.splitlines() if line.startswith("| clipping | qat4 |"))
    assert "| 64.6 % | 70.0 % | 90.0 % |" in row and row.endswith("| 20 | 93.0 % |")
    assert "| plain | 100.0 % | 23.1 % |" in told
    assert "| plane | upsets | 1 | 1.25 | 1.25 |" in told


def test_a_study_without_some_statement_has_dashes_for_it():
    table = certificates()
    table = table[~table.measure.str.startswith(("expected_accuracy", "noise_safe"))]
    means = by_recipe(table)
    assert means[["flipped", "noise"]].isna().all().all() and (means.safe == 0.646).all()
    assert list(rounding_by_recipe(table).columns) == [12.0, 8.0]


def test_what_goes_with_safe_rows_through_accuracy_alone_is_told_apart():
    source = np.random.default_rng(0)
    names = [f"r{number}" for number in range(150)]
    table = certificates(tuple(names))
    accuracy = dict(zip(names, source.normal(size=150), strict=True))
    coded = table[table.precision == "qat4"].copy()
    coded.loc[coded.measure == "upset_safe_share", "value"] = [
        accuracy[name] + 0.1 * source.normal() for name in coded[coded.measure == "upset_safe_share"].recipe
    ]
    kept = coded[(coded.measure == "upset_safe_share") & (coded.target == "weights+biases")]
    clean = kept.assign(family="performance", measure="accuracy", target="", value=[accuracy[r] for r in kept.recipe])
    trace = clean.assign(
        family="landscape", measure="hessian_trace", value=[accuracy[r] + 0.1 * source.normal() for r in kept.recipe]
    )
    found = {each.name: each for each in relations(pd.concat([coded, clean, trace]))}
    assert found["hessian_trace"].rho > 0.9 and found["hessian_trace"].number == 150
    assert abs(found["hessian_trace"].at_equal_accuracy) < 0.3
    assert np.isnan(found["accuracy"].at_equal_accuracy)
