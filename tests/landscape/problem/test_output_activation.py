import copy

import pytest
import torch
from torch import nn
from torch.nn import functional

from lowland.architectures import initialised_network
from lowland.landscape import Problem, capture_curvature, obstacle_to_exactness
from lowland.landscape.problem.output_activation import without_output_activation
from lowland.quantization import Precision, build_quantized, calibrate, freeze
from tests.oracles import dense_hessian


def squared(outputs, targets):
    return (outputs - targets).square().mean()


def network(*tail):
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(4, 5), nn.ReLU(), nn.Linear(5, 6), *tail).double().eval()


def batches(width=6):
    draws = torch.Generator().manual_seed(1)
    return ((torch.randn(20, 4, generator=draws).double(), torch.rand(20, width, generator=draws).double()),)


@pytest.mark.parametrize("tail", [(nn.Sigmoid(),), (nn.Tanh(), nn.Unflatten(1, (2, 3)), nn.Flatten())])
def test_the_function_stays_and_its_curvature_is_exact(tail):
    whole, rows = network(*tail), batches()
    before = copy.deepcopy(whole.state_dict())
    problem = Problem(whole, squared, rows)
    bare, outer = problem.model, problem.loss
    assert bare is not whole and not any(isinstance(part, (nn.Sigmoid, nn.Tanh)) for part in bare.modules())
    inputs, targets = rows[0]
    torch.testing.assert_close(outer(bare(inputs), targets), squared(whole(inputs), targets), rtol=0, atol=0)
    diagonal = torch.cat([d.flatten() for d in capture_curvature(problem).diagonal.values()])
    dense = dense_hessian(whole, squared, inputs, targets)
    torch.testing.assert_close(diagonal, dense.diagonal(), rtol=1e-9, atol=1e-12)
    assert any(isinstance(part, (nn.Sigmoid, nn.Tanh)) for part in whole.modules())
    assert all(torch.equal(value, before[name]) for name, value in whole.state_dict().items())


@pytest.mark.parametrize("tail", [(), (nn.Sigmoid(), nn.Linear(6, 6)), (nn.ReLU(),)])
def test_what_does_not_end_in_a_smooth_activation_stays(tail):
    whole = network(*tail)
    assert without_output_activation(whole, batches())[0] is whole


def test_of_an_activation_used_twice_the_last_call_goes():
    shared = nn.Sigmoid()
    whole, rows = nn.Sequential(nn.Linear(4, 6), shared, nn.Linear(6, 6), shared).double().eval(), batches()
    bare, (activation,) = without_output_activation(whole, rows)
    inputs = rows[0][0]
    torch.testing.assert_close(bare(inputs), whole[2](whole[1](whole[0](inputs))), rtol=0, atol=0)
    torch.testing.assert_close(activation(bare(inputs)), whole(inputs), rtol=0, atol=0)


class Functional(nn.Module):
    """Smooth functions of the outputs that are no modules."""

    def __init__(self, ending):
        super().__init__()
        self.layer, self.ending = nn.Linear(4, 6), ending

    def forward(self, inputs):
        return self.ending(self.layer(inputs.tanh()).relu())


@pytest.mark.parametrize(
    ("ending", "number"),
    [
        (torch.sigmoid, 1),
        (lambda z: z.softmax(-1), 1),
        (lambda z: functional.softmax(z, dim=1).log(), 2),
        (lambda z: functional.gelu(z).flatten(1), 1),
        (lambda z: 2 * z.tanh(), 0),  # something acts on what it gives
        (lambda z: z.tanh() + z, 0),
        (lambda z: z.clamp(-1, 1), 0),
    ],
)
def test_functions_go_as_modules_do(ending, number):
    whole, rows = Functional(ending).double().eval(), batches()
    inputs, targets = rows[0]
    bare, activations = without_output_activation(whole, rows)
    assert len(activations) == number
    outputs = bare(inputs)
    for activation in activations:
        outputs = activation(outputs)
    torch.testing.assert_close(outputs, whole(inputs), rtol=0, atol=0)
    if number:
        problem = Problem(whole, squared, rows)
        trace = torch.cat([d.flatten() for d in capture_curvature(problem).diagonal.values()])
        torch.testing.assert_close(
            trace, dense_hessian(whole, squared, inputs, targets).diagonal(), rtol=1e-9, atol=1e-12
        )


def test_a_deployed_autoencoder_is_exact_up_to_its_sigmoid():
    spec = {"kind": "wafer_autoencoder", "side": 4, "filters": 2, "latent": 3, "initial_output": None}
    inputs = torch.rand(7, 1, 4, 4, generator=torch.Generator().manual_seed(0))
    twin = build_quantized(
        initialised_network(spec, key=("test",)),
        Precision(method="ptq", weight_bits=6, activation_bits=6),
        input_bits=8,
        float_from="decoder",
    )
    deployed = freeze(calibrate(twin, inputs)).dequantized().eval()
    rows = ((inputs, inputs.flatten(1)),)
    assert obstacle_to_exactness(deployed, rows) is not None
    assert obstacle_to_exactness(without_output_activation(deployed, rows)[0], rows) is None
