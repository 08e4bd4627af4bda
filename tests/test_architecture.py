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
    "scores",
    "errors",
    "artifacts",
    "atomic_files",
    "devices",
    "selection",
    "own_code",
}
GROUND = {"architectures", "tasks", "perturbation", "quantization"}
FIRST = {"training": {"perturbation", "quantization"}, "landscape": set(), "export": {"quantization"}}
SECOND = {"faults": {"quantization", "landscape"}}
THIRD = {
    "robustness": {"tasks", "perturbation", "quantization", "faults"},
    "trial": {"tasks", "architectures", "quantization", "landscape"},
    "certification": {"quantization", "export", "faults"},
    "disagreement": {"landscape"},
    "retraining": {"training", "quantization"},
    "worst_case": {"training", "quantization", "landscape", "disagreement"},
}
# From the long table on: nothing but its rows and their words is known of networks.
TABLES = {"analysis": set(), "decision": {"analysis"}, "report": {"analysis", "decision"}}
ALLOWED = (
    {room: set() for room in BASEMENT}
    | {
        "scores": {"vocabulary"},
        "measurements": {"estimate", "errors", "vocabulary"},
        "artifacts": {"estimate"},
        "devices": {"errors"},
        "coding": {"errors"},
        "selection": {"errors"},
        "own_code": {"errors"},
    }
    | {room: set(BASEMENT) for room in GROUND}
    | {"tasks": BASEMENT | {"architectures"}}
    | {room: BASEMENT | below for room, below in (FIRST | SECOND | THIRD | TABLES).items()}
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
    "completeness",
    "expectations",
    "given_axes",
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
        ("landscape", "from lowland.quantization.graph.integer import IntegerNetwork"),
        ("tasks", "import lowland.perturbation"),
        ("errors", "from lowland.estimate import Estimate"),
        ("training", "from lowland.pipelines.training import nodes"),
        ("training", "from lowland.faults.bit_flips import random_flips"),
        ("analysis", "from lowland.decision.requirements import Requirements"),
        ("analysis", "from lowland.tasks import Task"),
        ("decision", "from lowland.report.page import render_page"),
        ("decision", "from lowland.quantization import IntegerNetwork"),
        ("report", "from lowland.tasks.description import TaskDescriptions"),
        ("export", "from lowland.faults.bit_flips import random_flips"),
        ("quantization", "from lowland.export import export_onnx"),
        ("robustness", "from lowland.analysis.score import Score"),
        ("retraining", "from lowland.tasks import Splits"),
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


def imports_of_module(source):
    """The imports of the library that stand in a file itself, those for types alone too; functions import later."""
    for node in ast.parse(source).body:
        for each in node.body if isinstance(node, ast.If) else [node]:
            if isinstance(each, ast.ImportFrom) and each.module and each.module.startswith("lowland"):
                yield each


def graph_of(sources):
    """Which of these modules import which others of them, by name."""
    graph = {}
    for name, source in sources.items():
        wanted = set()
        for node in imports_of_module(source):
            for alias in node.names:
                target = f"{node.module}.{alias.name}"
                wanted.add(target if target in sources else node.module)
        # a package and its own modules import each other by design of __init__; ask only about real modules
        graph[name] = {w for w in wanted if w in sources and w != name and w != name.rpartition(".")[0]}
    return graph


def module_graph():
    sources = {}
    for path in PACKAGE.rglob("*.py"):
        name = ".".join(("lowland", *path.relative_to(PACKAGE).with_suffix("").parts)).removesuffix(".__init__")
        sources[name] = path.read_text()
    return graph_of(sources)


def test_no_module_imports_itself_in_a_circle():
    assert not circles(module_graph())


def test_a_circle_is_noticed():
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"a"}})
    assert not circles({"a": {"b", "c"}, "b": {"c"}, "c": set()})


def test_a_circle_of_imports_for_types_is_noticed():
    types = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lowland.config import Study\n"
    sources = {"lowland.config": "from lowland.measurable import measurable", "lowland.measurable": types}
    assert circles(graph_of(sources))
    assert not circles(graph_of(sources | {"lowland.measurable": "def f():\n    from lowland.config import Study"}))


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


MOST_PARAMETERS = 6
MODULES = {
    "nn.Module",
    "Module",
    "Step",
    "PlainStep",
    "StoringStep",
    "Quantize",
}  # bases of classes whose constructors are torch's kind
TOO_MANY: dict[str, int] = {
    "landscape.surface.connectivity.mode_connectivity": 10,
    "landscape.surface.loss_surface.loss_surface": 8,
    "worst_case.search.policy_search.search_policy": 8,
}
"""Functions with more parameters and how many they may have: the list gets shorter, never longer."""


def node_names():
    return {template.function.removeprefix("lowland.") for stage in all_stages() for template in stage.nodes}


def too_many_parameters(module, source, nodes=frozenset()):
    """Functions of a module with more parameters than a reader keeps apart, by name, and how many they have.

    Two kinds are left out. Kedro hands a node function its catalog entries one by one, each a parameter. The
    constructor of a ``torch.nn.Module`` takes its buffers and settings by name, as torch's own layers do. What stands
    for a problem (model, loss and batches) counts once.
    """
    found = {}

    def visit(node, names, is_module):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, ast.ClassDef):
                visit(child, [*names, child.name], any(ast.unparse(base) in MODULES for base in child.bases))
            elif isinstance(child, ast.FunctionDef):
                name = ".".join([module, *names, child.name])
                given = child.args
                parameters = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
                names_given = [p.arg for p in parameters if p is not None and p.arg not in ("self", "cls")]
                count = len(names_given) - 2 * (names_given[1:3] == ["loss", "batches"])
                if count > MOST_PARAMETERS and name not in nodes and not (is_module and child.name == "__init__"):
                    found[name] = count
                visit(child, [*names, child.name], False)
            else:
                visit(child, names, is_module)

    visit(ast.parse(source), [], False)
    return found


def test_no_function_has_more_parameters_than_a_reader_keeps_apart():
    found = {}
    for path in PACKAGE.rglob("*.py"):
        module = ".".join(path.relative_to(PACKAGE).with_suffix("").parts).removesuffix(".__init__")
        found |= too_many_parameters(module, path.read_text(), node_names())
    longer = {name: count for name, count in found.items() if count > TOO_MANY.get(name, MOST_PARAMETERS)}
    assert not longer, "expected an object in place of some parameters"
    assert not {name for name, count in TOO_MANY.items() if found.get(name, 0) < count}, "take them off the list"


def test_a_parameter_too_many_is_noticed():
    seven = "a, b, c, *, d, e, f, g"
    assert too_many_parameters("m", f"def f({seven}): pass") == {"m.f": 7}
    assert too_many_parameters("m", f"class A:\n def f(self, {seven}): pass") == {"m.A.f": 7}
    assert too_many_parameters("m", "def f(a, b, c, d, e, *rest, **more): pass") == {"m.f": 7}
    assert not too_many_parameters("m", "def f(a, b, c, d, e, f): pass")
    assert not too_many_parameters("m", "def f(model, loss, batches, a, b, c, d, e): pass")
    assert too_many_parameters("m", "def f(model, loss, batches, a, b, c, d, e, f): pass") == {"m.f": 7}
    assert not too_many_parameters("m", f"def f({seven}): pass", nodes={"m.f"})
    assert not too_many_parameters("m", f"class A(nn.Module):\n def __init__(self, {seven}): pass")
    assert too_many_parameters("m", f"class A(nn.Module):\n def forward(self, {seven}): pass") == {"m.A.forward": 7}
