"""dvc.yaml must say what the Kedro DAG says: the same nodes, files, parameters and code."""

import shlex
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from lowland import grid
from lowland.datasets import ModelDataset
from lowland.placing import tasks_with
from lowland.stages import MEASURED, all_stages
from scripts.stage_code import FROM_TASKS, code_of
from scripts.write_params import text
from scripts.write_stages import CATALOG, DVC, catalog, dvc
from tests.studies import default_parameters

ROOT = Path(__file__).resolve().parents[1]
# Made by the grid hook -> the axes whose values they hold.
ADDED = {
    "cells": {"recipes", "seeds", "precisions", "qat_recipes"},
    "runs": {"recipes", "seeds"},
    "groups": {"recipes", "seeds", "precisions", "qat_recipes"},
    "everything": {"tasks", "own_code", "recipes", "seeds", "precisions", "qat_recipes", "landscape_detail", "flip_map"}
    | {"certification", "retraining", "screening", "worst_case"}
    | {"worst_case_protection", "worst_case_diagnosis", "worst_case_students", "worst_case_inputs"}
    | {"attacks", "sensor_faults", "corruptions", "token_corruptions", "label_shift", "faults"},
    "descriptions": {"tasks", "own_code"},
    "commands": set(),
    "folder": set(),
}


@pytest.fixture(scope="module")
def project():
    bootstrap_project(ROOT)
    with KedroSession.create(ROOT, env="base") as session:
        context = session.load_context()
        yield dict(pipelines), context.catalog


@pytest.fixture(scope="module")
def stages(project):
    """Address of each stage -> (the nodes that its command selects, the stage)."""
    whole = project[0]["__default__"]
    found = {}
    with Repo(str(ROOT)) as repo:  # closes the two SQLite files of DVC's state, or Python 3.13 warns of them
        for stage in repo.index.stages:
            arguments = shlex.split(stage.cmd)
            chosen = whole.filter(tags=_option(arguments, "--tags"), node_namespaces=_option(arguments, "--namespaces"))
            found[stage.addressing] = (chosen, stage)
        yield found


def _option(arguments, name):
    return arguments[arguments.index(name) + 1].split(",") if name in arguments else None


def _relative(items):
    return {Path(str(item.fs_path)).relative_to(ROOT) for item in items if not hasattr(item, "params")}


def _covered(path, roots):
    return any(path == root or root in path.parents for root in roots)


def _files(catalog, names):
    return {name: Path(str(catalog.get(name)._filepath)).relative_to(ROOT) for name in names}


def test_params_yaml_is_the_base_environment_resolved():
    assert (ROOT / "params.yaml").read_text() == text("base"), "run `make params`"


def test_the_catalog_and_dvc_yaml_are_those_of_the_declared_stages():
    assert CATALOG.read_text() == catalog(all_stages()), "run `make stages`"
    assert DVC.read_text() == dvc(all_stages()), "run `make stages`"


def test_every_node_runs_in_exactly_one_stage(project, stages):
    everything = sorted(node.name for node in project[0]["__default__"].nodes)
    assert everything == sorted(node.name for chosen, _ in stages.values() for node in chosen.nodes)


def test_every_stage_writes_and_reads_the_files_of_its_nodes(project, stages):
    catalog = project[1]
    for name, (chosen, stage) in stages.items():
        written, read = _relative(stage.outs), _relative(stage.deps)
        outputs = _files(catalog, chosen.all_outputs())
        undeclared = [file for file in outputs.values() if not _covered(file, written)]
        assert not undeclared, f"{name}: outputs not declared"
        assert all(any(_covered(file, {out}) for file in outputs.values()) for out in written), (
            f"{name}: unwritten outs"
        )
        inputs = _files(catalog, [i for i in chosen.inputs() if not i.startswith("params:")])
        assert not [f for f in inputs.values() if not _covered(f, read)], f"{name}: inputs not declared"


def test_every_stage_depends_on_the_parameters_of_its_nodes(stages):
    for name, (chosen, stage) in stages.items():
        known = {key for dep in stage.deps if hasattr(dep, "params") for key in dep.params}
        wanted = {i.removeprefix("params:") for i in chosen.inputs() if i.startswith("params:")}
        axes_read = set().union(*(ADDED.get(key.split(".")[0], ()) for key in wanted))
        assert axes_read <= {key.split(".")[0] for key in known}, f"{name}: axes not declared"
        wanted = {key for key in wanted if key.split(".")[0] not in ADDED}
        missing = [w for w in wanted if not any(w == k or w.startswith(f"{k}.") for k in known)]
        assert not missing, f"{name}: parameters not declared"
        axes = set().union(*ADDED.values())
        idle = [k for k in known - axes if not any(w == k or w.startswith((f"{k}.", k)) for w in wanted)]
        assert not [k for k in idle if k.split(".")[0] not in axes], f"{name}: parameters nobody reads"


