"""A whole new stage, with an artifact and a family, beside all others: declared, placed, gathered and missed.

What the study knows of it comes from one declaration. In a copy of the project it is also counted which existing files
such a stage changes. A real one has its tests too, and documentation; where its science has a room of its own,
``tests/test_architecture.py`` says on which floor.
"""

import importlib
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.io import DataCatalog
from kedro.pipeline import Pipeline
from kedro.runner import SequentialRunner

from lowland import grid
from lowland.estimate import Estimate
from lowland.expectations import everything
from lowland.measurements import Cell, Measurement, cell_frame, table
from lowland.placing import build
from lowland.stages import Expectation, NodeTemplate, Stage, all_stages, in_order, picture, rows
from scripts.write_stages import catalog
from tests.changed_copy import ChangedCopy
from tests.studies import default_parameters

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "src/lowland/pipelines/toy"
EDITS = (
    (f"{PACKAGE}/__init__.py", "", '"""A toy."""\n'),
    (
        f"{PACKAGE}/options.py",
        "",
        """from pydantic import BaseModel


class ToyOptions(BaseModel, extra="forbid", frozen=True):
    share: float
""",
    ),
    (
        f"{PACKAGE}/stage.py",
        "",
        """from lowland.stages import MEASURED, Expectation, NodeTemplate, Stage, picture, rows

STAGE = Stage(
    name="toy",
    nodes=(
        NodeTemplate(
            name="shake",
            function="lowland.pipelines.toy.nodes.shake",
            level="cell",
            inputs=("params:cell", "params:toy", "quantization_rows"),
            outputs=(
                rows("toy"),
                picture("shaking", path=f"{MEASURED}/toy/{{task}}/{{recipe}}/{{seed}}/{{precision}}.shaking.parquet"),
            ),
            expects=(Expectation("toy", "shaken"),),
        ),
    ),
)
""",
    ),
    (
        f"{PACKAGE}/nodes.py",
        "",
        """from lowland.estimate import Estimate
from lowland.measurements import Measurement, cell_frame, table


def shake(cell, options, measured):
    part = Estimate(float(measured["value"].iloc[0]) * options["share"], 0.0, 8)
    return table(cell, [Measurement("toy", "shaken", part, "test")]), cell_frame(cell, score=[part.value])
""",
    ),
    ("conf/base/parameters_toy.yml", "", "toy:\n  share: 0.5\n"),
    ("src/lowland/vocabulary/families.py", '    "certificate",\n', '    "certificate",\n    "toy",\n'),
    (
        "src/lowland/vocabulary/measures.py",
        "    **LANDSCAPE,\n",
        '    **LANDSCAPE,\n    "shaken": Measure("shaken", "1", None, "Part of the score."),\n',
    ),
    (
        "src/lowland/config.py",
        "from lowland.quantization import Precision",
        "from lowland.pipelines.toy.options import ToyOptions\nfrom lowland.quantization import Precision",
    ),
    ("src/lowland/config.py", "    flip_map: FlipMapOptions\n", "    flip_map: FlipMapOptions\n    toy: ToyOptions\n"),
    (
        "src/lowland/report/figures/pictures.py",
        '    "flip_map": flip_map_figure,\n',
        '    "flip_map": flip_map_figure,\n    "shaking": flip_map_figure,\n',
    ),
)
BY_HAND = [
    "src/lowland/config.py",
    "src/lowland/report/figures/pictures.py",
    "src/lowland/vocabulary/families.py",
    "src/lowland/vocabulary/measures.py",
]
FILE = "07_model_output/measured/toy/{task}/{recipe}/{seed}/{precision}"
TOY = Stage(
    name="toy",
    nodes=(
        NodeTemplate(
            name="shake",
            function="tests.test_toy_stage.shake",
            level="cell",
            selection="flip_map",
            methods=("qat", "ptq"),
            inputs=("params:cell", "params:landscape", "quantization_rows"),
            outputs=(
                rows("toy"),
                picture("shaking", path=f"{FILE}.shaking.parquet"),
            ),
            expects=(Expectation("worst_case", "accuracy"),),
        ),
    ),
)


