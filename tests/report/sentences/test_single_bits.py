"""Single bits in sentences: the worst flip, the plan and its price, the search."""

import pandas as pd

from lowland.analysis.single_bits import single_bits
from lowland.report.score_text import ScoreText
from lowland.report.sentences.single_bits import bit_sentences
from lowland.report.style import Style
from tests.made_study.pictures import TABLES

PICTURES = {name: TABLES[name]() for name in ("flip_map", "protection")}


def said(measurements, precision, pictures=PICTURES):
    style = Style.of(measurements)
    found = single_bits(measurements, pictures, recipes=style.recipes, precisions=style.precisions, preferred="plain")
    (network,) = [each for each in found.networks if each.precision == precision]
    return " ".join(bit_sentences(network, ScoreText.named("accuracy")))


def test_the_plan_and_its_price_in_words(faulty):
    words = said(faulty, "fp32")
    simulated = "In simulation, tripling 100 of 100 bits holds the floor of 69.8 %, for 200 more bits of memory (200 %)"
    assert "65.5 % ± 0.2 points is left without protection (predicted to first order: 66.0 %)" in words
    assert simulated in words and "with 100 tripled, 69.5 % ± 0.2 points is left." in words
    assert words.index("In simulation") < words.index("First order predicts 30 bits.")
    hopeless = said(faulty, "qat4")
    assert "In simulation not even tripling all 100 bits holds the floor" in hopeless
    assert "First order predicts that not even all 100 bits do." in hopeless


def test_first_order_is_doubted_where_many_bits_flip_at_once(faulty):
    many = PICTURES["protection"].assign(num_bits=20_000)
    words = said(faulty, "fp32", {"protection": many})
    assert (
        "First order predicts 30 bits, but it is good only where few bits flip at once, and here about 20 do." in words
    )


def test_the_worst_flip_has_a_place_and_the_search_a_path(faulty):
    words = said(faulty, "qat4")
    assert "costs 25 points of accuracy (in layer0.weight, the most significant bit of 4)" in words
    assert "brings accuracy from 66.0 % to 50.0 % with 1 and 20.0 % with 10 flips." in words


def test_the_slope_has_its_error_where_it_has_one(faulty):
    row = faulty[faulty.measure == "worst_flip_drop"].query("precision == 'qat4' and recipe == 'plain'")
    slopes = row.assign(measure="bit_error_slope", value=20.0, standard_error=5.0)
    for table, cost in (
        (slopes, "each 10⁻⁴ of bit error rate costs 0.2 ± 0.1 points (two standard errors over the rows)."),
        (slopes.assign(standard_error=0.0), "each 10⁻⁴ of bit error rate costs 0.2 points."),
    ):
        assert cost in said(pd.concat([faulty, table], ignore_index=True), "qat4")


def test_the_other_way_to_protect_is_told_where_the_plan_knows_it(faulty):
    protection = PICTURES["protection"].assign(secded_rate=1.5e-5, secded_overhead=7 / 32)
    words = said(faulty, "fp32", PICTURES | {"protection": protection})
    assert "leaves a rate of 1.5·10⁻⁵ for 22 % more memory." in words