@pytest.fixture(scope="module")
def code(project, stages):
    """Kind of stage -> (the code that it needs, what it depends on), of one stage of each kind."""
    found, parts = {}, {part.name: part for stage in all_stages() for part in stage.parts}
    for name, (chosen, stage) in stages.items():
        kind = name.split(":")[-1].split("@")[0]
        if kind not in found:
            models = [i for i in chosen.inputs() if isinstance(project[1].get(i), ModelDataset)]
            asks = any(i.removeprefix("params:").split(".")[0] in FROM_TASKS for i in chosen.inputs())
            found[kind] = code_of(parts[kind], loads_models=bool(models), asks_tasks=asks), _relative(stage.deps)
    return found


def test_every_stage_depends_on_the_code_of_its_nodes(code):
    for kind, (needed, read) in code.items():
        missing = sorted(str(file) for file in needed if not _covered(file, read))
        assert not missing, f"{kind}: library code not declared: {missing}"


def test_a_missing_code_dependency_is_noticed(code):
    """Without any one of them the test above would fail; so none is idle either."""
    for kind, (needed, read) in code.items():
        for dep in (path for path in read if path.parts[0] == "src"):
            assert not all(_covered(file, read - {dep}) for file in needed), f"{kind}: {dep} is not needed"


def test_code_is_followed_through_datasets_and_functions(code):
    found = {kind: {str(file.relative_to("src/lowland")) for file in needed} for kind, (needed, _) in code.items()}
    for kind in ("landscape", "attacks"):  # integer networks, which only the dataset names
        assert {"quantization/graph/integer.py", "quantization/fake_quantized/quantizers.py"} <= found[kind]
    assert "randomness.py" in found["preparation"]  # through tasks/splitting.py
    assert not any(file.startswith(("landscape/", "analysis/", "decision/", "report/")) for file in found["training"])


def test_no_two_datasets_share_a_file(project):
    names = [n for n in project[0]["__default__"].datasets() if not n.startswith("params:")]
    files = list(_files(project[1], names).values())
    assert len(files) == len(set(files))


def test_every_persisted_output_has_an_entry_with_a_layer(project):
    catalog = project[1]
    for name in project[0]["__default__"].all_outputs():
        assert catalog.get(name).metadata["kedro-viz"]["layer"], name


def test_a_stage_runs_for_the_tasks_in_which_it_has_anything_to_do(stages):
    asked = {name.split("@")[0]: name.partition("@")[2] for name in stages}
    assert "image_corruptions" not in asked and yaml.safe_load(text("base"))["places"]["image_corruptions"] == []
    fusion = yaml.safe_load(text("fusion"))["places"]
    assert fusion["image_corruptions"] == ["fusion"] and fusion["training"] == ["fusion"]
    assert {name for name, task in asked.items() if task} == {name for name, there in places().items() if there}


def places():
    return {
        part.name: tasks_with(part, grid.grid_of(default_parameters()))
        for stage in all_stages()
        for part in stage.parts
        if part.axes
    }


def test_what_is_measured_may_be_absent_for_those_who_gather():
    """A family that is switched off leaves no folder, and DVC wants every dependency to be there.

    Whoever diagnoses a policy or goes on from it reads it, and where there is none has nothing to do either.
    """
    readers = {
        name: [dep for dep in stage.get("do", stage)["deps"] if MEASURED in dep]
        for name, stage in yaml.safe_load(DVC.read_text())["stages"].items()
    }
    assert {name: deps for name, deps in readers.items() if deps} == {
        "tables": ["${data}/" + MEASURED],
        **{key: ["${data}/" + MEASURED + "/worst_case/${item.task}"] for key in ("policy_diagnosis", "input_policies")},
    }


def test_no_stage_names_a_file_twice():
    for name, stage in yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"].items():
        for kind in ("deps", "outs"):
            listed = stage.get("do", stage).get(kind, ())
            files = [next(iter(each)) if isinstance(each, dict) else each for each in listed]
            assert len(files) == len(set(files)), (name, kind)
