"""Stages are declared once, and a new one is a package of its own."""

import pytest

from lowland.stages import Artifact, Expectation, NodeTemplate, Stage, all_stages, closing_stages, in_order, rows


def node(name, *, level="cell", inputs=(), outputs=(), **more):
    return NodeTemplate(name=name, function=f"lib.{name}", level=level, inputs=inputs, outputs=outputs, **more)


def table(name):
    return Artifact(name=name, kind="table", path=f"{name}.parquet", layer="model output")


def test_stages_run_after_what_they_read():
    names = [stage.name for stage in all_stages()]
    assert names[:3] == ["preparation", "training", "quantization"]
    assert names[-4:] == ["tables", "analysis", "decision", "report"]


def test_the_closing_stages_are_those_of_the_whole_study():
    assert closing_stages() == {"tables", "analysis", "decision", "report"}


def test_the_order_follows_artifacts_and_then_names():
    last = Stage(name="a", nodes=(node("use", inputs=("made",)),))
    first = Stage(name="z", nodes=(node("make", outputs=(table("made"),)),))
    other = Stage(name="b", nodes=(node("other"),))
    assert [stage.name for stage in in_order([last, other, first])] == ["b", "z", "a"]


def test_stages_that_wait_for_each_other_are_refused():
    one = Stage(name="one", nodes=(node("a", inputs=("y",), outputs=(table("x"),)),))
    two = Stage(name="two", nodes=(node("b", inputs=("x",), outputs=(table("y"),)),))
    with pytest.raises(ValueError, match="wait for each other: one, two"):
        in_order([one, two])


@pytest.mark.parametrize("wrong", [{"outputs": (rows("noise"),)}, {"expects": (Expectation("noise"),)}])
def test_rows_of_the_long_table_are_of_cells_and_pairs(wrong):
    with pytest.raises(ValueError, match="noise stands at level 'run'; expected cell or group"):
        node("noise", level="run", **wrong)


def test_a_stage_tells_its_families_artifacts_and_axes():
    made = table("made")
    nodes = (
        node("a", outputs=(made, rows("a")), expects=(Expectation("noise"),)),
        node("b", outputs=(made,), expects=(Expectation("noise"), Expectation("bit_flip"))),
    )
    stage = Stage(name="s", nodes=nodes)
    assert stage.families == ("noise", "bit_flip") and [a.name for _, a in stage.artifacts] == ["made", "a_rows"]
    assert stage.axes == ("task", "recipe") and not stage.closes
    assert Stage(name="p", nodes=(node("p", level="task"),)).axes == ("task",)


def test_a_selection_is_a_parameter_that_a_node_depends_on():
    assert node("a", inputs=("params:cell", "splits"), selection="flip_map").parameters == ("cell", "flip_map")
