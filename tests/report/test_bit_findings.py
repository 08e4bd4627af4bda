"""What the tables say about single bits."""

import numpy as np
import pandas as pd
import pytest

from lowland.analysis.findings import failed, not_ok_counts
from lowland.decision.headline import headline
from lowland.report.bit_findings import bit_findings
from lowland.report.style import Style
from tests.made_study.pictures import TABLES

PICTURES = {name: TABLES[name]() for name in ("flip_map", "protection")}


def of(measurements, pictures=PICTURES, recipe="plain"):
    return bit_findings(measurements, pictures=pictures, style=Style.of(measurements), recipe=recipe)


def test_the_plan_and_its_price_in_words(faulty):
    found = {entry["precision"]: entry for entry in of(faulty)["precisions"]}
    plan = found["fp32"]["plan"]
    assert (plan["rate"], plan["needed"], plan["extra"], plan["share"]) == (1e-3, 100, 200, pytest.approx(2))
    assert (plan["checked"]["k"], plan["needed_expected"]) == (100, 30)
    words = " ".join(found["fp32"]["sentences"])
    simulated = "In simulation, tripling 100 of 100 bits holds the floor of 69.8 %, for 200 more bits of memory (200 %)"
    assert "65.5 % ± 0.2 points is left without protection (predicted to first order: 66.0 %)" in words
    assert simulated in words and "with 100 tripled, 69.5 % ± 0.2 points is left." in words
    assert words.index("In simulation") < words.index("First order predicts 30 bits.")
    hopeless = " ".join(found["qat4"]["sentences"])
    assert "In simulation not even tripling all 100 bits holds the floor" in hopeless
    assert "First order predicts that not even all 100 bits do." in hopeless


def test_first_order_is_doubted_where_many_bits_flip_at_once(faulty):
    many = PICTURES["protection"].assign(num_bits=20_000)
    words = " ".join(of(faulty, {"protection": many})["precisions"][0]["sentences"])
    assert (
        "First order predicts 30 bits, but it is good only where few bits flip at once, and here about 20 do." in words
    )


def test_the_worst_flip_has_a_place_and_the_search_a_path(faulty):
    words = " ".join(next(e for e in of(faulty)["precisions"] if e["precision"] == "qat4")["sentences"])
    assert "costs 25 points of accuracy (in layer0.weight, the most significant bit of 4)" in words
    assert "brings accuracy from 66.0 % to 50.0 % with 1 and 20.0 % with 10 flips." in words


def test_the_slope_has_its_error_where_it_has_one(faulty):
    row = faulty[faulty.measure == "worst_flip_drop"].query("precision == 'qat4' and recipe == 'plain'")
    slopes = row.assign(measure="bit_error_slope", value=20.0, standard_error=5.0)
    for table, said in (
        (slopes, "each 10⁻⁴ of bit error rate costs 0.2 ± 0.1 points (two standard errors over the rows)."),
        (slopes.assign(standard_error=0.0), "each 10⁻⁴ of bit error rate costs 0.2 points."),
    ):
        found = of(pd.concat([faulty, table], ignore_index=True))["precisions"]
        assert said in " ".join(next(e for e in found if e["precision"] == "qat4")["sentences"])


def test_another_recipe_steps_in_and_says_so(faulty):
    found = of(faulty, recipe="somebody else's")
    assert (found["recipe"], found["asked"]) == ("plain", False)


def test_nothing_measured_nothing_found(small):
    assert of(small, pictures={}) is None


def test_bounds_and_hopeless_plans_are_no_failures(faulty):
    assert (faulty.status != "ok").any()
    assert not failed(faulty).any() and not_ok_counts(faulty).empty
    broken = faulty.copy()
    broken.loc[broken.index[broken.measure == "protected_bits"][0], ["value", "status"]] = [np.nan, "failed"]
    assert not_ok_counts(broken).rows.sum() == 1
    broken.loc[broken.index[broken.measure == "half_life"][:2], "status"] = ["failed", "non_finite"]
    assert not_ok_counts(broken).rows.sum() == 3, "half-lives may fail too"
    answer = {"tasks": {"jets": {"num_configurations": 1, "num_meeting_surely": 0, "chosen": None, "nearest": None}}}
    assert headline(answer, faulty)["jets"]["num_rows_not_ok"] == 0


def test_the_other_way_to_protect_is_told_where_the_plan_knows_it(faulty):
    protection = PICTURES["protection"].assign(secded_rate=1.5e-5, secded_overhead=7 / 32)
    entry = of(faulty, pictures=PICTURES | {"protection": protection})["precisions"][0]
    assert "leaves a rate of 1.5·10⁻⁵ for 22 % more memory." in " ".join(entry["sentences"])


def test_where_every_map_was_lost_there_is_no_section(faulty):
    measured = ["worst_flip_drop", "bit_error_slope", "protected_bits", "score_after_search"]
    at = faulty.measure.isin([*measured, "protected_bits_simulated"])
    broken = faulty.assign(value=faulty.value.mask(at), status=faulty.status.mask(at, "non_finite"))
    assert of(faulty, pictures={}) is not None and of(broken, pictures={}) is None
