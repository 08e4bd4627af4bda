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
