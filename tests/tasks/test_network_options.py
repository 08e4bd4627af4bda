"""The network of a table: the project's, or the user's own."""

import pytest
import torch
from pydantic import ValidationError

from lowland.architectures import initialised_network
from lowland.config_errors import lines_of
from lowland.tasks import Samples, TaskOptions, build_task
from lowland.trial import try_task
from tests.tasks.table.tables import turbines

NETS = """
from torch import nn

def build(inputs, outputs, width=4):
    assert isinstance(inputs, tuple)
    return nn.Sequential(nn.Linear(inputs[0], width), nn.ReLU(), nn.Linear(width, outputs))
"""
SIZES = {"train_rows": 400, "validation_rows": 60, "landscape_rows": 60, "test_rows": 140}
OWN = {"network": "theirs.nets:build", "network_options": {"width": 5}}


def options(**changes):
    return (
        SIZES
        | {
            "kind": "table",
            "path": "turbines.csv",
            "features": ["wind", "speed", "temperature"],
            "target": "bearing",
            "classes": {"sound": 0, "worn": [1, 2]},
            "missing": "mean",
            "missing_codes": [-99],
        }
        | changes
    )


@pytest.fixture
def nets(package):
    package.write("theirs.nets", NETS)


def test_a_network_of_ones_own_stands_in_place_of_hidden(nets):
    asked = TaskOptions.model_validate(options(**OWN))
    task = build_task(asked)
    spec = {"kind": "custom", "build": "theirs.nets:build", "inputs": [3], "outputs": 2, "options": {"width": 5}}
    assert task.network_spec() == spec == task.network_spec_for(Samples(torch.ones(2, 3), torch.ones(2)))
    assert asked.own_code == ("theirs.nets:build",)
    assert "the network is theirs.nets:build." in task.description
    assert next(tuple(p.shape) for p in initialised_network(spec, key=("a",)).parameters()) == (5, 3)


def test_without_it_nothing_is_new():
    asked = TaskOptions.model_validate(options(hidden=[6]))
    assert asked.own_code == ()
    assert build_task(asked).network_spec() == {"kind": "mlp", "inputs": 3, "hidden": [6], "outputs": 2}
    assert "the network has 6 hidden units with ReLU." in build_task(asked).description


def test_it_passes_the_trial_on_the_table(nets, tmp_path):
    turbines().to_csv(tmp_path / "turbines.csv", index=False)
    asked = options(**OWN, path=str(tmp_path / "turbines.csv"), features="all", drop=["note_*", "power"])
    findings = try_task(build_task(TaskOptions.model_validate(asked)), name="tasks.bearing")
    assert findings.mistakes == []
    assert [what for what, _ in findings.notes] == ["declared", "data", "network", "scoring", "quantization"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({}, "parameter hidden is missing; add it to conf/base/parameters*.yml"),
        (
            {"network": "mpl", "hidden": [4]},
            "expected mlp, or a function of yours as package.module:name; did you mean mlp?",
        ),
        ({"network": "theirs.nets:biuld"}, "theirs.nets has no biuld; did you mean build?"),
        ({"network": "no_such:build"}, "there is no package no_such; expected it in src/"),
        (OWN | {"hidden": [4]}, "hidden is [4], but network is theirs.nets:build; remove hidden"),
        (OWN | {"network_options": {"widht": 5}}, "theirs.nets:build takes (inputs, outputs, width=4): "),
        (
            {"hidden": [4], "network_options": {"width": 5}},
            "network_options are {'width': 5} with network: mlp; expected",
        ),
    ],
)
def test_a_mistake_is_one_line(nets, changes, message):
    with pytest.raises(ValidationError) as error:
        TaskOptions.model_validate(options(**changes))
    (line,) = lines_of(error.value, TaskOptions, options(**changes), None)
    assert message in line and "\n" not in line
