"""Figures show the numbers of the tables."""

import pandas as pd
import pytest

from lowland.report.figures import (
    correlation_heatmap,
    learning_figure,
    pareto_figure,
    prediction_figure,
    predictor_comparison,
    ratio_heatmap,
    recall_figure,
    score_curves,
    shift_curves,
)
from lowland.report.style import Style


@pytest.fixture(scope="module")
def style(tables):
    return Style.of(tables.measurements)


def _lines(figure):
    return [t for t in figure.data if t.mode == "lines+markers" and t.visible]


def test_curves_start_at_the_undisturbed_accuracy(tables, style):
    figure = score_curves(tables.measurements, condition="bit_error_rate", style=style, recipe="clipping")
    lines = _lines(figure)
    assert len(lines) == 7
    m = tables.measurements
    rows = m[(m.recipe == "clipping") & (m.precision == "fp32") & (m.measure == "accuracy")]
    clean = rows[rows.family == "performance"].value.mean()
    words = rows[(rows.condition == "bit_error_rate") & (rows.target == "float32") & (rows.level == 1e-2)].value.mean()
    assert lines[0].y[0] == pytest.approx(clean, abs=1e-4)
    assert lines[0].y[-1] == pytest.approx(words, abs=1e-4)
    assert list(figure.layout.xaxis.ticktext) == ["none", "10<sup>-4</sup>", "10<sup>-3</sup>", "10<sup>-2</sup>"]


def test_the_selector_shows_one_recipe_at_a_time(tables, style):
    figure = score_curves(tables.measurements, condition="gaussian", style=style, recipe="clipping")
    menu = figure.layout.updatemenus[0]
    assert menu.buttons[menu.active].label == "recipe: clipping"
    masks = [button.args[0]["visible"] for button in menu.buttons]
    assert [sum(column) for column in zip(*masks, strict=True)] == [1] * len(figure.data)
    assert list(masks[menu.active]) == [bool(trace.visible) for trace in figure.data]


def test_long_names_of_precisions_have_room(tables):
    def room(name):
        renamed = tables.measurements.replace({"precision": {"qat8": name}})
        return shift_curves(renamed, style=Style.of(renamed)).layout.margin.r

    assert room("qat8_with_a_long_name") - room("qat8") > 100
    assert room("q8") == room("qat8")  # others are as long


def test_shifted_sets(tables, style):
    figure = shift_curves(tables.measurements, style=style)
    assert len(_lines(figure)) == 7
    assert figure.layout.xaxis.ticktext[0] == "test"


def test_broken_sensors_are_no_shifted_sets(faulty):
    figure = shift_curves(faulty, style=Style.of(faulty))
    assert list(figure.layout.xaxis.ticktext) == ["test", "detector<br>smearing", "pile-up", "another<br>pT<br>window"]


def test_label_shift_is_a_curve_and_no_shifted_set(faulty):
    pileup = faulty[faulty.condition == "pileup"]
    ratios = [pileup.assign(condition="label_shift", level=ratio, level_unit="class ratio") for ratio in (2.0, 10.0)]
    both = pd.concat([faulty, *ratios], ignore_index=True)
    style = Style.of(both)
    assert (
        shift_curves(both, style=style).layout.xaxis.ticktext == shift_curves(faulty, style=style).layout.xaxis.ticktext
    )
    figure = score_curves(both, condition="label_shift", style=style)
    assert list(figure.layout.xaxis.ticktext) == ["none", "2", "10"] and "rarest" in figure.layout.xaxis.title.text


def test_bits_of_an_adc_fall_from_left_to_right(faulty):
    figure = score_curves(faulty, condition="requantization", style=Style.of(faulty))
    assert list(figure.layout.xaxis.ticktext) == ["none", "8", "4", "2"]
    assert list(figure.layout.xaxis.tickvals) == [0, 1, 5, 7]
    line = _lines(figure)[0]
    assert list(line.y) == sorted(line.y, reverse=True)


