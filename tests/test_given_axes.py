"""Studies of networks from outside: their axes, and what cannot stand beside them."""

import pytest

from lowland.config import validate
from lowland.errors import LowlandError
from lowland.grid import Grid
from lowland.placing import build
from lowland.stages import all_stages
from tests.studies import default_parameters
from tests.tasks.test_network_options import options

GIVEN = {"given": {"kind": "given"}}
IMPORTED = {"imported": {"method": "imported"}}
TASK = options(network={"qonnx": "worn.onnx"})


def asked(**changes):
    base = default_parameters() | {"requirements": {}, "tasks": {"worn": TASK}}
    return base | {"recipes": GIVEN, "seeds": {"s0": 0}, "precisions": IMPORTED} | changes


def test_one_recipe_one_seed_one_precision_and_no_training():
    study = Grid(validate(asked()))
    (cell,) = study.cells
    assert (cell.id, cell.method) == ("worn.given.s0.imported", "imported")
    pipelines = build(all_stages(), study)
    (read,) = pipelines["training"].nodes
    assert read.name == "worn.given.s0.read_network"
    assert read.outputs == ["worn.given.s0.trained", "worn.given.s0.as_given"]
    (deploy,) = pipelines["quantization"].nodes
    assert deploy.name == "worn.given.s0.imported.deploy_imported"
    assert set(read.outputs) < set(deploy.inputs)
    assert any(node.name.endswith("imported.map_flips") for node in pipelines["perturbation"].nodes)


def test_networks_that_are_trained_are_not_read():
    names = [node.short_name for node in build(all_stages(), Grid(validate(default_parameters())))["training"].nodes]
    assert len(names) == 24 and all("train" in name.lower() for name in names)


WRITE = "write recipes: {given: {kind: given}}, seeds: {s0: 0}, precisions: {imported: {method: imported}}"
QAT = {"method": "qat", "weight_bits": 8, "activation_bits": 8}
JETS = default_parameters()["tasks"]["jets"]


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"recipes": {"plain": {"kind": "plain"}}}, f"recipes are plain, seeds s0, precisions imported; {WRITE}"),
        ({"recipes": GIVEN | {"plain": {"kind": "plain"}}}, f"recipes are given, plain, .*{WRITE}"),
        ({"seeds": {"s0": 0, "s1": 1}}, f"seeds s0, s1, .*{WRITE}"),
        ({"precisions": IMPORTED | {"qat8": QAT}}, f"precisions imported, qat8; {WRITE}"),
        ({"precisions": {"qat8": QAT}}, f"precisions qat8; {WRITE}"),
        (
            {"tasks": {"worn": TASK, "jets": JETS}},
            "comes from outside, but the network of jets is trained here;",
        ),
        ({"tasks": {"jets": JETS}}, r"parameter recipes\.given is for networks from outside, and no task has one"),
        (
            {"precisions": {"imported": {"method": "imported", "weight_bits": 8}}},
            "weight_bits is 8 with method imported; expected none: the network has its own",
        ),
        (
            {"precisions": {"imported": {"method": "imported", "scale": "power_of_two"}}},
            "scale is power_of_two with method imported; expected no scale",
        ),
    ],
)
def test_what_does_not_go_together_is_one_line_with_what_to_write(changes, message):
    with pytest.raises(LowlandError, match=message) as error:
        validate(asked(**changes))
    assert "\n" not in str(error.value)
