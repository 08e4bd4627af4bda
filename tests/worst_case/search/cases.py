"""Problems that are small enough to try every policy, and their drops by a plain forward pass."""

import itertools

import torch
from torch import nn

from lowland.quantization.dynamic.arithmetic import arithmetic_of
from lowland.quantization.dynamic.layers import RoundedActivations
from lowland.worst_case import Budget, PolicyProblem, PolicySubject

CHOICES = (2, 3, 8)


def network(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 7), nn.ReLU(), nn.Linear(7, 4))


def rows(seed: int = 0, number: int = 120) -> tuple[torch.Tensor, torch.Tensor]:
    draws = torch.Generator().manual_seed(100 + seed)
    inputs = torch.randn(number, 6, generator=draws)
    return inputs, network(seed)(inputs).argmax(1)


def problem(seed: int = 0) -> PolicyProblem:
    inputs, targets = rows(seed)
    return PolicyProblem(PolicySubject(network(seed), inputs), inputs, targets)


def budget(mean_bits: float, goal: str = "worst") -> Budget:
    return Budget(CHOICES, mean_bits, (6, 10, 7), goal=goal)  # type: ignore[arg-type]  # of a parameter


@torch.no_grad()
def plain_drop(seed: int, widths: tuple[int, ...]) -> float:
    """Accuracy lost, layer by layer by hand."""
    values, targets = rows(seed)
    layers = list(network(seed))
    coding = arithmetic_of("litert").activations
    assert coding is not None
    for number, bits in enumerate(widths):
        if bits < 8:
            values = RoundedActivations(coding, bits=bits, row_dims=1)(values)
        values = layers[2 * number](values)
        if number < 2:
            values = layers[2 * number + 1](values)
    return float((values.argmax(1) != targets).double().mean())


def best_by_hand(seed: int, mean_bits: float, goal: str) -> tuple[float, tuple[int, ...]]:
    """The optimum among all policies that meet the mean, and the one that is taken of several."""
    means = {bits: (6 * bits[0] + 10 * bits[1] + 7 * bits[2]) / 23 for bits in itertools.product(CHOICES, repeat=3)}
    allowed = [b for b, m in means.items() if (m >= mean_bits - 1e-9 if goal == "worst" else m <= mean_bits + 1e-9)]
    drops = {bits: plain_drop(seed, bits) for bits in allowed}
    sign = -1 if goal == "worst" else 1
    best = min(allowed, key=lambda bits: (sign * drops[bits], means[bits], bits))
    return drops[best], best
