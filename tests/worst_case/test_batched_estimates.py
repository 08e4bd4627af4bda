"""Errors of means over rows that share a scale with the rows beside them."""

import math

import pytest
import torch
from torch import nn

from lowland.quantization import Precision, quantize_dynamically
from lowland.worst_case import PolicyProblem, subject_of


def problem(batch_rows: int) -> PolicyProblem:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(4, 8), nn.ReLU(), nn.Linear(8, 3)).eval()
    given = {"method": "dynamic", "weight_bits": 8, "activation_bits": 8, "runtime": "onnxruntime"}
    batch = quantize_dynamically(network, Precision.model_validate(given | {"batch_rows": batch_rows}))
    inputs = torch.randn(95, 4, generator=torch.Generator().manual_seed(1))
    return PolicyProblem(subject_of(batch, inputs[:1]), inputs, None)


def test_whole_batches_are_what_errs() -> None:
    samples = torch.randn(95, generator=torch.Generator().manual_seed(2)).double()
    found = problem(10).estimate(samples)
    assert found.value == pytest.approx(float(samples.mean())) and found.num_samples == 95
    sums = torch.stack([(part - samples.mean()).sum() for part in samples.split(10)])
    assert found.standard_error == pytest.approx(float((sums.square().sum() * 10 / 9).sqrt() / 95))
    repeated = samples[:10].repeat_interleave(10)[:95]  # one number a batch: as good as ten rows
    alone = problem(1).estimate(repeated).standard_error
    assert problem(10).estimate(repeated).standard_error > 2.5 * alone
    assert math.isnan(problem(95).estimate(samples).standard_error)


def test_what_a_policy_costs_does_not_follow_how_many_rows_are_judged_at_once() -> None:
    whole = problem(5)
    parts = [PolicyProblem(whole.subject, whole.inputs[start : start + 5], None) for start in range(0, 95, 5)]
    together = whole.harms(whole.outputs((3, 3)))
    assert torch.equal(together, torch.cat([part.harms(part.outputs((3, 3))) for part in parts]))
