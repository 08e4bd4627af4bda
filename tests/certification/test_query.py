"""What is asked is checked before anything is computed, and the network in real arithmetic is the module."""

import pytest
import torch
from torch import nn

from lowland.architectures.mlp import MLP
from lowland.architectures.resnet import ResNet8
from lowland.certification import Bounds, InputBox, Query, RealNetwork, WeightBox
from lowland.errors import LowlandError


def _perceptron(seed=0):
    torch.manual_seed(seed)
    return MLP(inputs=4, hidden=(6, 5), outputs=3).eval()


def test_the_operations_compute_what_the_module_does():
    torch.manual_seed(1)
    network = ResNet8(inputs=(1, 8, 8), outputs=10, width=4).eval()
    rows = torch.randn(5, 1, 8, 8)
    real = RealNetwork.of(network, rows)
    torch.testing.assert_close(real(rows).float(), network(rows), rtol=1e-4, atol=1e-5)
    assert {operation.kind for operation in real.operations.values()} == {"weighted", "activation", "linear"}
    acting_once = [operation.name for operation in real.operations.values() if not operation.acts_once]
    assert all("fc" not in name and "classifier" not in name for name in acting_once)
    assert len(acting_once) == 9  # every convolution acts at several places, the dense layer in one


def test_parameters_are_replaced_by_name_and_the_network_stays_as_it_is():
    network = _perceptron()
    rows = torch.randn(7, 4)
    real = RealNetwork.of(network, rows)
    before = real(rows)
    name = next(name for name in real.parameters if name.endswith("bias"))
    changed = real(rows, {name: real.parameters[name] + 1.0})
    assert not torch.equal(changed, before)
    assert torch.equal(real(rows), before)


def test_a_box_tells_how_much_of_it_other_parameters_use():
    real = RealNetwork.of(_perceptron(), torch.zeros(1, 4))
    box = WeightBox.around(real, 0.25)
    moved = {name: tensor + 0.125 for name, tensor in real.parameters.items()}
    assert box.used_by(real, moved) == pytest.approx(0.5)
    name = next(iter(real.parameters))
    one = WeightBox.around(real, {name: 0.25})
    assert one.used_by(real, moved) == float("inf")  # the others are kept still
    assert one.used_by(real, real.parameters) == 0.0


@pytest.mark.parametrize("epsilon", [0.0, -0.1, float("nan"), float("inf")])
def test_a_radius_that_is_not_above_zero_is_refused(epsilon):
    with pytest.raises(LowlandError, match="expected a number above 0"):
        Query.of(_perceptron(), torch.zeros(1, 4), epsilon)


def test_radii_of_other_shapes_and_names_are_refused():
    real = RealNetwork.of(_perceptron(), torch.zeros(1, 4))
    name = next(iter(real.parameters))
    with pytest.raises(LowlandError, match=r"shape \[2\]; expected"):
        WeightBox.around(real, {name: torch.ones(2)})
    with pytest.raises(LowlandError, match="epsilon names nothing; expected some of"):
        WeightBox.around(real, {"nothing": 0.1})
    with pytest.raises(LowlandError, match="no negative"):
        WeightBox.around(real, {name: torch.zeros_like(real.parameters[name])})


def test_boxes_of_inputs_are_checked():
    with pytest.raises(LowlandError, match=r"empty at \[0, 1\]: 1 to 0"):
        InputBox(torch.tensor([[0.0, 1.0]]), torch.tensor([[0.0, 0.0]]))
    with pytest.raises(LowlandError, match="not finite"):
        InputBox(torch.tensor([[float("nan")]]), torch.tensor([[0.0]]))
    with pytest.raises(LowlandError, match="no rows"):
        Query.of(_perceptron(), torch.zeros(0, 4), 0.1)
    assert InputBox.of(torch.zeros(2, 4)).is_fixed


def test_weights_that_are_no_numbers_are_refused():
    network = _perceptron()
    with torch.no_grad():
        network.layers[0].weight[0, 0] = float("nan")
    with pytest.raises(LowlandError, match="finite"):
        Query.of(network, torch.zeros(1, 4), 0.1)


def test_operations_that_cannot_be_enclosed_are_all_named():
    network = nn.Sequential(nn.Linear(4, 4), nn.LayerNorm(4), nn.Linear(4, 4), nn.Mish())
    with pytest.raises(LowlandError, match=r"2 operations that certification cannot enclose: layer 1, layer 3"):
        Query.of(network, torch.zeros(1, 4), 0.1)


def test_a_witness_may_exceed_a_proof_by_rounding_alone():
    assert Bounds.of(0.25 + 1e-15, 0.25, "exact").upper == 0.25 + 1e-15
    with pytest.raises(ValueError, match="expected the lower one first"):
        Bounds.of(0.26, 0.25, "exact")


def test_two_statements_together_say_more():
    both = Bounds(0.0, 2.0, "relaxed") & Bounds(0.5, 3.0, "timeout")
    assert (both.lower, both.upper, both.status) == (0.5, 2.0, "relaxed")
    with pytest.raises(ValueError, match="lower one first"):
        Bounds(1.0, 0.0, "exact")
