"""A network under a policy computes what its runtime computes at these widths."""

import pytest
import torch
from torch import nn

from lowland.errors import LowlandError
from lowland.quantization import Precision, quantize_dynamically
from lowland.worst_case import PolicyProblem, PolicySubject


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(6, 12), nn.ReLU(), nn.Linear(12, 8), nn.ReLU(), nn.Linear(8, 3))


def dynamic(bits: int, runtime: str = "litert") -> nn.Module:
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=bits, runtime=runtime)
    return quantize_dynamically(network(), precision)


INPUTS = torch.randn(40, 6, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("runtime", ["torchao", "litert", "onnxruntime"])
def test_without_a_choice_and_at_one_width_it_is_the_runtime(runtime: str) -> None:
    problem = PolicyProblem(PolicySubject(dynamic(8, runtime), INPUTS), INPUTS, None)
    assert torch.equal(problem.outputs((8, 8, 8)), dynamic(8, runtime)(INPUTS))
    assert torch.equal(problem.outputs((3, 3, 3)), dynamic(3, runtime)(INPUTS))
    assert torch.equal(problem.reference, dynamic(8, runtime)(INPUTS))


@pytest.mark.parametrize("runtime", ["torchao", "litert"])
def test_rows_have_widths_of_their_own(runtime: str) -> None:
    problem = PolicyProblem(PolicySubject(dynamic(8, runtime), INPUTS), INPUTS, None)
    widths = torch.tensor([2, 4, 8])[torch.arange(40)[:, None].expand(-1, 3) % 3]
    found = problem.outputs_by_row(widths)
    for number, bits in enumerate((2, 4, 8)):
        assert torch.equal(found[number::3], problem.outputs((bits,) * 3)[number::3])


def test_a_width_that_a_layer_has_already_changes_nothing() -> None:
    subject = PolicySubject(network(), INPUTS, own_bits=6)
    assert torch.equal(subject(INPUTS, lambda layer, values: 8), network()(INPUTS))
    assert not torch.equal(subject(INPUTS, lambda layer, values: 3), network()(INPUTS))


def test_batch_scales_are_refused_row_by_row() -> None:
    problem = PolicyProblem(PolicySubject(dynamic(8, "onnxruntime"), INPUTS), INPUTS, None)
    with pytest.raises(LowlandError, match="use runtime torchao or litert"):
        problem.outputs_by_row(torch.full((40, 3), 4))


def test_a_network_without_layers_is_refused() -> None:
    with pytest.raises(LowlandError, match="no layer"):
        PolicySubject(nn.Sequential(nn.ReLU()), INPUTS)
