from __future__ import annotations

import pytest
import torch
from torch import Tensor

from lowland.quantization.fake_quantized.grid import Grid, on_grid


def step_by_step(values: Tensor, scale: Tensor, lowest: int, highest: int) -> Tensor:
    """The same with one straight-through rounding in an ordinary graph."""
    if lowest == 0:
        values = values.relu()
    scaled = values / scale
    rounded = scaled + (scaled.round() - scaled).detach()
    return rounded.clamp(lowest, highest) * scale


@pytest.mark.parametrize(("lowest", "highest"), [(-4, 3), (-3, 3), (0, 7)])
@pytest.mark.parametrize("shape", [(), (5, 1, 1)])
def test_derivatives_of_every_order_are_those_of_the_ordinary_graph(
    lowest: int, highest: int, shape: tuple[int, ...]
) -> None:
    draws = torch.Generator().manual_seed(1)
    values = torch.randn(5, 4, 6, generator=draws, dtype=torch.float64).mul_(2).requires_grad_()
    threshold = (torch.rand(shape, generator=draws, dtype=torch.float64) + 0.5).requires_grad_()
    weights = torch.randn(5, 4, 6, generator=draws, dtype=torch.float64)
    found = []
    for function in (
        lambda *arguments: on_grid(arguments[0], Grid(*arguments[1:], rectifies=arguments[2] == 0)),
        step_by_step,
    ):
        scale = threshold.square()  # the chain through the parameter of a scale bends
        result = function(values, scale, lowest, highest)
        first = torch.autograd.grad((result.square() * weights).sum(), [values, threshold], create_graph=True)
        total = first[0].square().sum() + first[1].square().sum()
        second = torch.autograd.grad(total, [values, threshold])
        found.append([result.detach(), *(tensor.detach() for tensor in first), *second])
    for mine, ordinary in zip(*found, strict=True):
        torch.testing.assert_close(mine, ordinary, rtol=1e-10, atol=1e-10)


def test_transforms_of_torch_pass_through() -> None:
    draws = torch.Generator().manual_seed(2)
    values, scale = torch.randn(3, 4, generator=draws), torch.tensor([0.3, 0.5, 0.2])

    def total(row: Tensor, step: Tensor) -> Tensor:
        return on_grid(row, Grid(step, -4, 3)).square().sum()

    batched = torch.func.vmap(torch.func.grad(total, argnums=(0, 1)))(values, scale)
    for index in range(3):
        row, step = values[index].clone().requires_grad_(), scale[index].clone().requires_grad_()
        expected = torch.autograd.grad(total(row, step), (row, step))
        torch.testing.assert_close([part[index] for part in batched], list(expected))


def test_batches_of_gradients_pass_through() -> None:
    values = torch.linspace(-2, 2, 8).requires_grad_()
    scale = torch.tensor(0.3, requires_grad=True)
    result = on_grid(values, Grid(scale, -4, 3))
    cotangents = torch.eye(8)
    batched = torch.autograd.grad(result, (values, scale), cotangents, is_grads_batched=True, retain_graph=True)
    for index, cotangent in enumerate(cotangents):
        single = torch.autograd.grad(result, (values, scale), cotangent, retain_graph=True)
        torch.testing.assert_close([part[index] for part in batched], list(single))
