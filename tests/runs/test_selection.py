"""A name that is not in the study is refused, also among right ones."""

import pytest
from kedro.pipeline import Node, Pipeline

from lowland.errors import LowlandError
from lowland.runs.selection import check_selection


def use(*_):
    return None


STUDY = Pipeline(
    [
        Node(use, "raw", "jets.plain.s0.model", name="train", tags=["training"], namespace="jets.plain.s0"),
        Node(use, "jets.plain.s0.model", "page", name="report", tags=["summary"]),
    ]
)


@pytest.mark.parametrize(
    "options, message",
    [
        ({"tags": ["training", "sumary"]}, "--tags names 'sumary'; .*did you mean summary"),
        ({"namespaces": ["jets", "jets.plian"]}, "--namespaces names 'jets.plian'; .*did you mean jets.plain"),
        ({"node_names": ["report", "train"]}, "--nodes names 'train'; .*jets.plain.s0.train"),
        ({"from_nodes": ["jets.plain.s0.trian"]}, "--from-nodes names .* did you mean jets.plain.s0.train"),
        ({"to_nodes": ["nothing"]}, "--to-nodes names 'nothing'; expected one of"),
        ({"from_inputs": ["rwa"]}, "--from-inputs names 'rwa'; .*did you mean raw"),
        ({"to_outputs": ["pgae"]}, "--to-outputs names 'pgae'; .*did you mean page"),
        ({"load_versions": {"raw": "2020"}}, "--load-versions: no dataset of this study is versioned"),
    ],
)
def test_a_wrong_name_is_one_line_with_the_nearest(options, message):
    with pytest.raises(LowlandError, match=message) as caught:
        check_selection(options, STUDY)
    assert "\n" not in str(caught.value)


def test_right_names_pass():
    check_selection({}, STUDY)
    check_selection({"tags": ["training"], "namespaces": ["jets", "jets.plain", "jets.plain.s0"]}, STUDY)
    check_selection({"node_names": ["jets.plain.s0.train"], "from_inputs": ["raw"], "to_outputs": ["page"]}, STUDY)
