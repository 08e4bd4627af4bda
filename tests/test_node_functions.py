"""Functions of nodes are named, imported when they are called, and given what their annotations ask for."""

import inspect
import pickle
import subprocess
import sys

import pytest
from pydantic import BaseModel

from lowland.node_functions import NodeFunction, function_of
from lowland.stages import all_stages

HERE = "tests.test_node_functions"


class Options(BaseModel):
    depth: int


def deepened(options: Options, by: int, *others: int) -> int:
    return options.depth + by + sum(others)


def test_it_calls_the_function_with_models_made_from_parameters():
    function = NodeFunction(f"{HERE}.deepened")
    assert function({"depth": 2}, 1) == function(Options(depth=2), by=1) == 3
    assert function({"depth": 2}, 1, 10, 20) == 33
    with pytest.raises(ValueError, match="depth"):
        function({"deep": 2}, 1)


def test_it_travels_as_its_path():
    function = NodeFunction(f"{HERE}.deepened")
    again = pickle.loads(pickle.dumps(function))
    assert again == function and hash(again) == hash(function) and again != NodeFunction(f"{HERE}.other")
    assert (again.__module__, again.__name__) == (HERE, "deepened")  # what runners and timings go by


def test_naming_a_function_imports_nothing():
    code = (
        "import sys; from lowland.node_functions import NodeFunction as F; "
        "F('lowland.pipelines.report.nodes.report'); print([m for m in sys.modules if m.startswith('lowland.p')])"
    )
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.strip() == "[]"


@pytest.mark.parametrize(
    "template",
    [template for stage in all_stages() for template in stage.nodes],
    ids=lambda template: f"{template.level}-{template.name}",
)
def test_every_declared_function_takes_the_declared_inputs(template):
    """Kedro cannot see it: an input too many would be noticed at the end of a run only."""
    function = function_of(template.function)
    assert inspect.isfunction(function), template.function
    inspect.signature(function).bind(*template.inputs)
