"""Divergences against their definitions, and within their bounds."""

import math

import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import nn

from lowland.quantization.dynamic.twin import DynamicTwin
from lowland.training.divergence import bounded_divergence, divergence_from_teacher, divergence_in_codes


def kl(first: torch.Tensor, second: torch.Tensor) -> float:
    p, q = first.double().softmax(1), second.double().softmax(1)
    return float((p * (p / q).log()).sum(1).mean())


def test_the_teacher_comes_first() -> None:
    draws = torch.Generator().manual_seed(0)
    student, teacher = torch.randn(2, 30, 4, generator=draws, dtype=torch.float64)
    assert math.isclose(float(divergence_from_teacher(student, teacher)), kl(teacher, student), rel_tol=1e-9)


@given(st.floats(0.5, 4), st.integers(0, 100))
def test_the_bounded_one_is_the_mean_divergence_from_the_mean(temperature: float, seed: int) -> None:
    first, second = torch.randn(2, 9, 3, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 5
    p, q = (first / temperature).softmax(1), (second / temperature).softmax(1)
    mean = (p + q) / 2
    expected = ((p * (p / mean).log()).sum(1) + (q * (q / mean).log()).sum(1)).mean() / 2
    found = bounded_divergence(first, second, temperature=temperature)
    assert math.isclose(float(found), float(expected), rel_tol=1e-9)
    assert 0 <= float(found) <= math.log(2)


def test_it_is_bounded_where_logits_are_huge_and_has_derivatives_there() -> None:
    first = torch.tensor([[1e4, -1e4], [0.0, 0.0]], requires_grad=True)
    second = torch.tensor([[-1e4, 1e4], [0.0, 0.0]])
    found = bounded_divergence(first, second)
    assert math.isclose(float(found.detach()), math.log(2) / 2, rel_tol=1e-6)
    found.backward()
    assert first.grad is not None and first.grad.isfinite().all()


def test_batch_norm_and_dropout_are_no_part_of_the_divergence_in_codes() -> None:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = nn.Sequential(nn.Linear(6, 16), nn.BatchNorm1d(16), nn.ReLU(), nn.Dropout(0.5), nn.Linear(16, 3))
        network(torch.randn(200, 6) * 2 + 1)  # running statistics that are not those of a batch
        inputs = torch.randn(50, 6)
        outputs = network(inputs)
        found = divergence_in_codes(network, DynamicTwin(network, runtime="litert"), inputs, outputs)
    assert float(found.detach()) < 1e-4 < float(bounded_divergence(outputs, network.eval()(inputs)).detach())
    found.backward()
