import pytest
import torch
from torch import nn

from lowland.quantization import Precision, batch_sensitivity, padding_sensitivity, quantize_dynamically


def subject(runtime: str, **options):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 16), nn.ReLU(), nn.Linear(16, 5)).eval()
    inputs = torch.randn(60, 6, generator=torch.Generator().manual_seed(1))
    inputs[-1] *= 40  # a neighbour that takes all the range
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime=runtime, **options)
    return quantize_dynamically(network, precision), inputs


def decide(outputs: torch.Tensor) -> torch.Tensor:
    return outputs.argmax(1)


def test_a_loud_neighbour_changes_the_answers_of_a_batch():
    network, inputs = subject("onnxruntime")
    changed = batch_sensitivity(network, inputs, decide, rows=50)
    assert changed.shape == (50,) and 0 < int(changed.sum()) < 50
    alone = torch.cat([decide(network(row[None])) for row in inputs[:50]])
    assert torch.equal(changed, decide(network(inputs))[:50] != alone)
    quiet = batch_sensitivity(network, inputs[:-1], decide, rows=50)
    assert int(quiet.sum()) < int(changed.sum())


@pytest.mark.parametrize("runtime, options", [("torchao", {}), ("litert", {}), ("onnxruntime", {"batch_rows": 1})])
def test_nothing_else_matters_where_rows_are_computed_by_themselves(runtime, options):
    network, inputs = subject(runtime, **options)
    assert not batch_sensitivity(network, inputs, decide, rows=50).any()
    assert not padding_sensitivity(network, inputs[:50], decide).any()


def test_padding_matters_where_silence_is_loud_inside():
    """Rows of zeros drive the second hidden unit to 100, whose range leaves the first one less than a code."""
    network = nn.Sequential(nn.Linear(2, 2), nn.ReLU(), nn.Linear(2, 2)).eval()
    with torch.no_grad():
        network[0].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, -100.0]]))
        network[0].bias.copy_(torch.tensor([0.0, 100.0]))
        network[2].weight.copy_(torch.tensor([[1.0, 0.0], [0.0, 0.0]]))
        network[2].bias.copy_(torch.tensor([0.0, 0.1]))
    inputs = torch.stack((torch.linspace(0.15, 0.22, 5), torch.ones(5)), 1)
    precision = Precision(method="dynamic", weight_bits=8, activation_bits=8, runtime="onnxruntime")
    assert padding_sensitivity(quantize_dynamically(network, precision), inputs, decide).all()
    alone = precision.model_copy(update={"batch_rows": 1})
    assert not padding_sensitivity(quantize_dynamically(network, alone), inputs, decide).any()
