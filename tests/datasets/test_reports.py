import math

import plotly.graph_objects as go

from lowland.datasets import JSONDataset, PlotlyDataset
from lowland.datasets.reports import jsonable


def test_json_is_strict(tmp_path):
    data = JSONDataset(filepath=str(tmp_path / "a.json"))
    data.save({"b": math.nan, "a": (1, math.inf), "c": "Pareto"})
    assert data._filepath.read_text() == '{\n  "b": null,\n  "a": [\n    1,\n    null\n  ],\n  "c": "Pareto"\n}\n'
    assert data.load() == {"b": None, "a": [1, None], "c": "Pareto"}


def test_what_is_finite_stays():
    assert jsonable({1: [True, 2, "x", None, 0.5]}) == {"1": [True, 2, "x", None, 0.5]}


def test_a_figure_comes_back(tmp_path):
    data = PlotlyDataset(filepath=str(tmp_path / "a.json"))
    data.save(go.Figure(go.Scatter(x=[1, 2], y=[3, math.nan]), layout={"title": {"text": "accuracy"}}))
    assert data.load().layout.title.text == "accuracy"
