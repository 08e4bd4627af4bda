"""Figures of bit policies: searches, layers, inputs."""

import numpy as np
import pytest

from lowland.analysis.policies import lost_through_layers
from lowland.report.figures import PICTURES
from lowland.report.figures.policies import layer_drop_figure
from lowland.report.style import Style
from tests.made_study.pictures import policy_search, worst_inputs
from tests.made_study.worst_case import policies


def visible(figure):
    return [trace for trace in figure.data if trace.visible]


def test_a_search_is_a_line_that_never_falls_over_the_policies_tried():
    dots, line, *_ = visible(PICTURES["policy_search"](policy_search()))
    assert list(line.x) == list(dots.x) == [1, 2, 3, 4]
    np.testing.assert_allclose(dots.y, [0.0, 0.3, 0.1, 0.2])
    np.testing.assert_allclose(line.y, [0.0, 0.3, 0.3, 0.3])
    assert dots.customdata[1] == "2 8 4" and line.line.shape == "hv"


def test_layers_are_columns_in_the_order_of_the_network_and_precisions_rows(tiny):
    rows = policies()
    drops, style = lost_through_layers(rows), Style.of(tiny)
    figure = layer_drop_figure(drops, style=style, precisions=["fp32", "qat4"], recipe="clipping")
    (shown,) = visible(figure)
    assert figure.data[0].visible is False and len(shown.z) == 2
    np.testing.assert_allclose(shown.z[0], [0.05, 0.15, -0.01], atol=1e-9)
    assert list(figure.layout.xaxis.ticktext) == ["0", "2", "4"] and shown.text[0][1] == "15"
    assert (shown.zmin, shown.zmax) == (0.0, pytest.approx(0.15))


def test_nothing_lost_anywhere_is_drawn_all_the_same():
    rows = policies()
    drops = lost_through_layers(rows.assign(value=-0.01))
    figure = layer_drop_figure(drops, style=Style.of(rows), precisions=["fp32"])
    assert figure.data[0].zmax == 1.0 and len(figure.data[0].z) == 1


def test_inputs_are_images_with_their_answers():
    image, words, *others = visible(PICTURES["worst_inputs"](worst_inputs()))
    assert image.type == "image" and words.text == ("1 \N{RIGHTWARDS ARROW} 2",) and len(others) == 2
    assert list(image.z[0][0]) == [0] * 3 and list(image.z[1][2]) == [255] * 3, "its own extremes are black and white"
    flat = worst_inputs().assign(input=[np.zeros(6)] * 16)
    assert list(visible(PICTURES["worst_inputs"](flat))[0].z[1][2]) == [0] * 3


def test_inputs_in_colour_keep_their_colours_and_others_are_rows_of_numbers():
    colour = worst_inputs().head(1).assign(input=[np.array([0.0, 0.5, 1.0])], shape=[[3, 1, 1]])
    (image, _) = visible(PICTURES["worst_inputs"](colour))
    assert list(image.z[0][0]) == [0, 128, 255]
    nameless = colour.assign(answer=-1)
    assert visible(PICTURES["worst_inputs"](nameless))[1].text == ("row 7",)
    (grid,) = visible(PICTURES["worst_inputs"](worst_inputs(images=False)))
    assert np.asarray(grid.z).shape == (2, 6) and grid.zmax == -grid.zmin
