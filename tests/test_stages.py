"""Stages are declared once, and a new one is a package of its own."""

import pytest

from lowland.stages import (
    Artifact,
    Expectation,
    NodeTemplate,
    Stage,
    all_stages,
    closing_stages,
    in_order,
    picture,
    rows,
)


def node(name, *, level="cell", inputs=(), outputs=(), **more):
    return NodeTemplate(name=name, function=f"lib.{name}", level=level, inputs=inputs, outputs=outputs, **more)


def table(name):
    return Artifact(name=name, kind="table", path=f"{name}.parquet", layer="model output")


def test_stages_run_after_what_they_read():
    names = [stage.name for stage in all_stages()]
    assert names[:5] == ["ingestion", "preparation", "screen", "training", "quantization"]
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
    with pytest.raises(ValueError, match="noise stands at level 'run'; expected cell, students, group"):
        node("noise", level="run", **wrong)


def test_a_stage_tells_its_families_artifacts_and_axes():
    made = table("made")
    nodes = (
        node("a", outputs=(made, rows("a")), expects=(Expectation("noise"),)),
        node("b", outputs=(made,), expects=(Expectation("noise"), Expectation("bit_flip"))),
    )
    stage = Stage(name="s", nodes=nodes)
    assert stage.families == ("noise", "bit_flip") and [a.name for _, a in stage.artifacts] == ["made", "a_rows"]
    assert stage.axes == ("task",) and stage.resumes and not stage.closes
    prepares = Stage(name="p", nodes=(node("p", level="task"),))
    assert prepares.axes == ("task",) and not prepares.resumes


def test_a_stage_falls_into_its_parts_or_is_one():
    parts = Stage(name="s", nodes=(node("a", part="x"), node("b", part="y"), node("c", part="x"))).parts
    assert [(p.name, p.tag, p.package) for p in parts] == [("x", "s.x", "s"), ("y", "s.y", "s")]
    assert [[each.name for each in p.nodes] for p in parts] == [["a", "c"], ["b"]]
    whole = Stage(name="s", nodes=(node("a"),))
    assert whole.parts == (whole,) and whole.tag == whole.package == "s"
    with pytest.raises(ValueError, match="b of stage s is in no part; expected one of x"):
        _ = Stage(name="s", nodes=(node("a", part="x"), node("b"))).parts


def test_every_family_of_disturbances_is_a_part_with_a_folder_of_its_own():
    (stage,) = (stage for stage in all_stages() if stage.name == "perturbation")
    folders = [{artifact.folder for each in part.nodes for artifact in each.outputs} for part in stage.parts]
    assert [part.name for part in stage.parts] == [
        *("noise", "sensor_faults", "image_corruptions", "token_corruptions", "label_shift", "attacks"),
        *("memory_faults", "flip_map"),
    ]
    assert all(len(each) == 1 for each in folders) and len(set.union(*folders)) == len(folders)


def test_a_selection_is_a_parameter_that_a_node_depends_on():
    assert node("a", inputs=("params:cell", "splits"), selection="flip_map").parameters == ("cell", "flip_map")


def test_a_picture_that_looks_like_rows_of_the_long_table_is_refused():
    with pytest.raises(ValueError, match=r"'safe_rows' would be gathered into the long table"):
        picture("safe_rows", path="x.parquet")
