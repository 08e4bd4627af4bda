"""kedro-viz tells previews apart by the name of the return annotation: asked here, not assumed."""

import json

import pytest
from kedro_viz.api.rest.responses.utils import get_encoded_response
from kedro_viz.models.flowchart.node_metadata import DataNodeMetadata
from kedro_viz.models.flowchart.nodes import GraphNode

from lowland.errors import LowlandError
from tests.datasets.cases import CASES, dataset


def shown(data):
    """What kedro-viz hands to the page."""
    node = GraphNode.create_data_node("id", "name", layer=None, tags=set(), dataset=data, modular_pipelines=None)
    found = DataNodeMetadata(data_node=node)
    encoded = json.loads(get_encoded_response({"preview": found.preview, "type": found.preview_type}))
    return encoded["preview"], encoded["type"]


@pytest.mark.parametrize("name", CASES)
def test_kedro_viz_takes_the_preview_for_what_it_is(tmp_path, name):
    case = CASES[name]
    data = dataset(case, tmp_path)
    data.save(case.content())
    preview, kind = shown(data)
    assert kind == case.preview
    assert (preview is None) == (case.preview is None)
    if kind == "JSONPreview":
        json.loads(preview)
    elif kind == "TablePreview":
        assert preview["columns"] == ["task", "value", "bits"]
        assert preview["data"][1][1:] == [None, 8]
    elif name == "plotly":
        assert preview["data"][0]["y"] == [3, 4]
    elif kind == "PlotlyPreview":
        assert [trace["name"] for trace in preview["data"] if "name" in trace][:2] == ["fp32", "qat4"]


@pytest.mark.parametrize("name", CASES)
def test_a_study_that_has_not_run_shows_nothing_and_warns_of_nothing(tmp_path, name, caplog):
    preview, _ = shown(dataset(CASES[name], tmp_path))
    assert preview is None
    assert not caplog.records


def test_a_model_shows_its_recipe_status_and_shapes(tmp_path):
    data = dataset(CASES["model"], tmp_path)
    data.save(CASES["model"].content())
    preview = json.loads(shown(data)[0])
    assert preview["spec"]["hidden"] == [3, 2]
    assert preview["status"] == "non_finite"
    assert preview["tensors"]["layers.0.weight"] == [3, 4]


def test_the_rows_of_a_preview_are_an_option(tmp_path):
    data = dataset(CASES["parquet"], tmp_path)
    data.save(CASES["parquet"].content())
    data.metadata = {"kedro-viz": {"preview_args": {"nrows": 1}}}
    assert len(shown(data)[0]["data"]) == 1


def test_an_unknown_figure_is_one_line(tmp_path):
    data = dataset(CASES["picture"]._replace(options={"figure": "density"}), tmp_path)
    data.save(CASES["picture"].content())
    with pytest.raises(LowlandError, match="figure is 'density'; expected one of spectral_density, loss_surface, mode"):
        data.preview()
