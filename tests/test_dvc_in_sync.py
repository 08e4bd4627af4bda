"""dvc.yaml must say what the Kedro DAG says: the same nodes, files, parameters and code."""

import ast
import shlex
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from scripts.write_params import text

ROOT = Path(__file__).resolve().parents[1]
ADDED = ("cells", "runs", "groups", "everything", "descriptions")  # made from the axes by the grid hook


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
    for stage in Repo(str(ROOT)).index.stages:
        arguments = shlex.split(stage.cmd)
        chosen = whole.filter(tags=_option(arguments, "--tags"), node_namespaces=_option(arguments, "--namespaces"))
        found[stage.addressing] = (chosen, stage)
    return found


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
        wanted = {key for key in wanted if key.split(".")[0] not in ADDED}
        missing = [w for w in wanted if not any(w == k or w.startswith(f"{k}.") for k in known)]
        assert not missing, f"{name}: parameters not declared"
        axes = {"tasks", "recipes", "seeds", "precisions"}
        idle = [k for k in known - axes if not any(w == k or w.startswith((f"{k}.", k)) for w in wanted)]
        assert not [k for k in idle if k.split(".")[0] not in axes], f"{name}: parameters nobody reads"


def _imported_rooms(folder):
    """Rooms of the library that the nodes of a stage import."""
    tree = ast.parse((folder / "nodes.py").read_text())
    modules = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module}
    rooms = {module.split(".")[1] for module in modules if module.startswith("lowland.")}
    return {room for room in rooms if (ROOT / "src/lowland" / room).is_dir() and room != "pipelines"}


def test_every_stage_depends_on_the_code_of_its_nodes(stages):
    for name, (_, stage) in stages.items():
        kind = name.split(":")[-1].split("@")[0]
        read = _relative(stage.deps)
        folder = Path("src/lowland/pipelines") / kind
        assert folder in read, f"{name}: its nodes are not declared"
        rooms = {Path("src/lowland") / room for room in _imported_rooms(ROOT / folder)}
        assert rooms <= read, f"{name}: library code not declared: {rooms - read}"


def test_no_two_datasets_share_a_file(project):
    names = [n for n in project[0]["__default__"].datasets() if not n.startswith("params:")]
    files = list(_files(project[1], names).values())
    assert len(files) == len(set(files))


def test_every_persisted_output_has_an_entry_with_a_layer(project):
    catalog = project[1]
    for name in project[0]["__default__"].all_outputs():
        assert catalog.get(name).metadata["kedro-viz"]["layer"], name


def test_dvc_yaml_reads_the_axes_of_params_yaml():
    declared = yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]
    assert declared["training"]["matrix"] == {"task": "${tasks}", "recipe": "${recipes}"}
