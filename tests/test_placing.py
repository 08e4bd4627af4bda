"""Declared stages and the axes of a study become nodes that find what they read."""

import pytest
import yaml

from lowland import grid
from lowland.expectations import Everything, everything
from lowland.measurements import student_cell
from lowland.placing import Placing, build, chosen_places, places_of
from lowland.selection import RunSelection
from lowland.stages import Artifact, Expectation, NodeTemplate, Stage, all_stages, rows
from scripts.write_stages import catalog
from tests.studies import default_parameters, selected_cells


@pytest.fixture(scope="module")
def study():
    raw = default_parameters()
    recipes = {name: raw["recipes"][name] for name in list(raw["recipes"])[:2]}
    precisions = {name: raw["precisions"][name] for name in ("fp32", "qat4", "ptq4")}
    return grid.Grid(grid.validate(raw | {"recipes": recipes, "precisions": precisions}))


def table(name):
    return Artifact(name=name, kind="table", path=f"{name}.parquet", layer="model output")


def template(name="look", *, level="cell", inputs=("params:cell",), outputs=None, **more):
    made = (table("seen"),) if outputs is None else outputs
    return NodeTemplate(name=name, function="lib.look", level=level, inputs=inputs, outputs=made, **more)


def test_names_parameters_and_tags_follow_from_the_place(study):
    stage = Stage(name="looking", nodes=(template(inputs=("params:cell", "params:task", "params:landscape")),))
    node = build([stage], study)["looking"].nodes[0]
    assert node.name == "jets.plain.s0.fp32.look" and node.tags == {"looking"}
    assert node.inputs == ["params:cells.jets.plain.s0.fp32", "params:tasks.jets", "params:landscape"]
    assert node.outputs == ["jets.plain.s0.fp32.seen"]


def test_an_artifact_is_the_one_around_or_all_those_below(study):
    recipe = template("read", level="cell", inputs=("told", "seen"), outputs=(table("read"),))
    teller = template("tell", level="task", inputs=("seen",), outputs=(table("told"),))
    pairs = template("pair", level="group", inputs=("seen",), outputs=(table("paired"),))
    after = Stage(name="b", nodes=(teller, pairs, recipe))
    placing = Placing(study)
    assert len(placing.add(Stage(name="a", nodes=(template(),)))) == len(study.cells)
    nodes = {node.name: node for node in placing.add(after)}
    assert nodes["jets.plain.s1.qat4.read"].inputs == ["jets.told", "jets.plain.s1.qat4.seen"]
    assert nodes["jets.tell"].inputs == [f"{cell.id}.seen" for cell in study.cells]
    assert nodes["jets.plain.pairs.qat4.pair"].inputs == [f"jets.plain.{seed}.qat4.seen" for seed in study.seeds]


def test_what_nobody_makes_is_told(study):
    with pytest.raises(ValueError, match=r"jets.*reads 'unheard', which no stage before it makes there"):
        build([Stage(name="looking", nodes=(template(inputs=("unheard",)),))], study)


def test_methods_and_selections_choose_places(study):
    seeds, recipes = len(study.seeds), len(study.recipes)
    assert len(places_of("cell", study)) == seeds * recipes * 3
    tuned = chosen_places(template(methods=("qat",)), study)
    assert {place.precision for place in tuned} == {"qat4"} and len(tuned) == seeds * recipes
    mapped = chosen_places(template(methods=("qat", "ptq"), selection="flip_map"), study)
    wanted = selected_cells(study, "flip_map", methods=("qat", "ptq"))
    assert [place.namespace for place in mapped] == [cell.id for cell in wanted] and wanted
    detailed = chosen_places(template(level="group", selection="landscape_detail"), study)
    assert {place.precision for place in detailed} == set(study.selected_precisions("landscape_detail"))


def test_one_seed_has_no_pairs(study):
    lonely = grid.Grid(study.study.model_copy(update={"seeds": {"s0": 0}}))
    assert places_of("group", lonely) == places_of("pairs", lonely) == []


def test_rows_of_one_family_each_stand_beside_each_other_in_their_declared_order(study):
    """A stage with several nodes a cell: each has rows of its own, and the gathers read them all."""
    several = tuple(template(name, outputs=(rows(name),)) for name in ("noise", "attacks", "flips"))
    rest = [stage for stage in all_stages() if stage.name not in ("perturbation", "worst_case")]
    at = next(number for number, stage in enumerate(rest) if stage.name == "tables")
    stages = [*rest[:at], Stage(name="disturbing", nodes=several), *rest[at:]]
    tables = {node.name: node for node in build(stages, study)["tables"].nodes}
    read = tables["jets.plain.s0.gather_table"].inputs
    cell = "jets.plain.s0.fp32"
    assert [name.removeprefix(f"{cell}.") for name in read if name.startswith(f"{cell}.")][:6] == [
        "quantization_rows",
        "disagreement_rows",
        "landscape_rows",
        "noise_rows",
        "attacks_rows",
        "flips_rows",
    ]


def test_students_stand_beside_the_cells_of_the_runs_that_are_selected(study, monkeypatch):
    """At a reserved name, whatever the precisions: their rows are gathered with the run's, and missed if they fail."""
    wanted = RunSelection(recipes=("plain",), seeds=1)
    monkeypatch.setattr(type(study.study), "students", wanted, raising=False)
    made = template(
        "teach",
        level="students",
        selection="students",
        inputs=("params:run", "trained"),
        outputs=(rows("taught"),),
        expects=(Expectation("worst_case", "student_accuracy"),),
    )
    assert [place.namespace for place in chosen_places(made, study)] == ["jets.plain.s0.worst_case"]
    training = next(stage for stage in all_stages() if stage.name == "training")
    preparing = [stage for stage in all_stages() if stage.name in ("ingestion", "preparation")]
    tables = next(stage for stage in all_stages() if stage.name == "tables")
    beside = Stage(name="teaching", nodes=(made,))
    built = build([*preparing, training, beside, tables], study)
    (node,) = built["teaching"].nodes
    assert node.inputs == ["params:runs.jets.plain.s0", "jets.plain.s0.trained"]
    assert node.outputs == ["jets.plain.s0.worst_case.taught_rows"]
    gathers = {node.name: node for node in built["tables"].nodes}
    assert gathers["jets.plain.s0.gather_table"].inputs == node.outputs
    assert gathers["jets.plain.s1.gather_table"].inputs == []
    entry = yaml.safe_load(catalog([beside]))["{task}.{recipe}.{seed}.{precision}.{rows}_rows"]
    assert entry["filepath"].endswith("measured/{rows}/{task}/{recipe}/{seed}/{precision}.parquet")
    everyone = Everything(**everything([beside], study))
    (missed,) = (each for each in everyone.expected())
    assert missed.cell == student_cell("jets", "plain", "s0") and missed.cell.id == "jets.plain.s0.worst_case"
    assert (missed.cell.precision, missed.cell.method, missed.measure) == ("", "dynamic", "student_accuracy")
