"""One visual language."""

import pandas as pd
import plotly.graph_objects as go
import pytest

from lowland.report.style import _MARKERS, Style, colour, spread, transparent
from tests.made_study.study import PRECISIONS, RECIPES


def test_every_precision_has_its_own_colour_and_every_recipe_its_own_marker(tables):
    style = Style.of(tables.measurements)
    assert style.precisions == ("fp32", "qat8", "qat4", "qat2", "ptq8", "ptq6", "ptq4")
    assert len(set(style.colours.values())) == len(PRECISIONS)
    assert style.recipes == RECIPES
    assert len(set(style.markers.values())) == len(RECIPES)


def test_a_precision_looks_the_same_in_every_study(tables, small):
    assert Style.of(small).colours["qat4"] == Style.of(tables.measurements).colours["qat4"]


def test_the_widest_grid_has_a_marker_for_every_recipe():
    assert len(set(_MARKERS)) == 32
    for symbol in _MARKERS:
        go.Scatter(marker={"symbol": symbol})  # refuses what it cannot draw


def test_precisions_of_one_width_are_told_apart(small):
    other = small[small.precision == "ptq8"].assign(precision="ptq8_max")
    colours = Style.of(pd.concat([small, other])).colours
    assert colours["ptq8"] == Style.of(small).colours["ptq8"]
    assert len(set(colours.values())) == len(colours) == 4
    assert len({colour("ptq", 4, twin=number) for number in range(4)}) == 4


@pytest.mark.parametrize("method", ["qat", "ptq", "dynamic", "weight_only"])
def test_more_bits_are_darker(method):
    brightness = [sum(int(colour(method, bits)[i : i + 2], 16) for i in (1, 3, 5)) for bits in (2, 3, 4, 6, 8, 12)]
    assert brightness == sorted(brightness, reverse=True)


def test_transparent():
    assert transparent("#0a0b0c", 0.5) == "rgba(10,11,12,0.5)"


def test_labels_move_apart_and_keep_their_order():
    placed = spread([0.0, 0.01, 0.02, 5.0], gap=1.0)
    assert placed[:3] == pytest.approx([-0.99, 0.01, 1.01])
    assert placed[3] == 5.0
    assert spread([], gap=1.0) == []
