"""The trace where weights act at every place of a sequence: sampled, within its error of the dense one."""

import pytest
import torch
from torch.func import functional_call
from torch.nn.functional import cross_entropy

from lowland.landscape import hessian_trace
from tests.quantization.recurrent import CASES


@pytest.mark.parametrize("name", ["lstm", "gru_text"])
def test_the_trace_of_a_recurrent_network_is_within_its_error_of_the_dense_one(name):
    model = CASES[name].integer(4).dequantized().eval()
    rows, targets = CASES[name].rows(16, seed=1), torch.arange(16) % 3
    found = hessian_trace(
        model, cross_entropy, [(rows, targets)], num_probes=60, generator=torch.Generator().manual_seed(0)
    )
    parameters = dict(model.named_parameters())
    values = {key: p.detach().clone().requires_grad_(True) for key, p in parameters.items()}
    loss = cross_entropy(functional_call(model, values, (rows,)), targets)
    slopes = torch.autograd.grad(loss, list(values.values()), create_graph=True)
    dense = 0.0
    for slope, value in zip(slopes, values.values(), strict=True):
        for place in range(value.numel()):
            (row,) = torch.autograd.grad(slope.flatten()[place], value, retain_graph=True)
            dense += float(row.flatten()[place])
    assert found.status == "ok" and found.standard_error > 0
    assert abs(found.value - dense) < 3 * found.standard_error
