"""Pictures show the numbers of their tables: the first seed, one recipe at a time."""

import numpy as np
import pytest

from lowland.report.figures import PICTURES
from tests.made_study.pictures import TABLES


def visible(figure):
    return [trace for trace in figure.data if trace.visible]


@pytest.mark.parametrize("name", PICTURES)
def test_the_list_shows_one_recipe_at_a_time(name):
    figure = PICTURES[name](TABLES[name]())
    masks = [button.args[0]["visible"] for button in figure.layout.updatemenus[0].buttons]
    assert [sum(column) for column in zip(*masks, strict=True)] == [1] * len(figure.data)
    assert list(masks[0]) == [bool(trace.visible) for trace in figure.data]


@pytest.mark.parametrize("name", PICTURES)
def test_a_single_recipe_needs_no_list(name):
    table = TABLES[name]()
    assert not PICTURES[name](table[table.recipe == "clipping"]).layout.updatemenus


def test_lines_of_densities_are_those_of_the_first_seed():
    lines = [trace for trace in visible(PICTURES["spectral_density"](TABLES["spectral_density"]())) if trace.name]
    assert [line.name for line in lines] == ["fp32", "qat4"]
    grid = np.linspace(-1, 3, 7)
    np.testing.assert_allclose(lines[0].y, np.exp(-(grid**2)), rtol=1e-3)
    np.testing.assert_allclose(lines[1].y, np.exp(-(grid**2)) + 0.2, rtol=1e-3)


def test_surfaces_show_the_rise_above_the_middle_on_one_scale():
    figure = PICTURES["loss_surface"](TABLES["loss_surface"]())
    panels = visible(figure)
    assert [(panel.xaxis, panel.coloraxis) for panel in panels] == [("x", "coloraxis"), ("x2", "coloraxis")]
    assert (figure.layout.coloraxis.cmin, figure.layout.coloraxis.cmax) == (-2, 1)
    rise = np.array(panels[1].customdata)  # rows go along y
    np.testing.assert_allclose(rise, [[4, 3, 4], [1, 0, 1], [4, 3, 4]], atol=1e-3)


def test_curves_and_straight_lines_between_seeds():
    straight, curve, _, unsettled = visible(PICTURES["mode_connectivity"](TABLES["mode_connectivity"]()))
    assert straight.line.dash == "dot" and max(straight.y) == pytest.approx(0.75)
    assert set(curve.y) == {0.5} and curve.error_y.array[0] == pytest.approx(0.02)
    assert (curve.line.dash, unsettled.line.dash) == ("solid", "dash")


def test_bits_are_aligned_at_the_most_significant():
    figure = PICTURES["flip_map"](TABLES["flip_map"]())
    floats, codes = visible(figure)
    assert list(codes.y) == ["layer0.weight", "layer0.bias"]
    weight, bias = codes.z
    assert weight[0] == pytest.approx(-0.7, abs=0.01)  # the sign, of the third cell: 0.2 nats
    assert weight[3] == pytest.approx(-5), "a gain is as pale as nothing"
    assert list(weight[4:]) == [None, None] and bias[4] is not None
    assert list(codes.customdata[0][0]) == [3, 12, 0.2, 0.9, 10, 30]
    assert "loss added" in figure.layout.coloraxis.colorbar.title.text
    assert floats.coloraxis == codes.coloraxis == "coloraxis"
    assert figure.layout.xaxis2.title.text.startswith("qat4")


def test_a_recipe_may_be_shown_first():
    for name in ("flip_map", "protection"):
        figure = PICTURES[name](TABLES[name](), recipe="clipping")
        menu = figure.layout.updatemenus[0]
        assert menu.buttons[menu.active].label == "recipe: clipping"
        assert list(menu.buttons[menu.active].args[0]["visible"]) == [bool(trace.visible) for trace in figure.data]


def test_plans_are_shown_at_the_highest_rate_with_what_is_needed():
    shown = visible(PICTURES["protection"](TABLES["protection"]()))
    lines = [trace for trace in shown if trace.name in ("fp32", "qat4")]
    assert lines[0].y[0] == pytest.approx(0.655), "named lines are simulated"
    assert len(lines[0].x) == 5 and lines[0].error_y.array[0] == pytest.approx(0.002)
    expected = next(trace for trace in shown if trace.line.dash == "dash")
    assert expected.y[0] == pytest.approx(0.66) and "0.05 points" in expected.text[1]
    stars = {trace.marker.symbol: trace.customdata[0] for trace in shown if "star" in (trace.marker.symbol or "")}
    assert stars == {"star": "100", "star-open": "30"}, "the other cell cannot be saved"


def test_plans_of_an_older_study_have_no_gains():
    table = TABLES["protection"]().drop(columns=["gain", "num_rows"])
    assert len(visible(PICTURES["protection"](table))) > 0


def test_safe_rows_are_drawn_by_the_share_of_bits_that_are_triplicated():
    dotted, full, *_ = visible(PICTURES["upset_safety"](TABLES["upset_safety"]()))
    assert list(full.x) == list(dotted.x) == [0, 0.1, 0.2, 0.5]
    np.testing.assert_allclose(dotted.y, [0.1, 0.5, 0.8, 1.0])
    np.testing.assert_allclose(full.y, [0.1, 0.4, 0.7, 0.9])
    assert full.customdata[1] == "10 of 100"
