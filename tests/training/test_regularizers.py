import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.training.regularizers import jacobian_penalty, orthogonality_penalty


def network(seed=0, outputs=4):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(5, 7), nn.Tanh(), nn.Linear(7, outputs)).double()


def exact(model, inputs):
    jacobians = torch.func.vmap(torch.func.jacrev(model))(inputs)
    return 0.5 * jacobians.detach().square().sum(dim=(1, 2)).mean()


def penalty(model, inputs, n, generator=None):
    inputs = inputs.clone().requires_grad_()
    return jacobian_penalty(model(inputs), inputs, num_projections=n, generator=generator)


def test_all_projections_give_the_exact_value():
    model, inputs = network(), torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    assert float(penalty(model, inputs, 4).detach()) == pytest.approx(float(exact(model, inputs)), rel=1e-12)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_fewer_projections_are_unbiased(n):
    model, inputs = network(), torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(2)
    draws = torch.stack([penalty(model, inputs, n, generator).detach() for _ in range(600)])
    error = float(draws.std() / len(draws) ** 0.5)
    assert abs(float(draws.mean()) - float(exact(model, inputs))) < 4 * error


def test_value_does_not_depend_on_the_batch_size():
    model, inputs = network(), torch.randn(12, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    whole = penalty(model, inputs, 4)
    halves = (penalty(model, inputs[:6], 4) + penalty(model, inputs[6:], 4)) / 2
    assert float(whole.detach()) == pytest.approx(float(halves.detach()), rel=1e-12)


def test_frames_are_orthonormal_so_more_projections_vary_less():
    model, inputs = network(), torch.randn(6, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    generator = torch.Generator().manual_seed(3)
    spread = [torch.stack([penalty(model, inputs, n, generator).detach() for _ in range(200)]).std() for n in (1, 3)]
    # one frame of three of four orthonormal vectors leaves only the fourth out: far less than 1/sqrt(3)
    assert spread[1] < 0.45 * spread[0]


def test_penalty_trains_the_weights():
    model, inputs = network(), torch.randn(6, 5, dtype=torch.float64)
    penalty(model, inputs, 4).backward()
    assert model[0].weight.grad is not None and model[0].weight.grad.abs().sum() > 0


def test_wrong_use_of_the_jacobian_penalty_is_told():
    model, inputs = network(), torch.randn(6, 5, dtype=torch.float64)
    with pytest.raises(LowlandError, match="num_projections is 5; expected 1 to the number of outputs, 4"):
        penalty(model, inputs, 5)
    with pytest.raises(LowlandError, match="do not require gradients"):
        jacobian_penalty(model(inputs), inputs, num_projections=1)


def test_orthonormal_rows_or_columns_cost_nothing():
    wide, tall, conv, transposed = nn.Linear(6, 3), nn.Linear(3, 6), nn.Conv2d(2, 4, 3), nn.ConvTranspose2d(2, 4, 3)
    for layer in (wide, tall, conv):
        nn.init.orthogonal_(layer.weight)
    with torch.no_grad():  # stored as in x out x kernel; the matrix is out x (in x kernel)
        transposed.weight.copy_(nn.init.orthogonal_(torch.empty(4, 18)).reshape(4, 2, 3, 3).transpose(0, 1))
    for layer in (wide, tall, conv, transposed):
        assert float(orthogonality_penalty(layer).detach()) == pytest.approx(0.0, abs=1e-9)


def test_orthogonality_ignores_batch_norm_and_biases():
    model = nn.Sequential(nn.Linear(4, 4), nn.BatchNorm1d(4))
    before = float(orthogonality_penalty(model).detach())
    with torch.no_grad():
        model[0].bias.fill_(9.0)
        model[1].weight.fill_(9.0)
    assert float(orthogonality_penalty(model).detach()) == before
    with torch.no_grad():
        model[0].weight.copy_(2 * torch.eye(4))
    assert float(orthogonality_penalty(model).detach()) == pytest.approx(4 * 9.0)


def test_orthogonality_needs_a_weight_matrix():
    with pytest.raises(LowlandError, match="no Linear or convolution layer"):
        orthogonality_penalty(nn.ReLU())