def test_long_spans_of_levels_are_drawn_by_their_logarithm(faulty):
    figure = score_curves(faulty, condition="gain_drift", style=Style.of(faulty))
    places = figure.layout.xaxis.tickvals
    assert places[2] - places[1] == pytest.approx(1.699, abs=1e-3)


def test_rankings_are_shown_best_first_below_the_ceiling(faulty):
    figure = recall_figure(faulty, style=Style.of(faulty))
    names = dict(zip(figure.layout.yaxis.tickvals, figure.layout.yaxis.ticktext, strict=True))
    shown = [names[height] for height in sorted(names, reverse=True)]
    ceiling = "the map itself, on other rows"
    assert shown == [ceiling, "matched curvature", "first-order Taylor", "weight magnitude"]
    marks = [trace for trace in figure.data if trace.name == "all"]
    by_loss, by_accuracy = [0.9, 0.7, 0.2], [0.45, 0.35, 0.1]
    assert [list(t.x) for t in marks] == [pytest.approx(x) for x in (by_loss, by_loss, by_accuracy, by_accuracy)]
    assert next(list(t.x) for t in figure.data if t.name == ceiling) == pytest.approx([0.95])
    assert figure.layout.xaxis2.title.text == "of the 100 worst flips"


def test_the_list_says_what_makes_a_flip_bad(faulty):
    figure = recall_figure(faulty, style=Style.of(faulty))
    loss, accuracy = figure.layout.updatemenus[0].buttons
    assert list(loss.args[0]["visible"]) == [bool(trace.visible) for trace in figure.data]
    assert all(a != b for a, b in zip(loss.args[0]["visible"], accuracy.args[0]["visible"], strict=True))
    only = recall_figure(faulty[faulty.measure != "ranking_recall_score"], style=Style.of(faulty))
    assert not only.layout.updatemenus


def test_the_pareto_figure_rings_the_choice(tables, style):
    figure = pareto_figure(tables.pareto, style=style, chosen=("clipping", "qat4"), robustness="score_gaussian")
    assert [a.text for a in figure.layout.annotations].count("recommended") == 1
    shown = [t for t in figure.data if t.visible and t.hoverinfo == "text"]
    assert sum(len(t.x) for t in shown) == 56
    for button in figure.layout.updatemenus[0].buttons:
        assert len(button.args[0]["visible"]) == len(figure.data)


def test_the_heat_map_is_bold_where_zero_is_excluded(tables):
    figure = correlation_heatmap(tables.correlations)
    shown = figure.data[0]
    row, column = list(shown.y).index("flip curvature"), list(shown.x).index("flips")
    assert shown.text[row][column].startswith("<b>+")
    assert "95 % interval" in shown.hovertext[row][column]
    assert shown.text[list(shown.y).index("bit width")][column] == ""
    assert len(figure.data) == 4


@pytest.mark.parametrize("condition", ["flips", "bit_error_rate", "gaussian"])
def test_prediction_figures(tables, style, condition):
    points = prediction_figure(tables.points, condition=condition, style=style)
    line = points.data[0]
    assert list(line.x) == list(line.y)
    assert sum(len(t.x) for t in points.data[1:]) == (tables.points.condition == condition).sum()
    ratios = ratio_heatmap(tables.fits, condition=condition, style=style).data[0]
    assert len(ratios.y) == (7 if condition == "gaussian" else 6)
    comparison = predictor_comparison(tables.fits, condition=condition)
    assert comparison.layout.yaxis.ticktext[-1] == ("input curvature" if condition == "gaussian" else "flip curvature")


def test_learning_curves(style):
    curves = pd.DataFrame(
        [
            {"recipe": r, "seed": s, "precision": "fp32", "epoch": e, "validation_loss": 1 / e}
            for r in ("plain", "clipping")
            for s in ("s0", "s1")
            for e in (1, 2, 3)
        ]
    )
    figure = learning_figure(curves, style=style)
    assert len(figure.data) == 4
    assert [t.visible for t in figure.data] == [True, True, False, False]
