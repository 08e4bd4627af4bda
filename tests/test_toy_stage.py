"""A whole new stage, with an artifact and a family, beside all others: declared, placed, gathered and missed.

What the study knows of it comes from one declaration. Files that exist already and that a real stage of this kind would
change, its documentation aside (it adds a package in ``pipelines``, a room in the library, a file in ``conf/base`` and
their tests):

1. ``src/lowland/vocabulary/families.py``: the name of its family;
2. ``src/lowland/vocabulary/measures.py``: the records of its measures;
3. ``src/lowland/config.py``: its options;
4. ``src/lowland/report/figures/pictures.py``: what draws its artifact;
5. ``tests/test_architecture.py``: on which floor its room lies;
6. ``conf/base/catalog.yml`` and 7. ``dvc.yaml``, written by ``make stages``;
8. ``params.yaml``, written by ``make params``.
"""

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
from tests.studies import default_parameters

ROOT = Path(__file__).resolve().parents[1]
TOUCHED = (
    "src/lowland/vocabulary/families.py",
    "src/lowland/vocabulary/measures.py",
    "src/lowland/config.py",
    "src/lowland/report/figures/pictures.py",
    "tests/test_architecture.py",
    "conf/base/catalog.yml",
    "dvc.yaml",
    "params.yaml",
)
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


def test_eight_existing_files_are_enough():
    assert len(TOUCHED) <= 8 and all((ROOT / name).is_file() for name in TOUCHED)