def shake(cell: Cell, options: dict, measured: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Half of what the cell scored."""
    half = Estimate(float(measured["value"].iloc[0]) / 2, 0.0, 8)
    return table(cell, [Measurement("worst_case", "accuracy", half, "toy")]), cell_frame(cell, score=[half.value])


@pytest.fixture
def study():
    raw = default_parameters()
    chosen = {
        "recipes": {"plain": raw["recipes"]["plain"]},
        "seeds": {"s0": 0, "s1": 1},
        "precisions": {name: raw["precisions"][name] for name in ("fp32", "ptq4")},
        "flip_map": raw["flip_map"] | {"precisions": "all", "seeds": "all"},
        "worst_case": raw["worst_case"] | {"choices": "none"},  # the toy is alone in its family
    }
    return grid.Grid(grid.validate(raw | chosen))


@pytest.fixture
def stages():
    return in_order([*all_stages(), TOY])


def test_a_toy_stage_is_run_gathered_and_missed(study, stages, tmp_path):
    pipelines = build(stages, study)
    names = {"gather_table", "close_study", "gather_shaking_pictures", "gather_pictures"}
    gathers = [node for node in pipelines["tables"].nodes if node.name.split(".")[-1] in names]
    added = study.added_parameters()
    parameters = {"landscape": {}, "cells": added["cells"], "everything": everything(stages, study)}
    entries = yaml.safe_load(catalog(stages).replace("${globals:data}", str(tmp_path)))
    kept = DataCatalog.from_config(entries)
    feed(kept, parameters)
    for number, cell in enumerate(study.cells):
        measured = table(cell, [Measurement("performance", "accuracy", Estimate(0.5 + number / 10, 0.0, 8), "test")])
        kept.save(f"{cell.id}.quantization_rows", measured)
    toys = [node for node in pipelines["toy"].nodes if ".s0." in node.name]  # s1's was lost
    SequentialRunner().run(Pipeline([*toys, *gathers]), kept)
    found = kept.load("summary.measurements")
    told = found[found["family"] == "worst_case"].set_index("seed")["status"]
    assert told.to_dict() == {"s0": "ok", "s1": "failed"}
    assert set(found[found["family"] == "worst_case"]["precision"]) == {"ptq4"}
    album = kept.load("jets.pictures")
    assert album[album["picture"] == "shaking"]["score"].tolist() == [0.3]
    assert kept.load("jets.plain.shaking_pictures")["seed"].tolist() == ["s0"]


def feed(kept: DataCatalog, parameters: dict) -> None:
    """Gives a catalog its parameters by their dotted names."""
    ahead = [("params:" + name, value) for name, value in parameters.items()]
    while ahead:
        name, value = ahead.pop()
        kept[name] = value
        if name.startswith("params:cells") and isinstance(value, dict):
            ahead += [(f"{name}.{key}", inner) for key, inner in value.items() if isinstance(inner, dict)]


def test_its_files_have_entries_in_the_catalog(stages):
    entries = yaml.safe_load(catalog(stages))
    assert entries["{task}.{recipe}.{seed}.{precision}.shaking"]["figure"] == "shaking"
    assert set(entries) - set(yaml.safe_load(catalog(all_stages()))) == {"{task}.{recipe}.{seed}.{precision}.shaking"}


def test_two_artifacts_in_one_file_are_refused():
    (shake,) = TOY.nodes
    same = replace(TOY, nodes=(replace(shake, outputs=(rows("toy"), picture("shaking", path=f"{FILE}.parquet"))),))
    with pytest.raises(ValueError, match=r"toy/.*\.parquet would hold .*toy_rows and .*shaking"):
        catalog([same])


def test_no_other_file_lists_what_a_stage_makes():
    """Rows and pictures are named by the stage that makes them, and nowhere else between parameters and DAG."""
    package = ROOT / "src" / "lowland"
    rooms = [package / room for room in ("runs", "runners", "pipelines")]
    singles = [package / f"{name}.py" for name in ("grid", "hooks", "placing", "expectations", "stages", "cli")]
    layer = [*singles, *(file for room in rooms for file in room.rglob("*.py"))]
    for stage in all_stages():
        for name in {artifact.name for _, artifact in stage.artifacts if artifact.is_rows or artifact.figure}:
            named = [file for file in layer if f'"{name}"' in file.read_text()]
            strangers = [file for file in named if package / "pipelines" / stage.name not in file.parents]
            assert not strangers, f"{name} is named in {strangers}"


@pytest.fixture
def project(tmp_path):
    return ChangedCopy(tmp_path, EDITS)


@pytest.mark.slow
def test_four_existing_files_by_hand_are_enough_beside_the_three_that_are_generated(project):
    new = [name for name, old, _ in EDITS if not old]
    differs, added = project.changed()
    assert (differs, sorted(added)) == (BY_HAND, sorted(new))
    project.meets("tests.test_toy_stage.whoever_must_know_it_does")
    differs, added = project.changed()
    assert (sorted(differs), sorted(added)) == (sorted([*BY_HAND, "conf/base/catalog.yml"]), sorted(new))


def whoever_must_know_it_does():
    """Runs in the copy: the stage is validated, placed and run; of what is generated, the catalog is written."""
    import lowland
    from lowland.report.figures.pictures import PICTURES

    parameters = default_parameters()
    assert parameters["toy"] == {"share": 0.5}
    assert "toy" not in yaml.safe_load((ROOT / "params.yaml").read_text())  # which is written from these
    study = grid.Grid(grid.validate(parameters))
    stages = all_stages()
    assert "toy" in [stage.name for stage in stages] and "shaking" in PICTURES
    cell = study.cells[0]
    measured = table(cell, [Measurement("performance", "accuracy", Estimate(0.5, 0.0, 8), "test")])
    own = importlib.import_module("lowland.pipelines.toy.nodes")
    found, drawn = own.shake(cell, parameters["toy"], measured)
    assert found["value"].tolist() == drawn["score"].tolist() == [0.25]
    assert len(build(stages, study)["toy"].nodes) == len(study.cells)
    parts = {part.name for stage in stages for part in stage.parts}
    assert parts - set(yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]) == {"toy"}  # which has each part
    folder = Path(lowland.__file__).parents[2]
    (folder / "conf/base/catalog.yml").write_text(catalog(stages), encoding="utf-8")
