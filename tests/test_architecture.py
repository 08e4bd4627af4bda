"""The walls of the house: who may import whom, and that nothing is configured that nobody reads."""

import ast
from pathlib import Path

import pytest

from lowland.stages import all_stages

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "src" / "lowland"
BASEMENT = {
    "coding",
    "functional_call",
    "vocabulary",
    "estimate",
    "lazy",
    "randomness",
    "measurements",
    "measures",
    "errors",
    "artifacts",
    "devices",
    "selection",
}
GROUND = {"architectures", "tasks", "perturbation", "quantization"}
FIRST = {"training": {"perturbation", "quantization"}, "landscape": set(), "summary": set()}
SECOND = {"faults": {"quantization", "landscape"}}
THIRD = {"robustness": {"tasks", "perturbation", "quantization", "faults"}}
ALLOWED = (
    {room: set() for room in BASEMENT}
    | {
        "measures": {"vocabulary"},
        "measurements": {"estimate", "errors", "measures", "vocabulary"},
        "artifacts": {"estimate"},
        "devices": {"errors"},
        "coding": {"errors"},
        "selection": {"errors"},
    }
    | {room: set(BASEMENT) for room in GROUND}
    | {"tasks": BASEMENT | {"architectures"}}
    | {room: BASEMENT | below for room, below in (FIRST | SECOND | THIRD).items()}
)
KEDRO_LAYER = {
    "__main__",
    "cli",
    "grid",
    "hooks",
    "settings",
    "pipeline_registry",
    "datasets",
    "runners",
    "pipelines",
    "config",
} | {
    "config_errors",
    "config_files",
    "config_layers",
    "config_loader",
    "expectations",
    "measurable",
    "node_functions",
    "placing",
    "raw_tables",
    "runs",
    "stages",
}


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(source):
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and not node.level:
            yield node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def library_files():
    return [path for path in PACKAGE.rglob("*.py") if room_of(path) not in KEDRO_LAYER | {"__init__"}]


def broken_walls(room, source):
    """Imports that the room's floor does not allow."""
    found = []
    for module in imports_of(source):
        top, *rest = module.split(".")
        foreign = top == "lowland" and rest and rest[0] not in ALLOWED[room] | {room}
        if foreign or top in ("kedro", "kedro_viz", "kedro_datasets"):
            found.append(module)
    return found


@pytest.mark.parametrize("path", library_files(), ids=lambda p: str(p.relative_to(PACKAGE)))
def test_library_imports_only_what_lies_below(path):
    assert not broken_walls(room_of(path), path.read_text())


@pytest.mark.parametrize(
    "room, source",
    [
        ("tasks", "from kedro.io import DataCatalog"),
        ("landscape", "from lowland.quantization import IntegerNetwork"),
        ("landscape", "from lowland.quantization.integer import IntegerNetwork"),
        ("tasks", "import lowland.perturbation"),
        ("errors", "from lowland.estimate import Estimate"),
        ("training", "from lowland.pipelines.training import nodes"),
        ("training", "from lowland.faults.bit_flips import random_flips"),
    ],
)
def test_a_broken_wall_is_noticed(room, source):
    assert broken_walls(room, source)


def circles(graph):
    """One circle of the import graph, or nothing."""
    state: dict[str, int] = {}

    def visit(node, trail):
        state[node] = 1
        for target in sorted(graph.get(node, ())):
            if state.get(target) == 1:
                return [*trail[trail.index(target) :], target] if target in trail else [node, target]
            if target not in state and (found := visit(target, [*trail, target])):
                return found
        state[node] = 2
        return []

    for start in sorted(graph):
        if start not in state and (found := visit(start, [start])):
            return found
    return []


def module_graph():
    modules = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("lowland", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        modules[name] = path
    graph = {}
    for name, path in modules.items():
        wanted = set()
        for node in ast.parse(path.read_text()).body:  # imports inside functions run later: no circle at import time
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("lowland"):
                for alias in node.names:
                    target = f"{node.module}.{alias.name}"
                    wanted.add(target if target in modules else node.module)
        # a package and its own modules import each other by design of __init__; ask only about real modules
        graph[name] = {w for w in wanted if w in modules and w != name and w != name.rpartition(".")[0]}
    return graph


def test_no_module_imports_itself_in_a_circle():
    assert not circles(module_graph())


def test_a_circle_is_noticed():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def unread_fields(models, sources):
    """Option fields whose name no other source text mentions as an attribute."""
    text = "\n".join(sources)
    return [f"{model}.{name}" for model, names in models.items() for name in names if f".{name}" not in text]


def option_models():
    from lowland.config import Study

    found = {}

    def walk(annotation):
        for model in _models_in(annotation):
            if model.__name__ not in found:
                found[model.__name__] = list(model.model_fields)
                for field in model.model_fields.values():
                    walk(field.annotation)

    walk(Study)
    return found


def _models_in(annotation):
    from typing import get_args

    from pydantic import BaseModel

    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models_in(part)]


def test_every_parameter_is_read_somewhere():
    sources = [path.read_text() for path in PACKAGE.rglob("*.py")]
    # read through the pipeline as `params:<name>` or as a selection, not as attributes
    declared = {name for stage in all_stages() for template in stage.nodes for name in template.parameters}
    wired = "\n".join(f".{name}" for name in (*declared, "kind"))
    models = option_models()
    assert {"Study", "Precision", "TrainingOptions", "Jacobian"} <= set(models)
    assert not unread_fields(models, [*sources, wired])


def test_an_unread_parameter_is_noticed():
    assert unread_fields({"Options": ["epochs", "colour"]}, ["for _ in range(options.epochs): pass"]) == [
        "Options.colour"
    ]
