"""Correlations, predictions, and what the valley looks like."""

import pandas as pd
import pytest

from lowland.decision.requirements import Requirements
from lowland.report.figures.pictures import OF_LANDSCAPE
from lowland.report.inputs import Facts
from tests.made_study.pictures import TABLES
from tests.made_study.rendering import places_of, section_of, text_of
from tests.made_study.tables import Tables


@pytest.fixture(scope="module")
def little(tiny):
    return Tables.of(tiny, Requirements(), 2)


def test_what_is_differentiated_and_what_chance_would_do(tables):
    html = section_of("why", tables.inputs())
    text = text_of(html)
    assert "the frozen network at its dequantized weights" in text and "Descriptive only" not in text
    assert "would by chance alone" in text and "A hypothesis to be broken" in text
    assert {"correlation-jets", "prediction-jets-flips", "comparison-jets-flips", "ratio-jets-flips"} <= places_of(html)


def test_fewer_than_eight_recipes_are_descriptive(little):
    assert "Descriptive only" in text_of(section_of("why", little.inputs()))


def test_readings_with_limits_are_said_beside_the_prediction(little):
    facts = {"jets": Facts(readings={"limits": (0.0, None)})}
    assert "here no reading can lie below 0" in text_of(section_of("why", little.inputs(facts=facts)))


@pytest.mark.parametrize("missing", OF_LANDSCAPE)
def test_any_kind_of_picture_may_be_missing(little, missing):
    html = section_of("why", little.inputs(pictures={name: TABLES[name]() for name in OF_LANDSCAPE if name != missing}))
    assert {name for name in OF_LANDSCAPE if f'id="{name}-jets"' in html} == set(OF_LANDSCAPE) - {missing}
    assert "What the valley looks like" in html


def test_without_pictures_there_is_no_word_of_them(little):
    assert "What the valley looks like" not in section_of("why", little.inputs())


def test_the_caption_names_the_plane_that_is_shown(little):
    surface = TABLES["loss_surface"]()
    hessian = surface.assign(directions="hessian")
    assert "largest curvature" in section_of("why", little.inputs(pictures={"loss_surface": hessian}))
    both = pd.concat([hessian, surface])
    assert "two random directions" in section_of("why", little.inputs(pictures={"loss_surface": both}))
