"""The probe accepts networks that are piecewise linear in each parameter tensor and refuses others with a reason."""

import pytest
import torch
from torch import nn

from lowland.landscape import obstacle_to_exactness
from tests.cases import CASES, EXACT, REFUSED
from tests.oracles import dense_hessian


@pytest.mark.parametrize("name", EXACT)
def test_accepts(name):
    case = CASES[name]
    assert obstacle_to_exactness(case.model(), case.data()[0]) is None
    assert obstacle_to_exactness(case.model().float(), case.data()[0].float()) is None


@pytest.mark.parametrize("name", REFUSED)
def test_refuses_with_the_reason(name):
    case = CASES[name]
    assert case.refused in obstacle_to_exactness(case.model(), case.data()[0])
    assert case.refused in obstacle_to_exactness(case.model().float(), case.data()[0].float())


def test_refuses_batch_norm_in_training():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.Linear(6, 3))
    inputs = torch.randn(16, 4)
    assert "'0.weight'" in obstacle_to_exactness(model.train(), inputs)
    assert obstacle_to_exactness(model.eval(), inputs) is None


def test_a_probe_on_all_layers_at_once_would_refuse_what_is_exact():
    """Between layers even a ReLU network bends: only within one tensor is it linear."""
    case = CASES["mlp"]
    model, (inputs, targets) = case.model(), case.data()
    full = dense_hessian(model, case.loss, inputs, targets)
    outputs = model(inputs).detach()
    curvature_of_loss = (
        dense_hessian(  # the same with a loss that is linear in the outputs: what Gauss-Newton leaves out
            model, lambda z, y: (z * torch.sin(outputs)).mean(), inputs, targets
        )
    )
    assert curvature_of_loss.abs().max() > 1e-3 * full.abs().max()
    assert curvature_of_loss.diagonal().abs().max() == 0


def test_rows_of_all_batches_are_looked_at():
    """Hard-swish is linear beyond 3: the first 64 rows, or the first batch, know of no bend."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.Hardswish(), nn.Linear(6, 3)).eval()
    model[0].bias.data.fill_(20.0)
    inputs = torch.randn(400, 4)
    inputs[200:] *= 20
    targets = torch.randint(0, 3, (400,))
    assert obstacle_to_exactness(model, inputs[:200]) is None
    assert "'0.weight'" in obstacle_to_exactness(model, inputs)
    batches = tuple(zip(inputs.split(100), targets.split(100), strict=True))
    assert "'0.weight'" in obstacle_to_exactness(model, batches)


@pytest.mark.parametrize("size", [1e-5, 1e-3])
def test_tiny_weights_do_not_hide_a_bend(size):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 6), nn.GELU(), nn.Linear(6, 3)).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(std=size)
    assert "'0.weight'" in obstacle_to_exactness(model, torch.randn(64, 4))
    model[1] = nn.ReLU()
    assert obstacle_to_exactness(model, torch.randn(64, 4)) is None


class _SinglePrecision(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.layer, self.activation, self.table = nn.Linear(4, 3), activation, torch.eye(3)

    def forward(self, values):
        return self.activation(self.layer(values)) @ self.table  # no buffer: its type is fixed


def test_models_of_a_fixed_type_are_looked_at_in_it():
    inputs = torch.randn(20, 4)
    assert obstacle_to_exactness(_SinglePrecision(nn.ReLU()).eval(), inputs) is None
    assert "'layer.weight'" in obstacle_to_exactness(_SinglePrecision(nn.Tanh()).eval(), inputs)
