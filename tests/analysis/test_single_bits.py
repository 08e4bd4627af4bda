"""What is known of single bits of one recipe."""

import pytest

from lowland.analysis.single_bits import shown_rate, single_bits
from lowland.report.style import Style
from tests.made_study.pictures import TABLES

PICTURES = {name: TABLES[name]() for name in ("flip_map", "protection")}


def of(measurements, pictures=PICTURES, recipe="plain"):
    style = Style.of(measurements)
    return single_bits(measurements, pictures, recipes=style.recipes, precisions=style.precisions, preferred=recipe)


def test_the_plan_and_its_price(faulty):
    networks = {network.precision: network for network in of(faulty).networks}
    plan = networks["fp32"].plan
    assert (plan.rate, plan.needed, plan.extra, plan.share) == (1e-3, 100, 200, pytest.approx(2))
    assert (plan.checked.protected, plan.needed_expected) == (100, 30)
    assert plan.rate == shown_rate(PICTURES["protection"])
    assert networks["qat4"].plan.needed is networks["qat4"].plan.extra is networks["qat4"].plan.share is None


def test_the_worst_flip_has_a_place_where_the_map_is_there(faulty):
    for pictures, place in ((PICTURES, ("layer0.weight", 1, 4)), ({}, (None, 0, 0))):
        (network,) = [each for each in of(faulty, pictures).networks if each.precision == "qat4"]
        worst = network.worst
        assert (worst.drop, (worst.tensor, worst.from_top, worst.bits)) == (pytest.approx(0.25), place)
        assert network.search.steps == ((1, 0.5), (10, 0.2))


def test_another_recipe_steps_in_and_says_so(faulty):
    found = of(faulty, recipe="somebody else's")
    assert (found.recipe, found.preferred) == ("plain", False)


def test_nothing_measured_nothing_found(small):
    assert of(small, pictures={}) is None


def test_where_every_map_was_lost_there_is_no_section(faulty):
    measured = ["worst_flip_drop", "bit_error_slope", "protected_bits", "score_after_search"]
    at = faulty.measure.isin([*measured, "protected_bits_simulated"])
    broken = faulty.assign(value=faulty.value.mask(at), status=faulty.status.mask(at, "non_finite"))
    assert of(faulty, pictures={}) is not None and of(broken, pictures={}) is None
