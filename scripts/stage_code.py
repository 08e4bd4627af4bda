"""The code of the library that determines what a stage writes: what its nodes import, however far away."""

from __future__ import annotations

import ast
from functools import cache
from pathlib import Path

from lowland.stages import Stage

ROOT = Path(__file__).resolve().parents[1]
# Made by the tasks' own code, which the grid calls.
FROM_TASKS = ("descriptions", "everything")
# Imported by nodes and declarations, yet no dependency of a stage and not followed:
GLUE = {
    "lowland",  # the version
    "lowland.pipelines",  # a docstring
    "lowland.lazy",  # finds a public name in its file, which is followed
    "lowland.errors",  # the class of an error, which ends a stage before it writes
    # These import every room by way of the study's model, or hold the declarations of all stages, so that any edit
    # would retrain everything. They check the parameters, hand them on and wire the DAG; parameters and wires are what
    # the other tests hold dvc.yaml to. A change of how the grid makes its parameters needs `dvc repro --force`.
    "lowland.config",
    "lowland.grid",
    "lowland.placing",
    "lowland.stages",
}
# No node imports cli, hooks, settings, pipeline_registry and runners: they decide when a node runs, not what it makes.


def code_of(stage: Stage, *, loads_models: bool, asks_tasks: bool) -> set[Path]:
    """Files of the library, relative to the project.

    Args:
        stage: A stage, or a part of one.
        loads_models: Whether it reads networks, whose code the dataset imports where it rebuilds one.
        asks_tasks: Whether it reads parameters that the tasks' code makes.
    """
    package = f"lowland.pipelines.{stage.package}"
    files = sorted((ROOT / "src" / "lowland" / "pipelines" / stage.package).glob("*.py"))
    own = [f"{package}.{file.stem}" for file in files if file.stem != "__init__"]
    functions = {node.function.rpartition(".")[0] for node in stage.nodes}
    ahead = [
        package,
        *own,
        *functions,
        "lowland.datasets",
    ]  # every stage reads and writes datasets
    if asks_tasks:
        ahead.append("lowland.tasks")  # asked by the grid, which is not followed
    met: set[str] = set()
    while ahead:
        module = ahead.pop()
        if module in met or module in GLUE:
            continue
        met.add(module)
        # They import figures where kedro-viz asks for a preview: no stage comes by.
        rebuilds = loads_models and module == "lowland.datasets.tensors"
        ahead += _imports(module, inside_functions=rebuilds or not _is(module, "lowland.datasets"))
    return {_file(module).relative_to(ROOT) for module in met}


def rooms_of(files: set[Path]) -> list[str]:
    """The folders and files right below the package that cover them; of the pipelines the single stages.

    Args:
        files: Relative to the project.
    """
    found = set()
    for file in files:
        parts = file.parts
        depth = 4 if parts[2] == "pipelines" else 3
        found.add("/".join(parts[:depth]))
    return sorted(found, key=lambda room: ("pipelines" not in room, room.endswith(".py"), room))


def _file(module: str) -> Path:
    found = _find(module)
    assert found is not None, module
    return found


@cache
def _find(module: str) -> Path | None:
    """The file of a module of the library; ``None`` for a name that is no module."""
    path = ROOT / "src" / Path(*module.split("."))
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


@cache
def _imports(module: str, *, inside_functions: bool) -> set[str]:
    """The library's modules that one module imports, each with the packages that it lies in."""
    tree = ast.parse(_file(module).read_text("utf-8"))
    functions = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    inner = set() if inside_functions else {id(node) for function in functions for node in ast.walk(function)}
    names: set[str] = set()
    for node in ast.walk(tree):
        if id(node) in inner:
            continue
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.module and not node.level, f"{module}: absolute imports only, which can be followed"
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    modules = {name for name in names if name.split(".")[0] == "lowland" and _find(name)}
    return {".".join(parts[:end]) for parts in (m.split(".") for m in modules) for end in range(1, len(parts) + 1)}


def _is(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")
