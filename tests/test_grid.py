import json

import pytest
from kedro.pipeline import Pipeline

from lowland import grid
from lowland.expectations import parameters_of
from lowland.measurements import WITH_CODES
from lowland.placing import build
from lowland.stages import all_stages
from tests.studies import default_parameters, selected_cells


def test_cells_are_the_cross_product_in_a_stable_order():
    study = grid.Grid(grid.validate(default_parameters()))
    ids = [cell.id for cell in study.cells]
    assert len(ids) == len(set(ids)) == len(study.tasks) * len(study.recipes) * len(study.seeds) * len(study.precisions)
    assert ids[0] == "jets.plain.s0.fp32" and ids[1] == "jets.plain.s0.qat8"


def test_cells_are_made_once():
    """Every gather asks for them: making them anew each time would make large grids quadratic."""
    study = grid.Grid(grid.validate(default_parameters()))
    assert study.cells is study.cells and study.groups is study.groups


def test_every_node_can_learn_its_cell_from_the_added_parameters():
    study = grid.Grid(grid.validate(default_parameters()))
    added = parameters_of(study)
    for cell in study.cells:
        here = added["cells"][cell.task][cell.recipe][cell.seed][cell.precision]
        assert grid.Cell.model_validate(here) == cell
    group = added["groups"]["jets"]["plain"]["qat8"]["cells"]
    assert [cell["seed"] for cell in group] == list(study.seeds)
    assert len(added["everything"]["cells"]) == len(study.cells)


def test_what_sensors_deliver_can_be_written_as_json():
    raw = default_parameters()
    frames = {"kind": "fusion", "source": "simulated"} | dict.fromkeys(
        ("train_rows", "validation_rows", "landscape_rows", "test_rows"), 9
    )
    tasks = raw["tasks"] | {"frames": frames}
    told = grid.Grid(grid.validate(raw | {"tasks": tasks})).added_parameters()["descriptions"]
    readings = {name: about["readings"] for name, about in told.items()}
    assert [about["input_kind"] for about in told.values()] == ["features", "image"]
    assert readings["jets"] == {"unit": None, "extremes": None, "limits": [None, None]}
    assert readings["frames"] == {"unit": None, "extremes": [0.0, 1.0], "limits": [0.0, 1.0]}
    json.dumps(readings, allow_nan=False)


def test_maps_of_flips_are_of_the_selected_cells_that_have_codes():
    raw = default_parameters()
    selection = raw["flip_map"] | {"precisions": "all", "seeds": 2}
    study = grid.Grid(grid.validate(raw | {"flip_map": selection}))
    cells = selected_cells(study, "flip_map", methods=WITH_CODES)
    assert {cell.seed for cell in cells} == {"s0", "s1"}
    assert {cell.precision for cell in cells} == set(study.precisions) - {"fp32"}
    rows = parameters_of(study)["everything"]["rows"]
    (mapped,) = [each["cells"] for each in rows if each["measure"] == "bit_error_slope"]
    assert mapped == [cell.id for cell in cells]


@pytest.fixture
def plain_alone_tuned():
    """The default study with QAT for one recipe only, as the grid that pipelines are built from."""
    raw = default_parameters()
    yield grid.set_parameters(raw | {"qat_recipes": ["plain"]})
    grid.set_parameters(raw)


def test_recipes_without_qat_have_all_other_precisions(plain_alone_tuned):
    study = plain_alone_tuned
    untuned = tuple(name for name, p in study.study.precisions.items() if p.method != "qat")
    assert study.precisions_of("plain") == study.precisions and study.precisions_of("jacobian_1e-2") == untuned
    assert {cell.recipe for cell in study.cells if cell.method == "qat"} == {"plain"}
    seeds, recipes = len(study.seeds), len(study.recipes)
    assert len(study.cells) == seeds * (len(study.precisions) + (recipes - 1) * len(untuned))
    added = parameters_of(study)
    assert set(added["groups"]["jets"]["jacobian_1e-2"]) == set(untuned)
    known = {cell.id for cell in study.cells}
    pairs = [each for each in added["everything"]["rows"] if each["references"]]
    assert pairs and {cell for each in pairs for cell in (*each["cells"], *each["references"])} <= known


def test_without_qat_of_some_recipes_every_node_finds_what_it_reads(plain_alone_tuned):
    whole = Pipeline(list(build(all_stages(), plain_alone_tuned).values()))
    assert {name for name in whole.inputs() if not name.startswith("params:")} == {"jets.raw"}
    nodes = {node.name for node in whole.nodes}
    assert "jets.plain.s0.qat8.fine_tune_quantized" in nodes and "jets.plain.pairs.qat8.compare_seeds" in nodes
    assert not [name for name in nodes if "jacobian_1e-2" in name and "qat" in name]


def test_cells_tell_widths_and_not_how_scales_were_found() -> None:
    raw = default_parameters()
    variant = {"method": "ptq", "weight_bits": 4, "activation_bits": 4, "calibration": "max", "equalization": True}
    raw = raw | {"precisions": raw["precisions"] | {"ptq4_max": variant}}
    cells = [cell for cell in grid.Grid(grid.validate(raw)).cells if cell.precision == "ptq4_max"]
    assert cells and all((cell.method, cell.weight_bits, cell.activation_bits) == ("ptq", 4, 4) for cell in cells)
